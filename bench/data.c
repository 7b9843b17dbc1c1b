/* SPDX-License-Identifier: MIT */
#include "bench/data.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which variants there are --------------------------------------------------------------- */

/* What ran a guest, as the files have it; several can be one variant. */
struct machine {
	const char *key[KEY_HOST_KIND + 1]; /* run_id is not looked at */
	u32 variant;
};

struct index {
	struct data *d;
	struct machine *machine;
	unsigned int machines;
	bool *met; /* [bench * machines + machine]: there is a row; NULL while machines are counted
		    */
};

static const char *key(const struct csv_file *f, size_t row, enum read_key k)
{
	return read_cell(f, row, f->key[k]);
}

static bool is_of(const struct machine *m, const struct csv_file *f, size_t row)
{
	for (int k = KEY_BACKEND; k <= KEY_HOST_KIND; k++)
		if (strcmp(m->key[k], key(f, row, (enum read_key)k)))
			return false;
	return true;
}

/* V with room for one more element of SIZE than NR, which is a power of two or not: NULL if there
 * is none, and V as it was. */
static void *one_more(void *v, unsigned int nr, size_t size)
{
	return nr & (nr - 1) ? v : realloc(v, (nr ? 2 * (size_t)nr : 1) * size);
}

/* Rows of one sample come together: LAST is tried first. */
static int find_machine(struct index *x, const struct csv_file *f, size_t row, u32 *last)
{
	struct machine *more;

	if (*last < x->machines && is_of(&x->machine[*last], f, row))
		return 0;
	for (*last = 0; *last < x->machines; ++*last)
		if (is_of(&x->machine[*last], f, row))
			return 0;
	more = one_more(x->machine, x->machines, sizeof(*more));
	if (!more)
		return -ENOMEM;
	x->machine = more;
	for (int k = 0; k <= KEY_HOST_KIND; k++)
		more[x->machines].key[k] = key(f, row, (enum read_key)k);
	x->machines++;
	return 0;
}

static int find_bench(struct data *d, const char *name, u32 *last)
{
	const char **more;

	if (*last < d->benches && !strcmp(d->bench[*last], name))
		return 0;
	for (*last = 0; *last < d->benches; ++*last)
		if (!strcmp(d->bench[*last], name))
			return 0;
	more = one_more(d->bench, d->benches, sizeof(*more));
	if (!more)
		return -ENOMEM;
	d->bench = more;
	d->bench[d->benches++] = name;
	return 0;
}

/* Benchmarks and machines of file I's rows into D->row_*. */
static int index_file(struct index *x, unsigned int i)
{
	struct data *d = x->d;
	const struct csv_file *f = &d->file[i];
	u32 bench = 0, machine = 0;

	d->row_bench[i] = calloc(f->rows + 1, sizeof(u32));
	d->row_variant[i] = calloc(f->rows + 1, sizeof(u32));
	if (!d->row_bench[i] || !d->row_variant[i])
		return -ENOMEM;
	for (size_t row = 0; row < f->rows; row++) {
		if (find_bench(d, key(f, row, KEY_BENCH), &bench) ||
		    find_machine(x, f, row, &machine))
			return -ENOMEM;
		d->row_bench[i][row] = bench;
		d->row_variant[i][row] = machine;
	}
	return 0;
}

static int find_met(struct index *x)
{
	const struct data *d = x->d;

	x->met = calloc((size_t)d->benches * x->machines + 1, sizeof(*x->met));
	if (!x->met)
		return -ENOMEM;
	for (unsigned int i = 0; i < d->files; i++)
		for (size_t row = 0; row < d->file[i].rows; row++)
			x->met[d->row_bench[i][row] * x->machines + d->row_variant[i][row]] = true;
	return 0;
}

/* ---- their labels --------------------------------------------------------------------------- */

/* Is the WORD of N characters one of TEXT's, between blanks? */
static bool has_word(const char *text, const char *word, size_t n)
{
	while (*(text += strspn(text, " "))) {
		size_t len = strcspn(text, " ");

		if (len == n && !strncmp(text, word, n))
			return true;
		text += len;
	}
	return false;
}

static bool share_bench(const struct index *x, unsigned int a, unsigned int b)
{
	for (unsigned int i = 0; i < x->d->benches; i++)
		if (x->met[i * x->machines + a] && x->met[i * x->machines + b])
			return true;
	return false;
}

