/* SPDX-License-Identifier: MIT */
/* 1024 dependent loads within 2 MiB: more than second-level caches of most processors hold. */
#define NODES 32768
#include "chase.h"
