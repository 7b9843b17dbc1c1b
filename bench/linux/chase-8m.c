/* SPDX-License-Identifier: MIT */
/* 1024 dependent loads within 8 MiB: more than most translation look-aside buffers reach. */
#define NODES 131072
#include "chase.h"
