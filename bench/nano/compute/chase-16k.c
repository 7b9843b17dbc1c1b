/* SPDX-License-Identifier: MIT */
/* 1024 dependent loads within 16 KiB: a first-level cache holds them. */
#define NODES 256
#include "chase.h"
