/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the parasite. */
#ifndef CRIU_LITE_PIE_PARASITE_H
#define CRIU_LITE_PIE_PARASITE_H

#include "inject/abi/parasite.h"

/* Returns when it is time to leave. */
void parasite_main(struct parasite_args *args);

/* Answer in place: the request is overwritten by the reply. 0 or -errno. */
int parasite_misc(struct parasite_packet *packet);
int parasite_timers(struct parasite_packet *packet);
int parasite_policies(struct parasite_packet *packet);

#endif
