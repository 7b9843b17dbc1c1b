/* SPDX-License-Identifier: MIT */
#include "bench/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

void jsonw_init(struct json *j, FILE *f)
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

void jsonw_object(struct json *j, const char *key)
{
	nest(j, key, '{', '}');
}

void jsonw_array(struct json *j, const char *key)
{
	nest(j, key, '[', ']');
}

void jsonw_end(struct json *j)
{
	unsigned int level = j->depth--;

	if (j->filled[level])
		indent(j);
	putc(j->close[level], j->f);
	if (!j->depth)
		putc('\n', j->f);
}

void jsonw_text(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	if (text && *text)
		quoted(j->f, text);
	else
		fputs("null", j->f);
}

void jsonw_number(struct json *j, const char *key, u64 value)
{
	begin(j, key);
	fprintf(j->f, "%" PRIu64, value);
}

void jsonw_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->f);
}

void jsonw_real(struct json *j, const char *key, double value)
{
	begin(j, key);
	/* JSON has no word for what is no number. */
	if (isfinite(value))
		fprintf(j->f, "%.15g", value);
	else
		fputs("null", j->f);
}
