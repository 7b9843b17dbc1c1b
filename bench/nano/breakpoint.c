/* SPDX-License-Identifier: MIT */
/* INT3, to a handler that counts, and IRET to the instruction after it. */
#include "fault.h"

#define VECTOR_BP 3

FAULT_GUEST(VECTOR_BP, 0, "breakpoints", asm volatile("int3" : : : "memory"));
