/* SPDX-License-Identifier: GPL-2.0-only */
/* The images of a dump that the engine writes itself. */
#ifndef CRIU_LITE_ENGINE_DUMP_IMAGES_H
#define CRIU_LITE_ENGINE_DUMP_IMAGES_H

struct dump;

/* Writes pstree and, for each task, core, ids, fs, mm, fdinfo; files; seccomp. */
int dump_images_write(struct dump *d);
/* Puts everything on disk, then the inventory: from here on the dump is whole. */
int dump_images_commit(struct dump *d);

#endif
