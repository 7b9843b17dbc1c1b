/* SPDX-License-Identifier: MIT */
/* Indirect calls, 4 targets: icall.h. */
#define TARGETS 4
#include "icall.h"
