// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/auxv: pairs of words, as the kernel keeps them. */
#include "sys/proc_auxv.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/log.h"

int proc_auxv_parse(const void *data, size_t len, struct proc_auxv *auxv)
{
	*auxv = (struct proc_auxv){};
	if (len > sizeof(auxv->words) || len % (2 * sizeof(auxv->words[0])))
		return log_errno(-EINVAL, "proc auxv: %zu bytes are no vector", len);
	memcpy(auxv->words, data, len);
	auxv->n_words = len / sizeof(auxv->words[0]);
	return 0;
}

int proc_auxv_read(pid_t pid, struct proc_auxv *auxv)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = proc_read(pid, &data, &len, "auxv");

	if (r < 0)
		return r;
	return proc_auxv_parse(data, len, auxv);
}

bool proc_auxv_find(const struct proc_auxv *auxv, uint64_t type, uint64_t *value)
{
	size_t i;

	for (i = 0; i < auxv->n_words && auxv->words[i] != AT_NULL; i += 2) {
		if (auxv->words[i] == type) {
			*value = auxv->words[i + 1];
			return true;
		}
	}
	return false;
}
