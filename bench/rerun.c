/* SPDX-License-Identifier: MIT */
#include "bench/rerun.h"
#include "bench/context.h"
#include "bench/meta.h"
#include "bench/options.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_words(const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *word = json_array_get(array, i);

		/* An empty one is written as null. */
		if (!json_is_string(word) && !json_is_null(word))
			return false;
	}
	return json_array_size(array) >= 2;
}

int rerun_load(struct rerun *r, const char *path, struct error *err)
{
	json_error_t at;

	r->root = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
	if (!r->root && json_error_code(&at) == json_error_cannot_open_file)
		return fail(err, -ENOENT, "%.300s", at.text);
	if (!r->root)
		return fail(err, -EINVAL, "%.200s is no JSON: line %d: %.160s", path, at.line,
			    at.text);
	if (is_words(json_object_get(r->root, "command")))
		return 0;
	rerun_free(r);
	return fail(err, -EINVAL,
		    "%.200s has no \"command\" that is an array of words: is it what --meta wrote?",
		    path);
}

void rerun_free(struct rerun *r)
{
	json_decref(r->root);
	r->root = NULL;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Options that name a file to write: a rerun must not overwrite what it repeats. --interval is an
 * error without one of them. */
static const char *const outputs[] = {
	"csv", "traps", "meta", "report", "distances", "hot", "timeline", "overhead", "interval",
};

/* As on the command line, where a name may be cut short. *ALONE: its argument is the next word. */
static bool is_output(const char *word, bool *alone)
{
	size_t len = strcspn(word, "=");

	*alone = !word[len];
	if (len <= 2 || word[0] != '-' || word[1] != '-')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++)
		if (!strncmp(outputs[i], word + 2, len - 2))
			return true;
	return false;
}

static int add(struct rerun *r, const char *word, struct error *err)
{
	if (r->words == RERUN_WORDS)
		return fail(err, -EINVAL, "the command has more than %d words", RERUN_WORDS);
	/* argv's type has no const; nobody writes to the words. */
	r->word[r->words++] = (char *)word;
	return 0;
}

static int add_option(struct rerun *r, const char *option, const char *value, struct error *err)
{
	int ret = add(r, option, err);

	return ret ? ret : add(r, value, err);
}

static const char *text_of(const json_t *value)
{
	return json_is_string(value) ? json_string_value(value) : "";
}

/* Every backend that worked then, where nobody said which: as labels, or with a matrix that will
 * make the same variants of them, as names. Of selftest's twins, "swbt A" and "swbt B", one. */
static void join_backends(struct rerun *r, bool names)
{
	const json_t *variants = json_object_get(r->root, "variants");
	char last[sizeof(r->backends)] = "", text[sizeof(r->backends)];
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(variants); i++) {
		const json_t *v = json_array_get(variants, i);
		const char *label = text_of(json_object_get(v, names ? "backend" : "label"));

		snprintf(text, sizeof(text), "%.*s", (int)strcspn(label, " "), label);
		if (!*text || !strcmp(text, last) || used + strlen(text) + 2 > sizeof(r->backends))
			continue;
		used += (size_t)snprintf(r->backends + used, sizeof(r->backends) - used, "%s%s",
					 used ? "," : "", text);
		strcpy(last, text);
	}
}

/* What the command left to defaults that depend on host and build. */
static int add_defaults(struct rerun *r, struct error *err)
{
	const json_t *options = json_object_get(r->root, "options");
	const json_t *reps = json_object_get(r->root, "reps");
	int ret = 0;

	if (json_is_object(options) && !json_is_string(json_object_get(options, "backend"))) {
		join_backends(r, json_is_string(json_object_get(options, "engine")) ||
					 json_array_size(json_object_get(options, "matrix")));
		if (r->backends[0])
			ret = add_option(r, "--backend", r->backends, err);
	}
	if (ret || !json_is_integer(reps))
		return ret;
	snprintf(r->reps, sizeof(r->reps), "%lld", (long long)json_integer_value(reps));
	return add_option(r, "--reps", r->reps, err);
}

void (*rerun_parser(const char *command))(struct options *o, int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*parser)(struct options *o, int argc, char **argv);
	} commands[] = {
		{ "run", options_run },
		{ "traps", options_traps },
		{ "selftest", options_selftest },
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, command))
			return commands[i].parser;
	return NULL;
}

int rerun_command(struct rerun *r, char *const *more, int nr, struct error *err)
{
	const json_t *command = json_object_get(r->root, "command");
	const char *name = text_of(json_array_get(command, 1));
	size_t n = json_array_size(command), i = 2;
	bool alone;
	int ret;

	if (!rerun_parser(name))
		return fail(err, -EINVAL,
			    "cannot repeat \"fvbench %.60s\": only run, traps and selftest", name);
	ret = add_option(r, "fvbench", name, err);
	for (; !ret && i < n; i++) {
		const char *word = text_of(json_array_get(command, i));

		if (!strcmp(word, "--"))
			break;
		if (is_output(word, &alone))
			i += alone;
		else
			ret = add(r, word, err);
	}
	if (!ret)
		ret = add_defaults(r, err);
	for (int m = 0; !ret && m < nr; m++)
		ret = add(r, more[m], err);
	for (; !ret && i < n; i++)
		ret = add(r, text_of(json_array_get(command, i)), err);
	r->word[r->words] = NULL;
	return ret;
}

