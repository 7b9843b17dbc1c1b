/* SPDX-License-Identifier: MIT */
/* A division by zero, to a handler that steps over it, and IRET. */
#include "fault.h"

#define VECTOR_DE 0
#define LENGTH	  2 /* of div %ecx */

FAULT_GUEST(VECTOR_DE, LENGTH, "divide errors",
	    asm volatile("divl %%ecx"
			 :
			 : "a"(1), "d"(0), "c"(0)
			 : "cc", "memory"));
