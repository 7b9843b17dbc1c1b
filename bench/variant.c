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

static int take_word(struct variant *v, const char *word, struct error *err)
{
	int irqchip = irqchip_by_name(word);

	if (irqchip >= 0)
		v->irqchip = (enum irqchip)irqchip;
	else if (backend_has_engine(v->backend, word) && strlen(word) < sizeof(v->engine))
		strcpy(v->engine, word);
	else
		return fail(err, -EINVAL, "backend %s has no engine or irqchip \"%s\"",
			    v->backend->name, word);
	return 0;
}

static const struct backend *by_name(const struct backend *const *table, const char *name)
{
	for (; *table; table++)
		if (!strcmp((*table)->name, name))
			return *table;
	return NULL;
}

static void set_default_engine(struct variant *v)
{
	const char *engines = v->backend->engines;

	if (engines)
		snprintf(v->engine, sizeof(v->engine), "%.*s", (int)strcspn(engines, " "), engines);
}

static int finish(struct variant *v, struct error *err)
{
	struct variant plain = *v;
	struct error why = { "" };

	set_default_engine(&plain);
	snprintf(v->label, sizeof(v->label), "%s%s%s%s", v->backend->name,
		 strcmp(v->engine, plain.engine) ? ":" : "",
		 strcmp(v->engine, plain.engine) ? v->engine : "",
		 v->irqchip == IRQCHIP_KERNEL ? ":kernel" : "");
	if (v->irqchip == IRQCHIP_KERNEL && !v->backend->irq_line)
		return fail(err, -EINVAL, "backend %s has no kernel irqchip", v->backend->name);
	if (v->backend->probe(&why))
		return fail(err, -ENODEV, "backend %s cannot run here: %s", v->backend->name,
			    why.text);
	return 0;
}

/* ITEM is cut up. */
static int parse_item(struct variant *v, const struct backend *const *table, char *item,
		      enum irqchip irqchip, struct error *err)
{
	char *save, *word = strtok_r(item, ":", &save);
	int ret;

	memset(v, 0, sizeof(*v));
	v->backend = word ? by_name(table, word) : NULL;
	if (!v->backend)
		return fail(err, -EINVAL, "no backend \"%s\"; fvbench probe lists them",
			    word ? word : "");
	v->irqchip = irqchip;
	set_default_engine(v);
	while ((word = strtok_r(NULL, ":", &save))) {
		ret = take_word(v, word, err);
		if (ret)
			return ret;
	}
	return finish(v, err);
}

static int parse_list(struct variant *out, const struct backend *const *table, const char *list,
		      enum irqchip irqchip, struct error *err)
{
	char copy[256], *rest = copy, *item;
	int nr = 0, ret;

	if (snprintf(copy, sizeof(copy), "%s", list) >= (int)sizeof(copy))
		return fail(err, -EINVAL, "too many backends");
	while ((item = strsep(&rest, ","))) {
		if (nr == VARIANTS_MAX)
			return fail(err, -EINVAL, "more than %d backends", VARIANTS_MAX);
		ret = parse_item(&out[nr], table, item, irqchip, err);
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

static int all_that_work(struct variant *out, const struct backend *const *table,
			 enum irqchip irqchip, struct error *err)
{
	struct error why = { "" }, ignored;
	char all[sizeof(why.text)] = "";
	size_t len = 0;
	int nr = 0;

	for (; *table && nr < VARIANTS_MAX; table++) {
		char item[32];
		int ret = (*table)->probe(&why);

		snprintf(item, sizeof(item), "%s", (*table)->name);
		if (ret && len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s: %s",
						len ? "; " : "", item, why.text);
		else if (!ret && !parse_item(&out[nr], table, item, irqchip, &ignored))
			nr++;
	}
	if (!nr && !len)
		return fail(err, -EINVAL, "no backend has a %s irqchip", irqchip_name(irqchip));
	if (!nr)
		return fail(err, -ENODEV, "nothing can run guests here; %s", all);
	return nr;
}

int variants_parse(struct variant out[VARIANTS_MAX], const struct backend *const *table,
		   const char *list, enum irqchip irqchip, struct error *err)
{
	if (!list)
		return all_that_work(out, table, irqchip, err);
	return parse_list(out, table, list, irqchip, err);
}
