/* SPDX-License-Identifier: MIT */
#include "common/backendopt.h"

#include "common/args.h"
#include "common/backend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u64 backendopt_number(const struct backend *b, const struct backend_values *v, unsigned int n)
{
	return v->given & BIT(n) ? v->number[n] : b->options[n].value;
}

const char *backendopt_path(const struct backend_values *v, unsigned int n)
{
	return v->given & BIT(n) ? v->path[n] : NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* A size as it is written: in the largest unit that leaves no rest. */
static void size_text(char *text, size_t len, u64 size)
{
	static const char *const units[] = { "", "K", "M", "G" };
	unsigned int unit = 0;

	for (; unit + 1 < ARRAY_SIZE(units) && size && !(size % 1024); unit++)
		size /= 1024;
	snprintf(text, len, "%" PRIu64 "%s", size, units[unit]);
}

/* Word N of those that '|' separates, and its length; NULL: there are fewer. */
static const char *word(const char *words, u64 n, size_t *len)
{
	for (; n && words; n--) {
		words = strchr(words, '|');
		words = words ? words + 1 : NULL;
	}
	*len = words ? strcspn(words, "|") : 0;
	return words;
}

static int parse_word(const char *words, const char *text, u64 *out)
{
	const char *w;
	size_t len;

	for (*out = 0; (w = word(words, *out, &len)); (*out)++)
		if (strlen(text) == len && !strncmp(w, text, len))
			return 0;
	return -EINVAL;
}

static void value_text(char *text, size_t len, const struct backend_option *o, u64 value)
{
	const char *w;
	size_t n;

	if (o->kind == OPTION_SWITCH)
		snprintf(text, len, "%s", value ? "on" : "off");
	else if (o->kind == OPTION_SIZE)
		size_text(text, len, value);
	else if (o->kind == OPTION_WORD && (w = word(o->arg, value, &n)))
		snprintf(text, len, "%.*s", (int)n, w);
	else
		snprintf(text, len, "%" PRIu64, value);
}

static int parse_number(const struct backend_option *o, const char *text, u64 *out)
{
	switch (o->kind) {
	case OPTION_SWITCH:
		*out = !strcmp(text, "on");
		return *out || !strcmp(text, "off") ? 0 : -EINVAL;
	case OPTION_NUMBER:
		return args_number(text, o->min, o->max, out);
	case OPTION_SIZE:
		return args_size(text, out) || *out < o->min || *out > o->max ? -EINVAL : 0;
	case OPTION_WORD:
		return parse_word(o->arg, text, out);
	default:
		return 0;
	}
}

static bool is_for(const struct backend_option *o, const char *engine)
{
	size_t len = o->engine ? strlen(o->engine) : 0;

	return !len ||
	       (engine && !strncmp(o->engine, engine, len) && (!engine[len] || engine[len] == '+'));
}

static int bad_value(const struct backend_option *o, const char *text, struct error *err)
{
	char min[32], max[32];

	if (o->kind == OPTION_SWITCH)
		return fail(err, -EINVAL, "--%s takes on or off; not '%s'", o->name, text);
	if (o->kind == OPTION_WORD)
		return fail(err, -EINVAL, "--%s takes one of %s; not '%s'", o->name, o->arg, text);
	value_text(min, sizeof(min), o, o->min);
	value_text(max, sizeof(max), o, o->max);
	return fail(err, -EINVAL, "--%s takes a %s from %s to %s; not '%s'", o->name,
		    o->kind == OPTION_SIZE ? "size" : "number", min, max, text);
}

static int find(const struct backend *b, const char *name)
{
	for (int n = 0; b->options && b->options[n].name; n++)
		if (!strcmp(b->options[n].name, name))
			return n;
	return -ENOENT;
}

int backendopt_set(struct backend_values *v, const struct backend *b, const char *engine,
		   const char *name, const char *text, struct error *err)
{
	const char *present = backend_engine(b, engine);
	const struct backend_option *o;
	int n = find(b, name);
	u64 value = 0;

	if (n < 0)
		return fail(err, n, "backend %s has no option --%s", b->name, name);
	o = &b->options[n];
	if (!is_for(o, present))
		return fail(err, -EINVAL, "--%s is for engine %s of backend %s, not for %s",
			    o->name, o->engine, b->name, present ? present : "this one");
	if (parse_number(o, text, &value))
		return bad_value(o, text, err);
	v->given |= BIT(n);
	v->number[n] = value;
	v->path[n] = o->kind == OPTION_PATH ? text : NULL;
	return 0;
}

bool backendopt_takes(const struct backend *b, const char *engine, const char *name)
{
	int n = find(b, name);

	return n >= 0 && is_for(&b->options[n], backend_engine(b, engine));
}

int backendopt_set_all(struct backend_values *v, const struct backend *b, const char *engine,
		       const struct backend_words *words, struct error *err)
{
	for (unsigned int i = 0; i < words->nr; i++)
		if (backendopt_set(v, b, engine, words->word[i].name, words->word[i].text, err))
			return -EINVAL;
	return 0;
}

void backendopt_text(char *text, size_t size, const struct backend *b,
		     const struct backend_values *v, const char *prefix)
{
	size_t len = 0;

	*text = '\0';
	for (unsigned int n = 0; b->options && b->options[n].name; n++) {
		const struct backend_option *o = &b->options[n];
		char value[32];

		if (o->kind == OPTION_PATH || backendopt_number(b, v, n) == o->value)
			continue;
		value_text(value, sizeof(value), o, v->number[n]);
		if (len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s=%s", prefix, o->name,
						value);
	}
}

/* ---- the command line ------------------------------------------------------------------------ */

/* Keys above those of any program's own options; the group comes behind theirs. */
#define FIRST_KEY 0x4000
#define GROUP	  8

struct table {
	struct argp argp;
	struct argp_option *option; /* in argp's form, headers among them */
	unsigned int nr;
};

static error_t parse(int key, char *arg, struct argp_state *state, const struct table *t)
{
	struct backend_words *words = state->input;

	if (key < FIRST_KEY || key >= FIRST_KEY + (int)t->nr)
		return ARGP_ERR_UNKNOWN;
	if (words->nr == ARRAY_SIZE(words->word)) {
		argp_failure(state, argp_err_exit_status, 0, "too many options of backends");
		return EINVAL;
	}
	words->word[words->nr].name = t->option[key - FIRST_KEY].name;
	words->word[words->nr++].text = arg;
	return 0;
}

static struct table tables[2];

static error_t parse_all(int key, char *arg, struct argp_state *state)
{
	return parse(key, arg, state, &tables[true]);
}

static error_t parse_numbers(int key, char *arg, struct argp_state *state)
{
	return parse(key, arg, state, &tables[false]);
}

/* Two backends may have an option of one name: the command line has it once. */
static bool known(const struct table *t, const char *name)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->option[i].name && !strcmp(t->option[i].name, name))
			return true;
	return false;
}

