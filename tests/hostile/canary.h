/* SPDX-License-Identifier: MIT */
/* What the guests and the program around them agree on. */
#ifndef HOSTILE_CANARY_H
#define HOSTILE_CANARY_H

/* Every 8 bytes of host memory that a guest must neither see nor change. */
#define CANARY 0x5ec2e75ec2e75ec2ull

#endif
