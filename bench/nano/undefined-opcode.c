/* SPDX-License-Identifier: MIT */
/* UD2, to a handler that steps over it, and IRET. */
#include "fault.h"

#define VECTOR_UD 6

FAULT_GUEST(VECTOR_UD, 2, "undefined opcodes", asm volatile("ud2" : : : "memory"));
