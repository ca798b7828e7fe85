#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A pipeline of four processes, busy for about two seconds.
echo READY
sum=$(seq 1 60000 |
	while read -r n; do echo $((n * 7 % 60013)); done |
	sort -n |
	while read -r n; do s=$(((s * 31 + n) % 1000000007)); [ "$n" = 60012 ] && echo "$s"; done)
echo "RESULT $sum"
