/* SPDX-License-Identifier: MIT */
/* Differences that are legitimate, or a defect of the emulator that KVM runs on: known.def. */
#ifndef FVB_KVMORACLE_KNOWN_H
#define FVB_KVMORACLE_KNOWN_H

#include "tests/kvmoracle/side.h"

#define NO_VECTOR (-1)

/* Vector whose handler O halted in, or NO_VECTOR. */
int outcome_vector(const struct outcome *o);

/* The name of the known difference between KVM's outcome A and swbt's B of C, or NULL. FIELD is
 * the first that differs, or "vector", "ending", "memory". */
const char *known(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  const char *field);

/* Bits at physical address AT that either side may have as it likes; C ended as O. */
u8 known_memory_mask(const struct ko_case *c, const struct outcome *o, u32 at);

/* May KVM, which ended C as A, have in page X what swbt has not in page Y, at physical address AT?
 */
bool known_word(const struct ko_case *c, const struct outcome *a, u32 at, const u8 *x, const u8 *y);

/* Entries of known.def that are about memory. */
bool known_x87_pointers(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field);
bool known_absent(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  const char *field);

/* Flags that C's instruction leaves undefined. */
u64 known_flags(const struct ko_case *c, const struct outcome *a);

/* How often each of known.def was the reason, on stdout. */
void known_print(void);

/* Is the host's processor an emulated one? */
bool known_emulated(void);

#endif
