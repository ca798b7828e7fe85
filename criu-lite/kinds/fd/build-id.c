// SPDX-License-Identifier: GPL-2.0-only
/*
 * The build id of an ELF file.
 *
 *	ELF header -> program headers -> PT_NOTE segments -> a note of type
 *	NT_GNU_BUILD_ID and name "GNU"
 *
 * The file is whatever the victim or the image names: every count and offset
 * in it is bounded before it is used, and what is out of bounds counts as
 * "no build id", since nothing depends on there being one.
 */
#include "kinds/fd/build-id.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "util/io.h"
#include "util/macro.h"

/* Linkers write a handful of headers and notes of some hundred bytes. */
#define MAX_HEADERS 128
#define MAX_NOTES 4096

struct segment {
	uint64_t offset, size;
};

/* The PT_NOTE segments of a file, whichever its class. */
struct notes {
	struct segment segments[MAX_HEADERS];
	size_t n;
};

static void add_segment(struct notes *notes, uint32_t type, uint64_t offset, uint64_t size)
{
	if (type != PT_NOTE || offset > INT64_MAX - MAX_NOTES)
		return;
	notes->segments[notes->n].offset = offset;
	notes->segments[notes->n++].size = MIN(size, (uint64_t)MAX_NOTES);
}

static int read_headers64(int fd, const Elf64_Ehdr *h, struct notes *notes)
{
	Elf64_Phdr phdrs[MAX_HEADERS];
	ssize_t n;

	if (h->e_phentsize != sizeof(*phdrs) || h->e_phoff > INT64_MAX - sizeof(phdrs))
		return 0;
	n = pread_all(fd, phdrs, MIN(h->e_phnum, MAX_HEADERS) * sizeof(*phdrs), h->e_phoff);
	for (ssize_t i = 0; n > 0 && i < (ssize_t)(n / sizeof(*phdrs)); i++)
		add_segment(notes, phdrs[i].p_type, phdrs[i].p_offset, phdrs[i].p_filesz);
	return n < 0 ? n : 0;
}

static int read_headers32(int fd, const Elf32_Ehdr *h, struct notes *notes)
{
	Elf32_Phdr phdrs[MAX_HEADERS];
	ssize_t n;

	if (h->e_phentsize != sizeof(*phdrs))
		return 0;
	n = pread_all(fd, phdrs, MIN(h->e_phnum, MAX_HEADERS) * sizeof(*phdrs), h->e_phoff);
	for (ssize_t i = 0; n > 0 && i < (ssize_t)(n / sizeof(*phdrs)); i++)
		add_segment(notes, phdrs[i].p_type, phdrs[i].p_offset, phdrs[i].p_filesz);
	return n < 0 ? n : 0;
}

static int read_headers(int fd, struct notes *notes)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} head = {};
	ssize_t n = pread_all(fd, &head, sizeof(head), 0);

	notes->n = 0;
	if (n < 0)
		return n;
	if (n < (ssize_t)sizeof(head.h32) || memcmp(head.ident, ELFMAG, SELFMAG) ||
	    head.ident[EI_DATA] != ELFDATA2LSB)
		return 0;
	if (head.ident[EI_CLASS] == ELFCLASS64 && n == sizeof(head.h64))
		return read_headers64(fd, &head.h64, notes);
	if (head.ident[EI_CLASS] == ELFCLASS32)
		return read_headers32(fd, &head.h32, notes);
	return 0;
}

/* Finds the note in @size bytes; returns the number of words, 0: not there. */
static int find_note(const char *p, size_t size, uint32_t words[BUILD_ID_MAX_WORDS])
{
	while (size >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name, desc;

		memcpy(&note, p, sizeof(note));
		name = ALIGN_UP((uint64_t)note.n_namesz, 4);
		desc = ALIGN_UP((uint64_t)note.n_descsz, 4);
		p += sizeof(note);
		size -= sizeof(note);
		if (name > size || desc > size - name)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(p, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) && note.n_descsz &&
		    desc <= BUILD_ID_MAX_WORDS * sizeof(*words)) {
			memset(words, 0, desc);
			memcpy(words, p + name, note.n_descsz);
			return desc / sizeof(*words);
		}
		p += name + desc;
		size -= name + desc;
	}
	return 0;
}

int build_id_read(int fd, uint32_t words[BUILD_ID_MAX_WORDS])
{
	char buf[MAX_NOTES];
	struct notes notes;
	int r = read_headers(fd, &notes);

	for (size_t i = 0; r == 0 && i < notes.n; i++) {
		ssize_t n = pread_all(fd, buf, notes.segments[i].size, notes.segments[i].offset);

		if (n < 0)
			return n;
		r = find_note(buf, n, words);
	}
	return r;
}