/* ---- what differs ---------------------------------------------------------------------------- */

static void differ(struct rerun *r, const char *what, const char *which, const char *then,
		   const char *now)
{
	const char *none = strcmp(what, "environment") ? "unknown" : "not set";

	fprintf(r->out, "differs: %s.%s: then %s%s%s, now %s%s%s\n", what, which, then ? "\"" : "",
		then ? then : none, then ? "\"" : "", now ? "\"" : "", now ? now : none,
		now ? "\"" : "");
	r->differences++;
}

static void compare_one(struct rerun *r, const char *what, const char *key, const json_t *then,
			const json_t *now)
{
	const char *a = json_string_value(then), *b = json_string_value(now);

	/* Numbers and the like say nothing that a text does not. */
	if ((then && !json_is_string(then) && !json_is_null(then)) ||
	    (now && !json_is_string(now) && !json_is_null(now)) || context_varies(key))
		return;
	if ((a || b) && (!a || !b || strcmp(a, b)))
		differ(r, what, key, a, b);
}

static void compare_section(struct rerun *r, const char *what, json_t *all_now)
{
	json_t *then = json_object_get(r->root, what), *now = json_object_get(all_now, what);
	json_t *value;
	const char *key;

	if (!json_is_object(then)) {
		fprintf(r->out, "differs: %s: not recorded\n", what);
		r->differences++;
		return;
	}
	json_object_foreach(then, key, value)
		compare_one(r, what, key, value, json_object_get(now, key));
	json_object_foreach(now, key, value) if (!json_object_get(then, key))
		compare_one(r, what, key, NULL, value);
}

void rerun_compare_context(struct rerun *r)
{
	static const char *const sections[] = { "build", "libraries", "environment", "host",
						"virtualization" };
	json_t *then = json_object_get(r->root, "libraries"), *now;
	char *text = NULL;
	struct json j;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	jsonw_init(&j, f);
	jsonw_object(&j, NULL);
	context_write(&j, json_object_get(then, "qemu"));
	jsonw_end(&j);
	fclose(f);
	now = json_loadb(text, len, 0, NULL);
	free(text);
	for (size_t i = 0; now && i < ARRAY_SIZE(sections); i++)
		compare_section(r, sections[i], now);
	json_decref(now);
}

static const struct bench *bench_by_name(const struct bench *suite, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(suite[i].name, name))
			return &suite[i];
	return NULL;
}

static void compare_file(struct rerun *r, const char *what, const char *which, const json_t *then,
			 const char *path)
{
	char digest[SHA256_HEX] = "";
	const char *was = json_string_value(then);

	if (path)
		meta_sha256(path, digest);
	/* Without a sum nothing can be said, and the run will say what is missing. */
	if (was && strcmp(was, digest))
		differ(r, what, which, was, digest[0] ? digest : NULL);
}

static void compare_guest(struct rerun *r, const struct bench *b, const char *name,
			  const json_t *guest, const char *dir)
{
	bool native = json_is_string(json_object_get(guest, "native_sha256"));
	char path[PATH_MAX];

	if (!b || bench_file(b, dir, false, path, NULL))
		compare_file(r, "guests", name, json_object_get(guest, "sha256"), NULL);
	else
		compare_file(r, "guests", name, json_object_get(guest, "sha256"), path);
	if (native && b && !bench_file(b, dir, true, path, NULL))
		compare_file(r, "native", name, json_object_get(guest, "native_sha256"), path);
}

int rerun_compare_guests(struct rerun *r, const struct options *o, struct error *err)
{
	const json_t *guests = json_object_get(r->root, "guests");
	const json_t *kernel = json_object_get(r->root, "linux_kernel_sha256");
	char dir[PATH_MAX], path[PATH_MAX];
	int ret = suite_guest_dir(o->guests, dir, err);
	struct bench *suite;
	size_t n = 0;

	if (ret)
		return ret;
	suite = suite_load(&n);
	if (!suite)
		return fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < json_array_size(guests); i++) {
		const json_t *guest = json_array_get(guests, i);
		const char *name = text_of(json_object_get(guest, "bench"));

		compare_guest(r, bench_by_name(suite, n, name), name, guest, dir);
	}
	free(suite);
	if (kernel && !suite_kernel(o->kernel, dir, path, NULL))
		compare_file(r, "guests", "linux_kernel", kernel, path);
	return 0;
}
