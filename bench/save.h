/* SPDX-License-Identifier: MIT */
/* What was made in memory, into a file: so that a failure before leaves no half of one. */
#ifndef FVB_BENCH_SAVE_H
#define FVB_BENCH_SAVE_H

#include "common/error.h"

#include <stddef.h>

/* TEXT[0..LEN) into the file PATH, anew. With ERR filled: -EINVAL for a name that cannot be written
 * to, which is the user's to change; -EIO where the host did not take it all (disk full). */
int save_file(const char *path, const char *text, size_t len, struct error *err);

#endif
