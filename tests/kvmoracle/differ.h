/* SPDX-License-Identifier: MIT */
#ifndef FVB_KVMORACLE_DIFFER_H
#define FVB_KVMORACLE_DIFFER_H

#include "tests/kvmoracle/side.h"

/* Do KVM's outcome A and swbt's B of C agree? If not, true, and TEXT says in what. A known
 * difference counts as agreement, and *EXCUSE is its name then, NULL otherwise. */
bool differ(const struct ko_case *c, const struct outcome *a, const struct outcome *b, char *text,
	    size_t len, const char **excuse);

/* The lowest address from FROM on at which memory differs by what is not known, or W_END. */
u32 differ_memory(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  u32 from);

/* All of memory in which they differ. */
void differ_print_memory(const struct ko_case *c, const struct outcome *a, const struct outcome *b);

#endif
