/* SPDX-License-Identifier: MIT */
/* Indirect calls, 64 targets: icall.h. */
#define TARGETS 64
#include "icall.h"
