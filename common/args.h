/* SPDX-License-Identifier: MIT */
/* Words of the command line to values. Each but the last returns 0, or -EINVAL with *OUT as it was.
 */
#ifndef FVB_ARGS_H
#define FVB_ARGS_H

#include "common/types.h"

/* A whole decimal number from MIN to MAX. */
int args_number(const char *text, u64 min, u64 max, u64 *out);

/* A number above MIN and up to MAX, with a fraction or not. */
int args_real(const char *text, double min, double max, double *out);

/* Bytes: a number and K, M, G or T, powers of 1024, or nothing. */
int args_size(const char *text, u64 *out);

/* A time from MIN to MAX ns: a number and us, ms or s. */
int args_time(const char *text, u64 min, u64 max, u64 *out);

/* A guest-physical address: decimal, or hexadecimal after 0x. */
int args_address(const char *text, u64 *out);

/* Do both name the same file, one that writers would spoil for each other? NULL names none. */
bool args_same_file(const char *a, const char *b);

/* The first of the N paths that an earlier one is the same as, or NULL. */
const char *args_twice(const char *const *path, size_t n);

#endif
