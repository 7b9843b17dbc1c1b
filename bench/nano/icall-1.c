/* SPDX-License-Identifier: MIT */
/* Indirect calls, 1 target: icall.h. */
#define TARGETS 1
#include "icall.h"