/* Does machine A's option WORD tell it from another of the same engine? */
static bool tells_apart(const struct index *x, unsigned int a, const char *word, size_t n)
{
	bool memory = !strncmp(word, "mem=", 4);

	for (unsigned int b = 0; b < x->machines; b++) {
		const char *const *p = x->machine[a].key, *const *q = x->machine[b].key;

		if (strcmp(p[KEY_BACKEND], q[KEY_BACKEND]) || strcmp(p[KEY_ENGINE], q[KEY_ENGINE]))
			continue;
		if (!has_word(q[KEY_OPTIONS], word, n) && (!memory || share_bench(x, a, b)))
			return true;
	}
	return false;
}

/* The kinds of hosts that there are but emulated ones: more than one? */
static bool kinds_differ(const struct index *x)
{
	const char *seen = NULL;

	for (unsigned int i = 0; i < x->machines; i++) {
		const char *kind = x->machine[i].key[KEY_HOST_KIND];

		if (!strcmp(kind, "emulated"))
			continue;
		if (seen && strcmp(seen, kind))
			return true;
		seen = kind;
	}
	return false;
}

static void set_label(const struct index *x, unsigned int m, char *text, size_t size)
{
	const char *const *k = x->machine[m].key, *word = k[KEY_OPTIONS];
	bool emulated = !strcmp(k[KEY_HOST_KIND], "emulated");
	size_t at = (size_t)snprintf(text, size, "%.32s%s%.32s", k[KEY_BACKEND],
				     *k[KEY_ENGINE] ? ":" : "", k[KEY_ENGINE]);

	for (; *(word += strspn(word, " ")) && at < size; word += strcspn(word, " ")) {
		size_t n = strcspn(word, " "), skip = strncmp(word, "irqchip=", 8) ? 0 : 8;

		if (tells_apart(x, m, word, n))
			at += (size_t)snprintf(text + at, size - at, ":%.*s", (int)(n - skip),
					       word + skip);
	}
	if ((emulated || kinds_differ(x)) && *k[KEY_HOST_KIND] && at < size)
		snprintf(text + at, size - at, "@%.16s", k[KEY_HOST_KIND]);
}

/* Each machine's variant; machines with one label are one. */
static int make_variants(struct index *x)
{
	struct data *d = x->d;

	d->variant = calloc((size_t)x->machines + 1, sizeof(*d->variant));
	if (!d->variant)
		return -ENOMEM;
	for (unsigned int m = 0; m < x->machines; m++) {
		const char *const *k = x->machine[m].key;
		struct data_variant *v = &d->variant[d->variants];
		u32 i = 0;

		set_label(x, m, v->label, sizeof(v->label));
		while (strcmp(d->variant[i].label, v->label))
			i++;
		x->machine[m].variant = i;
		if (i < d->variants)
			continue;
		v->backend = k[KEY_BACKEND];
		v->engine = k[KEY_ENGINE];
		v->options = k[KEY_OPTIONS];
		v->host_kind = k[KEY_HOST_KIND];
		v->emulated = !strcmp(v->host_kind, "emulated");
		d->variants++;
	}
	return 0;
}

static int build(struct index *x)
{
	struct data *d = x->d;
	int ret = 0;

	for (unsigned int i = 0; !ret && i < d->files; i++)
		ret = index_file(x, i);
	if (!ret)
		ret = find_met(x);
	if (!ret)
		ret = make_variants(x);
	for (unsigned int i = 0; !ret && i < d->files; i++)
		for (size_t row = 0; row < d->file[i].rows; row++)
			d->row_variant[i][row] = x->machine[d->row_variant[i][row]].variant;
	return ret;
}

int data_index(struct data *d, struct csv_file *file, unsigned int n, struct error *err)
{
	struct index x = { .d = d };
	int ret = -ENOMEM;

	*d = (struct data){ .file = file, .files = n };
	d->row_bench = calloc((size_t)n + 1, sizeof(*d->row_bench));
	d->row_variant = calloc((size_t)n + 1, sizeof(*d->row_variant));
	if (d->row_bench && d->row_variant)
		ret = build(&x);
	free(x.machine);
	free(x.met);
	if (!ret)
		return 0;
	data_free(d);
	return fail(err, ret, "out of memory");
}

int data_load(struct data *d, const char *const *path, unsigned int n, const char *prefix,
	      FILE *notes, struct error *err)
{
	struct csv_file *file = calloc((size_t)n + 1, sizeof(*file));
	int ret = 0;

	*d = (struct data){ 0 };
	if (!file)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; !ret && i < n; i++) {
		ret = read_file(&file[i], path[i], err);
		if (!ret && file[i].note[0])
			fprintf(notes, "%s: %s\n", prefix, file[i].note);
	}
	if (!ret)
		return data_index(d, file, n, err);
	for (unsigned int i = 0; i < n; i++)
		read_free(&file[i]);
	free(file);
	return ret;
}

