/* SPDX-License-Identifier: MIT */
/*
 * A JSON writer (RFC 8259). Objects and arrays nest up to JSON_DEPTH deep (asserted). KEY names a
 * member and is NULL inside an array and for the outermost value. Strings are UTF-8 on trust;
 * bytes that are not come out as they are.
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

void json_init(struct json *j, FILE *f);
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j); /* of the innermost object or array; a newline after the last */

/* TEXT NULL or "" writes null: unknown. */
void json_text(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, u64 value);

#endif
