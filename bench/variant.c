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

static int parse_list(struct variant *out, const struct backend *const *table, const char *list,
		      const struct variant_defaults *defaults, struct error *err)
{
	char copy[2048], *rest = copy, *item;
	int nr = 0, ret;

	if (snprintf(copy, sizeof(copy), "%s", list) >= (int)sizeof(copy))
		return fail(err, -EINVAL, "too many backends");
	while ((item = strsep(&rest, ","))) {
		if (nr == VARIANTS_MAX)
			return fail(err, -EINVAL, "more than %d backends", VARIANTS_MAX);
		ret = parse_item(&out[nr], table, item, defaults, err);
		if (ret)
			return ret;
		for (int i = 0; i < nr; i++)
			if (!strcmp(out[i].label, out[nr].label))
				return fail(err, -EINVAL, "backend %s is named twice",
					    out[nr].label);
		nr++;
	}
	return nr;
}

/* One variant of backend *B, or with EVERY one for each of its engines: how many. */
static int add_backend(struct variant *out, int room, const struct backend *const *b, bool every,
		       const struct variant_defaults *defaults, struct error *err)
{
	int nr = 0;

	for (unsigned int e = 0; nr < room && (!e || ((*b)->engines && (*b)->engines[e])); e++) {
		char item[64];

		if (e && !every)
			break;
		snprintf(item, sizeof(item), "%.24s%s%.24s", (*b)->name, (*b)->engines ? ":" : "",
			 (*b)->engines ? (*b)->engines[e] : "");
		if (!parse_item(&out[nr], b, item, defaults, err))
			nr++;
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
	int nr = 0;

	for (; *table; table++) {
		int ret = (*table)->probe(&why);

		if (ret && len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s: %s",
						len ? "; " : "", (*table)->name, why.text);
		else if (!ret)
			nr += add_backend(out + nr, VARIANTS_MAX - nr, table, every, defaults, err);
		some |= !ret;
	}
	/* One works, but not as asked: ERR has what the last of those said. */
	if (!nr && some)
		return -EINVAL;
	if (!nr)
		return fail(err, -ENODEV, "nothing can run guests here; %s", all);
	return nr;
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
