/* SPDX-License-Identifier: MIT */
#include "bench/variant.h"

#include <errno.h>
#include <string.h>

static const char *const irqchips[] = { [IRQCHIP_USER] = "user", [IRQCHIP_KERNEL] = "kernel" };

const char *irqchip_name(enum irqchip irqchip)
{
	return irqchips[irqchip];
}

int irqchip_by_name(const char *name)
{
	for (int i = 0; i < (int)ARRAY_SIZE(irqchips); i++)
		if (!strcmp(irqchips[i], name))
			return i;
	return -EINVAL;
}

/* NAME=VALUE is cut up and kept until the engine is known. */
static int take_option(struct backend_words *words, char *word, struct error *err)
{
	char *value = strchr(word, '=');

	if (words->nr == ARRAY_SIZE(words->word))
		return fail(err, -EINVAL, "too many options in a backend's name");
	*value = '\0';
	words->word[words->nr].name = word;
	words->word[words->nr++].text = value + 1;
	return 0;
}

static int take_word(struct variant *v, struct backend_words *words, char *word, struct error *err)
{
	int irqchip = irqchip_by_name(word);
	char known[64];

	if (strchr(word, '='))
		return take_option(words, word, err);
	if (irqchip >= 0)
		v->irqchip = (enum irqchip)irqchip;
	else if (backend_has_engine(v->backend, word) && strlen(word) < sizeof(v->engine))
		strcpy(v->engine, word);
	else
		return fail(err, -EINVAL, "backend %s has no engine or irqchip \"%s\"; engines: %s",
			    v->backend->name, word,
			    backend_engines(v->backend, known, sizeof(known)));
	return 0;
}

static const struct backend *by_name(const struct backend *const *table, const char *name)
{
	for (; *table; table++)
		if (!strcmp((*table)->name, name))
			return *table;
	return NULL;
}

static int set_options(struct variant *v, const struct variant_defaults *defaults,
		       const struct backend_words *words, struct error *err)
{
	const char *engine = v->engine[0] ? v->engine : NULL;
	int ret = backendopt_set_all(&v->options, v->backend, engine, &defaults->options, err);

	if (!ret)
		ret = backendopt_set_all(&v->options, v->backend, engine, words, err);
	for (unsigned int n = 0; !ret && n < BACKEND_OPTIONS; n++)
		if (backendopt_path(&v->options, n))
			ret = fail(err, -EINVAL, "--%s is about one machine: see fvm",
				   v->backend->options[n].name);
	return ret;
}

static void set_label(struct variant *v)
{
	const char *usual = backend_engine(v->backend, NULL);
	bool unusual = usual && strcmp(v->engine, usual);
	int len = snprintf(v->label, sizeof(v->label), "%s%s%s%s", v->backend->name,
			   unusual ? ":" : "", unusual ? v->engine : "",
			   v->irqchip == IRQCHIP_KERNEL ? ":kernel" : "");

	backendopt_text(v->label + len, sizeof(v->label) - (size_t)len, v->backend, &v->options,
			":");
}

static int check(const struct variant *v, struct error *err)
{
	struct error why = { "" };

	if (v->irqchip == IRQCHIP_KERNEL && !v->backend->irq_line)
		return fail(err, -EINVAL, "backend %s has no kernel irqchip", v->backend->name);
	if (v->backend->probe(&why))
		return fail(err, -ENODEV, "backend %s cannot run here: %s", v->backend->name,
			    why.text);
	return 0;
}

/* ITEM is cut up. */
static int parse_item(struct variant *v, const struct backend *const *table, char *item,
		      const struct variant_defaults *defaults, struct error *err)
{
	char *save, *word = strtok_r(item, ":", &save);
	struct backend_words words = { 0 };
	int ret = 0;

	memset(v, 0, sizeof(*v));
	v->backend = word ? by_name(table, word) : NULL;
	if (!v->backend)
		return fail(err, -EINVAL, "no backend \"%s\"; fvbench probe lists them",
			    word ? word : "");
	v->irqchip = defaults->irqchip;
	if (v->backend->engines)
		snprintf(v->engine, sizeof(v->engine), "%s", v->backend->engines[0]);
	while (!ret && (word = strtok_r(NULL, ":", &save)))
		ret = take_word(v, &words, word, err);
	if (!ret)
		ret = set_options(v, defaults, &words, err);
	if (!ret)
		ret = check(v, err);
	set_label(v);
	return ret;
}

