/* SPDX-License-Identifier: MIT */
/*
 * A JSON writer (RFC 8259); its names are not those of libjansson, which only reads here. Objects
 * and arrays nest up to JSON_DEPTH deep (asserted). KEY names a member and is NULL inside an array
 * and for the outermost value. Strings are UTF-8 on trust; bytes that are not come out as they are.
 */
#ifndef FVB_BENCH_JSON_H
#define FVB_BENCH_JSON_H

#include "common/types.h"

#include <stdio.h>

#define JSON_DEPTH 8

struct json {
	FILE *f; /* not owned */
	unsigned int depth;
	bool filled[JSON_DEPTH + 1]; /* this level has a value already */
	char close[JSON_DEPTH + 1];
};

void jsonw_init(struct json *j, FILE *f);
void jsonw_object(struct json *j, const char *key);
void jsonw_array(struct json *j, const char *key);
void jsonw_end(struct json *j); /* of the innermost object or array; a newline after the last */

/* TEXT NULL or "" writes null: unknown. */
void jsonw_text(struct json *j, const char *key, const char *text);
void jsonw_bool(struct json *j, const char *key, bool value);
void jsonw_real(struct json *j, const char *key, double value);
void jsonw_number(struct json *j, const char *key, u64 value);

#endif
