/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge pages for tests. The machine may have none set aside: tests let the kernel make
 * some when they are asked for (vm.nr_overcommit_hugepages), and take that back when
 * they have their pages.
 */
#ifndef ZDTM_LIB_HUGETLB_H
#define ZDTM_LIB_HUGETLB_H

#define HUGE_PAGE (2UL * 1024 * 1024)

/* Why @n huge pages can't be had; NULL: they can. */
const char *hugetlb_missing(int n);
/* For setup(): huge pages may be made, @n for this test. */
void hugetlb_allow(int n);
/* For the beginning of check(): takes that back; what is mapped stays. */
void hugetlb_disallow(int n);

#endif