static void add_backend(struct table *t, const struct backend *b, int group, bool paths)
{
	char *title = NULL;

	if (!b->options || asprintf(&title, "For --backend %s:", b->name) < 0)
		return;
	t->option[t->nr++] = (struct argp_option){ .doc = title, .group = group };
	for (const struct backend_option *o = b->options; o->name; o++) {
		if (known(t, o->name) || (o->kind == OPTION_PATH && !paths))
			continue;
		t->option[t->nr] = (struct argp_option){ .name = o->name,
							 .key = FIRST_KEY + (int)t->nr,
							 .arg = o->arg,
							 .doc = o->help,
							 .group = group };
		t->nr++;
	}
}

const struct argp *backendopt_argp(bool paths)
{
	struct table *t = &tables[paths];
	size_t most = 1;

	if (t->option)
		return &t->argp;
	for (unsigned int i = 0; backends[i]; i++)
		most += 1 + BACKEND_OPTIONS;
	t->option = calloc(most, sizeof(*t->option));
	if (!t->option)
		abort();
	for (unsigned int i = 0; backends[i]; i++)
		add_backend(t, backends[i], GROUP + (int)i, paths);
	t->argp =
		(struct argp){ .options = t->option, .parser = paths ? parse_all : parse_numbers };
	return &t->argp;
}
