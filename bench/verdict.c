/* SPDX-License-Identifier: MIT */
#include "bench/verdict.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 511

static int bad(struct error *err, const char *what, const char *at)
{
	return fail(err, -EINVAL, "guest's result line: %s at \"%.40s\"", what, at);
}

/* "KEY=" at *AT: step over it. */
static bool take_key(const char **at, const char *key)
{
	size_t len = strlen(key);

	if (strncmp(*at, key, len) || (*at)[len] != '=')
		return false;
	*at += len + 1;
	return true;
}

/* A decimal number and the space after it. */
static bool take_number(const char **at, u64 *value)
{
	char *end;

	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*value = strtoull(*at, &end, 10);
	if (errno || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

/* A word of characters from SET and what ends it, STOP. */
static bool take_word(const char **at, char *word, size_t size, const char *set, char stop)
{
	size_t len = strspn(*at, set);

	if (!len || len >= size || (*at)[len] != stop)
		return false;
	memcpy(word, *at, len);
	word[len] = '\0';
	*at += len + 1;
	return true;
}

#define LOWER	  "abcdefghijklmnopqrstuvwxyz0123456789_."
#define BENCHNAME LOWER "-"

static int parse_head(struct verdict *v, const char **at, struct error *err)
{
	u64 mode;

	if (strncmp(*at, VERDICT_PREFIX, strlen(VERDICT_PREFIX)))
		return bad(err, "no \"" VERDICT_PREFIX "\"", *at);
	*at += strlen(VERDICT_PREFIX);
	if (!take_key(at, "bench") || !take_word(at, v->bench, sizeof(v->bench), BENCHNAME, ' '))
		return bad(err, "no bench=NAME", *at);
	if (!take_key(at, "mode") || !take_number(at, &mode) || (mode != 64 && mode != 32))
		return bad(err, "no mode=64 or mode=32", *at);
	v->mode = (unsigned int)mode;
	return 0;
}

static int parse_measured(struct verdict *v, const char **at, struct error *err)
{
	if (strncmp(*at, "iters=", 6))
		return 0;
	if (!take_key(at, "iters") || !take_number(at, &v->iters) || !v->iters)
		return bad(err, "no iters=N above 0", *at);
	if (!take_key(at, "cycles") || !take_number(at, &v->cycles))
		return bad(err, "no cycles=N", *at);
	if (!take_key(at, "loop") || !take_number(at, &v->loop))
		return bad(err, "no loop=N", *at);
	v->measured = true;
	return 0;
}

static int parse_extras(struct verdict *v, const char **at, struct error *err)
{
	while (strncmp(*at, "ok", 3) && strncmp(*at, "fail ", 5) && strncmp(*at, "skip ", 5)) {
		struct verdict_extra *extra = &v->extra[v->nr_extra];

		if (v->nr_extra == VERDICT_EXTRAS)
			return bad(err, "too many values", *at);
		if (!take_word(at, extra->key, sizeof(extra->key), LOWER, '=') ||
		    !take_number(at, &extra->value))
			return bad(err, "no KEY=N, ok, fail or skip", *at);
		v->nr_extra++;
	}
	return 0;
}

static int parse_reason(struct verdict *v, const char *at, struct error *err)
{
	size_t len;

	v->kind = *at == 'f' ? VERDICT_FAIL : VERDICT_SKIP;
	at += strlen("fail ");
	if (!take_key(&at, "reason") || *at++ != '"')
		return bad(err, "no reason=\"TEXT\"", at);
	len = strcspn(at, "\"");
	if (!len || len >= sizeof(v->reason) || strcmp(at + len, "\""))
		return bad(err, "no reason=\"TEXT\" at the end", at);
	memcpy(v->reason, at, len);
	v->reason[len] = '\0';
	return 0;
}

int verdict_parse(struct verdict *v, const char *line, struct error *err)
{
	const char *at = line;
	int ret;

	memset(v, 0, sizeof(*v));
	ret = parse_head(v, &at, err);
	if (!ret)
		ret = parse_measured(v, &at, err);
	if (!ret)
		ret = parse_extras(v, &at, err);
	if (ret)
		return ret;
	if (strcmp(at, "ok"))
		return parse_reason(v, at, err);
	if (!v->measured)
		return bad(err, "ok without iters=, cycles= and loop=", at);
	v->kind = VERDICT_OK;
	return 0;
}

/* Copy the line that starts at TEXT into LINE; false if it is too long or holds odd bytes. */
static bool copy_line(char *line, const char *text, size_t len)
{
	const char *lf = memchr(text, '\n', len);
	size_t n = lf ? (size_t)(lf - text) : len;

	if (n && text[n - 1] == '\r')
		n--;
	if (n > LINE_MAX_LEN)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)text[i]))
			return false;
	memcpy(line, text, n);
	line[n] = '\0';
	return true;
}

int verdict_find(struct verdict *v, const char *text, size_t len, struct error *err)
{
	const size_t prefix = strlen(VERDICT_PREFIX);
	const char *found = NULL, *end = text + len;
	char line[LINE_MAX_LEN + 1];

	for (const char *at = text; at && at < end;) {
		if ((size_t)(end - at) >= prefix && !memcmp(at, VERDICT_PREFIX, prefix)) {
			if (found)
				return fail(err, -EINVAL, "guest printed more than one result");
			found = at;
		}
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!found)
		return fail(err, -ENODATA, "guest printed no result line");
	if (!copy_line(line, found, (size_t)(end - found)))
		return fail(err, -EINVAL, "guest's result line is too long or not text");
	return verdict_parse(v, line, err);
}

int verdict_status(enum verdict_kind kind)
{
	static const int status[] = { [VERDICT_OK] = 1, [VERDICT_FAIL] = 3, [VERDICT_SKIP] = 5 };

	return status[kind];
}
