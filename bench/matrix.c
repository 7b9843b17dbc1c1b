/* SPDX-License-Identifier: MIT */
#include "bench/matrix.h"
#include "common/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ENGINES 16

/* Item I of a comma-separated list, and its length; NULL: there are fewer. */
static const char *list_item(const char *list, unsigned int i, int *len)
{
	for (; i && list; i--) {
		list = strchr(list, ',');
		list = list ? list + 1 : NULL;
	}
	*len = list ? (int)strcspn(list, ",") : 0;
	return list;
}

static unsigned int list_length(const char *list)
{
	unsigned int n = 1;

	for (; (list = strchr(list, ',')); list++)
		n++;
	return n;
}

static const char *values_of(const char *axis)
{
	return strchr(axis, '=') + 1;
}

/* "NAME=" of AXIS stands among ITEM's words. */
static bool says(const char *item, const char *axis)
{
	size_t len = (size_t)(values_of(axis) - axis);

	while ((item = strchr(item, ':')))
		if (!strncmp(++item, axis, len))
			return true;
	return false;
}

int matrix_add(struct matrix *m, const char *text, struct error *err)
{
	const char *equals = strchr(text, '=');
	int len;

	if (!equals || equals == text || strpbrk(text, ": "))
		return fail(err, -EINVAL, "--matrix takes OPTION=VALUE,VALUE...; not '%s'", text);
	for (unsigned int i = 0; i < list_length(equals + 1); i++)
		if (list_item(equals + 1, i, &len), !len)
			return fail(err, -EINVAL, "--matrix %s: a value is missing", text);
	for (unsigned int i = 0; i < m->nr; i++)
		if (!strncmp(m->axis[i], text, (size_t)(equals + 1 - text)))
			return fail(err, -EINVAL, "--matrix has %.*s twice", (int)(equals - text),
				    text);
	if (m->nr == MATRIX_AXES)
		return fail(err, -EINVAL, "more than %d times --matrix", MATRIX_AXES);
	m->axis[m->nr++] = text;
	return 0;
}

/* The engine that ITEM names itself, into ENGINE; false: none, "". */
static bool own_engine(const struct backend *b, const char *item, char engine[ENGINES])
{
	while ((item = strchr(item, ':'))) {
		snprintf(engine, ENGINES, "%.*s", (int)strcspn(item + 1, ":"), item + 1);
		if (backend_has_engine(b, engine))
			return true;
		item++;
	}
	engine[0] = '\0';
	return false;
}

/* How many values of axis I a variant takes; 0: it has no use for the axis. */
static unsigned int radix(const struct matrix *m, unsigned int i, const struct backend *b,
			  const char *engine, const char *item)
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(m->axis[i], "="), m->axis[i]);
	if (says(item, m->axis[i]) || !backendopt_takes(b, engine, name))
		return 0;
	return list_length(values_of(m->axis[i]));
}

/* Combination *N of ITEM with ENGINE, onto TEXT; 0: there are fewer, and *N is reduced by those. */
static int combine(const struct matrix *m, const struct backend *b, const char *engine,
		   const char *item, unsigned int *n, char *text, u32 *used)
{
	unsigned int size[MATRIX_AXES], product = 1;
	size_t length = strlen(text);

	for (unsigned int i = 0; i < m->nr; i++) {
		size[i] = radix(m, i, b, engine, item);
		product *= size[i] ? size[i] : 1;
	}
	if (*n >= product) {
		*n -= product;
		return 0;
	}
	for (unsigned int i = 0; i < m->nr; i++) {
		const char *value;
		int len;

		if (!size[i])
			continue;
		product /= size[i];
		value = list_item(values_of(m->axis[i]), *n / product, &len);
		*n %= product;
		*used |= BIT(i);
		length += (size_t)snprintf(text + length, MATRIX_ITEM - length, ":%.*s%.*s",
					   (int)(values_of(m->axis[i]) - m->axis[i]), m->axis[i],
					   len, value);
		if (length >= MATRIX_ITEM)
			return -ENAMETOOLONG;
	}
	return 1;
}

int matrix_item(const struct matrix *m, const struct backend *b, const char *item, unsigned int n,
		char *text, u32 *used)
{
	char engine[ENGINES] = "";
	const char *word;
	int len, ret = 0;
	bool any = false;

	if (strlen(item) >= MATRIX_ITEM)
		return -ENAMETOOLONG;
	strcpy(text, item);
	if (own_engine(b, item, engine) || !m->engines)
		return combine(m, b, engine[0] ? engine : NULL, item, &n, text, used);
	for (unsigned int i = 0; !ret && (word = list_item(m->engines, i, &len)); i++) {
		snprintf(engine, sizeof(engine), "%.*s", len, word);
		if (!backend_has_engine(b, engine))
			continue;
		any = true;
		if (snprintf(text, MATRIX_ITEM, "%s:%s", item, engine) >= MATRIX_ITEM)
			return -ENAMETOOLONG;
		*used |= BIT(MATRIX_AXES + i);
		ret = combine(m, b, engine, item, &n, text, used);
	}
	return any ? ret : combine(m, b, NULL, item, &n, text, used);
}

int matrix_check(const struct matrix *m, u32 used, struct error *err)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (!(used & BIT(i)))
			return fail(err, -EINVAL,
				    "--matrix %s: no backend of this run takes it, or each says "
				    "itself what it is",
				    m->axis[i]);
	for (unsigned int i = 0; m->engines && i < list_length(m->engines); i++) {
		int len;
		const char *word = list_item(m->engines, i, &len);

		if (!len)
			return fail(err, -EINVAL, "--engine %s: a name is missing", m->engines);
		if (!(used & BIT(MATRIX_AXES + i)))
			return fail(err, -EINVAL,
				    "--engine %.*s: no backend of this run has it, or each says "
				    "itself which",
				    len, word);
	}
	return 0;
}
