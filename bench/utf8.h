/* SPDX-License-Identifier: MIT */
/* Is it text that may be shown? */
#ifndef FVB_BENCH_UTF8_H
#define FVB_BENCH_UTF8_H

#include "common/types.h"

/* Bytes of the well-formed UTF-8 character at TEXT, or 0: it is none, or a control character; also
 * at the end. Overlong forms and surrogates are none (RFC 3629). */
int utf8_length(const char *text);

#endif