void data_free(struct data *d)
{
	for (unsigned int i = 0; i < d->files; i++) {
		read_free(&d->file[i]);
		if (d->row_bench)
			free(d->row_bench[i]);
		if (d->row_variant)
			free(d->row_variant[i]);
	}
	free(d->file);
	free(d->bench);
	free(d->variant);
	free(d->row_bench);
	free(d->row_variant);
	*d = (struct data){ 0 };
}

/* ---- what was asked for --------------------------------------------------------------------- */

static bool takes_rep(const struct data_query *q, const char *rep)
{
	return q->reps == DATA_ALL || (q->reps == DATA_TIMED) == (*rep != '\0');
}

static int add_value(struct series *s, double value, const struct data_at *at)
{
	double *values = one_more(s->value, (unsigned int)s->nr, sizeof(*values));
	struct data_at *ats;

	if (!values)
		return -ENOMEM;
	s->value = values;
	ats = one_more(s->at, (unsigned int)s->nr, sizeof(*ats));
	if (!ats)
		return -ENOMEM;
	s->at = ats;
	s->value[s->nr] = value;
	s->at[s->nr++] = *at;
	return 0;
}

static int query_file(const struct data *d, const struct data_query *q, u32 i, struct series *s)
{
	const struct csv_file *f = &d->file[i];
	int column = q->column ? read_column(f, q->column) : -1, value = read_column(f, q->value);
	int ret = 0;

	for (u32 row = 0; !ret && row < f->rows; row++) {
		const char *rep = key(f, row, KEY_REP);
		const struct data_at at = { key(f, row, KEY_RUN_ID), (unsigned int)atoi(rep), i,
					    row };
		double number;

		if (q->column && strcmp(read_cell(f, row, column), q->equals))
			continue;
		number = read_number(f, row, value);
		if (isnan(number) || !takes_rep(q, rep))
			continue;
		ret = add_value(&s[d->row_bench[i][row] * d->variants + d->row_variant[i][row]],
				number, &at);
	}
	return ret;
}

int data_series(const struct data *d, const struct data_query *q, struct series **s,
		struct error *err)
{
	int ret = 0;

	*s = calloc((size_t)d->benches * d->variants + 1, sizeof(**s));
	if (!*s)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; !ret && i < d->files; i++)
		if (d->file[i].kind == q->kind && (q->file < 0 || (int)i == q->file))
			ret = query_file(d, q, i, *s);
	if (!ret)
		return 0;
	series_free(d, *s);
	*s = NULL;
	return fail(err, ret, "out of memory");
}

void series_free(const struct data *d, struct series *s)
{
	for (size_t i = 0; s && i < (size_t)d->benches * d->variants; i++) {
		free(s[i].value);
		free(s[i].at);
	}
	free(s);
}

/* Where status rows have their words; what older versions wrote has no column for text. */
static int status_column(const struct csv_file *f)
{
	int text = read_column(f, "text");

	return text < 0 ? read_column(f, "value") : text;
}

const char **data_status(const struct data *d, int file)
{
	const char **status = calloc((size_t)d->benches * d->variants + 1, sizeof(*status));

	for (unsigned int i = 0; status && i < d->files; i++) {
		const struct csv_file *f = &d->file[i];
		int metric = read_column(f, "metric"), column = status_column(f);

		if (f->kind != READ_SAMPLES || (file >= 0 && (int)i != file))
			continue;
		for (size_t row = 0; row < f->rows; row++) {
			const char **s = &status[d->row_bench[i][row] * d->variants +
						 d->row_variant[i][row]];

			if (!*s && !strcmp(read_cell(f, row, metric), "status") &&
			    strcmp(read_cell(f, row, column), "ok"))
				*s = read_cell(f, row, column);
		}
	}
	return status;
}

int data_find_variant(const struct data *d, const char *name, struct error *err)
{
	char list[200] = "";
	size_t n = strlen(name), at = 0;
	int found = -1, fits = 0;

	for (unsigned int i = 0; i < d->variants; i++) {
		const char *label = d->variant[i].label;

		if (!strcmp(label, name))
			return (int)i;
		if (!strncmp(label, name, n) && strchr(":@", label[n])) {
			found = (int)i;
			fits++;
		}
		if (at < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
					       label);
	}
	if (fits == 1)
		return found;
	return fail(err, -EINVAL, "%s variant is called \"%.60s\"; there are: %s",
		    fits ? "more than one" : "no", name, list);
}

bool data_wants(const char *bench, const char *const *glob, unsigned int globs)
{
	for (unsigned int i = 0; i < globs; i++)
		if (!fnmatch(glob[i], bench, 0))
			return true;
	return !globs;
}