static bool is_there(const struct variant *v, int nr)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(v[i].label, v[nr].label))
			return true;
	return false;
}

/* What ITEM comes to with the matrix, onto OUT, which has NR. How many there are then. */
static int add_item(struct variant *out, int nr, const struct backend *const *table,
		    const char *item, const struct variant_defaults *defaults, u32 *used,
		    struct error *err)
{
	char name[32], words[MATRIX_ITEM];
	const struct backend *b;
	int ret;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(item, ":"), item);
	b = by_name(table, name);
	if (!b)
		return fail(err, -EINVAL, "no backend \"%s\"; fvbench probe lists them", name);
	for (unsigned int n = 0; (ret = matrix_item(&defaults->matrix, b, item, n, words, used));
	     n++) {
		if (ret < 0)
			return fail(err, ret, "too many words in a backend's name");
		if (nr == VARIANTS_MAX)
			return fail(err, -EINVAL, "more than %d variants", VARIANTS_MAX);
		ret = parse_item(&out[nr], table, words, defaults, err);
		if (ret)
			return ret;
		if (!is_there(out, nr))
			nr++;
		else if (!defaults->matrix.nr && !defaults->matrix.engines)
			return fail(err, -EINVAL, "backend %s is named twice", out[nr].label);
	}
	return nr;
}

static int parse_list(struct variant *out, const struct backend *const *table, const char *list,
		      const struct variant_defaults *defaults, struct error *err)
{
	char copy[2048], *rest = copy, *item;
	int nr = 0, ret;
	u32 used = 0;

	if (snprintf(copy, sizeof(copy), "%s", list) >= (int)sizeof(copy))
		return fail(err, -EINVAL, "too many backends");
	while ((item = strsep(&rest, ","))) {
		ret = add_item(out, nr, table, item, defaults, &used, err);
		if (ret == -ENODEV && defaults->missing)
			defaults->missing(defaults->missing_arg, err->text);
		else if (ret < 0)
			return ret;
		else
			nr = ret;
	}
	if (!nr)
		return fail(err, -ENODEV, "none of the backends %.300s can run here", list);
	ret = matrix_check(&defaults->matrix, used, err);
	return ret ? ret : nr;
}

/* What backend *B comes to, or with EVERY one for each of its engines, onto OUT, which has NR. How
 * many there are then; one that cannot be as asked is left out, and ERR says why. */
static int add_backend(struct variant *out, int nr, const struct backend *const *b, bool every,
		       const struct variant_defaults *defaults, u32 *used, struct error *err)
{
	for (unsigned int e = 0; !e || (every && (*b)->engines && (*b)->engines[e]); e++) {
		bool named = every && (*b)->engines;
		char item[64];
		int ret;

		snprintf(item, sizeof(item), "%.24s%s%.24s", (*b)->name, named ? ":" : "",
			 named ? (*b)->engines[e] : "");
		ret = add_item(out, nr, b, item, defaults, used, err);
		nr = ret < 0 ? nr : ret;
	}
	return nr;
}

static int all_that_work(struct variant *out, const struct backend *const *table, bool every,
			 const struct variant_defaults *defaults, struct error *err)
{
	struct error why = { "" };
	char all[sizeof(why.text)] = "";
	bool some = false;
	size_t len = 0;
	u32 used = 0;
	int nr = 0;

	for (; *table; table++) {
		int ret = (*table)->probe(&why);

		if (ret && len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s: %s",
						len ? "; " : "", (*table)->name, why.text);
		else if (!ret)
			nr = add_backend(out, nr, table, every, defaults, &used, err);
		some |= !ret;
	}
	/* One works, but not as asked: ERR has what the last of those said. */
	if (!nr && some)
		return -EINVAL;
	if (!nr)
		return fail(err, -ENODEV, "nothing can run guests here; %s", all);
	return matrix_check(&defaults->matrix, used, err) ? -EINVAL : nr;
}

int variants_parse(struct variant out[VARIANTS_MAX], const struct backend *const *table,
		   const char *list, const struct variant_defaults *defaults, struct error *err)
{
	if (!list)
		return all_that_work(out, table, false, defaults, err);
	return parse_list(out, table, list, defaults, err);
}

int variants_every_engine(struct variant out[VARIANTS_MAX], const struct backend *const *table,
			  const struct variant_defaults *defaults, struct error *err)
{
	return all_that_work(out, table, true, defaults, err);
}
