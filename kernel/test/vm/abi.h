/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The userfaultfd ABI, written down a second time.
 *
 * The tests state the numbers themselves instead of taking them from the header
 * under test: a number that changes there would otherwise change on both sides,
 * and no test would notice that old programs have stopped working. abi.c
 * compares the two.
 */
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>

enum {
	EVENT_PAGEFAULT = 0x12,
	EVENT_FORK = 0x13,
	EVENT_REMAP = 0x14,
	EVENT_REMOVE = 0x15,
	EVENT_UNMAP = 0x16,
};

enum { FAULT_WRITE = 1, FAULT_WP = 2, FAULT_MINOR = 4 };

enum {
	F_PAGEFAULT_FLAG_WP = 1 << 0,
	F_EVENT_FORK = 1 << 1,
	F_EVENT_REMAP = 1 << 2,
	F_EVENT_REMOVE = 1 << 3,
	F_MISSING_HUGETLBFS = 1 << 4,
	F_MISSING_SHMEM = 1 << 5,
	F_EVENT_UNMAP = 1 << 6,
	F_SIGBUS = 1 << 7,
	F_THREAD_ID = 1 << 8,
	F_MINOR_HUGETLBFS = 1 << 9,
	F_MINOR_SHMEM = 1 << 10,
	F_EXACT_ADDRESS = 1 << 11,
	F_WP_HUGETLBFS_SHMEM = 1 << 12,
	F_WP_UNPOPULATED = 1 << 13,
	F_POISON = 1 << 14,
	F_WP_ASYNC = 1 << 15,
	F_MOVE = 1 << 16,
	F_ALL = (1 << 17) - 1,
	/* Not of every kernel. */
	F_EVENT_ORDER = 1 << 28,
	F_COPY_MANY = 1 << 29,
	F_HANGUP = 1 << 30,
};

enum { MODE_MISSING = 1, MODE_WP = 2, MODE_MINOR = 4 };
enum { COPY_DONTWAKE = 1, COPY_WP = 2 };
enum { WP_ON = 1, WP_DONTWAKE = 2 };
enum { MOVE_DONTWAKE = 1, MOVE_ALLOW_SRC_HOLES = 2 };
/* ZEROPAGE, CONTINUE and POISON; CONTINUE also takes COPY_WP's number. */
enum { FILL_DONTWAKE = 1, CONTINUE_WP = 2 };

enum { USER_MODE_ONLY = 1 };
#define API_VERSION 0xaaULL

/* What a context may do at all, and what may be done with a range. */
#define IOCTLS_API	((1ULL << 0) | (1ULL << 1) | (1ULL << 63))
#define IOCTLS_RANGE	((1ULL << 2) | (1ULL << 3) | (1ULL << 4) | (1ULL << 5) | (1ULL << 6) | \
			 (1ULL << 7) | (1ULL << 8))
enum {
	NR_REGISTER, NR_UNREGISTER, NR_WAKE, NR_COPY, NR_ZEROPAGE, NR_MOVE, NR_WRITEPROTECT,
	NR_CONTINUE, NR_POISON, NR_COPY_MANY = 0x20, NR_API = 0x3f,
};

struct abi_msg {
	uint8_t event;
	uint8_t zero[3];
	uint32_t order;		/* F_EVENT_ORDER; else 0 */
	union {
		struct {
			uint64_t flags;
			uint64_t address;
			uint32_t ptid;
		} pagefault;
		struct {
			uint32_t ufd;
		} fork;
		struct {
			uint64_t from, to, len;
		} remap;
		struct {
			uint64_t start, end;
		} remove;
		uint64_t words[3];
	};
};
_Static_assert(sizeof(struct abi_msg) == 32, "a message is 32 bytes");

struct abi_api {
	uint64_t api, features, ioctls;
};

struct abi_range {
	uint64_t start, len;
};

struct abi_register {
	struct abi_range range;
	uint64_t mode, ioctls;
};

struct abi_copy {
	uint64_t dst, src, len, mode;
	int64_t done;
};

struct abi_copy_many {
	uint64_t copies, count, done;
};

/* ZEROPAGE, CONTINUE and POISON look alike. */
struct abi_fill {
	struct abi_range range;
	uint64_t mode;
	int64_t done;
};

struct abi_writeprotect {
	struct abi_range range;
	uint64_t mode;
};

#define IOC_API		_IOWR(0xaa, NR_API, struct abi_api)
#define IOC_REGISTER	_IOWR(0xaa, NR_REGISTER, struct abi_register)
#define IOC_UNREGISTER	_IOR(0xaa, NR_UNREGISTER, struct abi_range)
#define IOC_WAKE	_IOR(0xaa, NR_WAKE, struct abi_range)
#define IOC_COPY	_IOWR(0xaa, NR_COPY, struct abi_copy)
#define IOC_COPY_MANY	_IOWR(0xaa, NR_COPY_MANY, struct abi_copy_many)
#define IOC_ZEROPAGE	_IOWR(0xaa, NR_ZEROPAGE, struct abi_fill)
#define IOC_MOVE	_IOWR(0xaa, NR_MOVE, struct abi_copy)
#define IOC_WRITEPROTECT _IOWR(0xaa, NR_WRITEPROTECT, struct abi_writeprotect)
#define IOC_CONTINUE	_IOWR(0xaa, NR_CONTINUE, struct abi_fill)
#define IOC_POISON	_IOWR(0xaa, NR_POISON, struct abi_fill)
/* Of /dev/userfaultfd. */
#define IOC_NEW		_IO(0xaa, 0)
