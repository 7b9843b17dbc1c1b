/* SPDX-License-Identifier: MIT */
#include "bench/json.h"

#include <assert.h>
#include <inttypes.h>

void json_init(struct json *j, FILE *f)
{
	*j = (struct json){ .f = f };
}

static void quoted(FILE *f, const char *text)
{
	putc('"', f);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20)
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static void indent(struct json *j)
{
	putc('\n', j->f);
	for (unsigned int i = 0; i < j->depth; i++)
		fputs("  ", j->f);
}

/* What comes before any value. */
static void begin(struct json *j, const char *key)
{
	if (j->filled[j->depth])
		putc(',', j->f);
	j->filled[j->depth] = true;
	if (j->depth)
		indent(j);
	if (key) {
		quoted(j->f, key);
		fputs(": ", j->f);
	}
}

static void nest(struct json *j, const char *key, char open, char close)
{
	assert(j->depth < JSON_DEPTH);
	begin(j, key);
	putc(open, j->f);
	j->close[++j->depth] = close;
	j->filled[j->depth] = false;
}

void json_object(struct json *j, const char *key)
{
	nest(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	nest(j, key, '[', ']');
}

void json_end(struct json *j)
{
	unsigned int level = j->depth--;

	if (j->filled[level])
		indent(j);
	putc(j->close[level], j->f);
	if (!j->depth)
		putc('\n', j->f);
}

void json_text(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	if (text && *text)
		quoted(j->f, text);
	else
		fputs("null", j->f);
}

void json_number(struct json *j, const char *key, u64 value)
{
	begin(j, key);
	fprintf(j->f, "%" PRIu64, value);
}
