/* SPDX-License-Identifier: MIT */
#include "bench/plot_data.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int plot_find(const struct plot_names *names, const char *name)
{
	for (unsigned int i = 0; i < names->nr; i++)
		if (!strcmp(names->name[i], name))
			return (int)i;
	return -ENOENT;
}

int plot_name(struct plot_names *names, const char *name)
{
	const char **more;
	int i = plot_find(names, name);

	if (i >= 0)
		return i;
	more = realloc(names->name, (names->nr + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	names->name = more;
	names->name[names->nr] = name;
	return (int)names->nr++;
}

void plot_names_fini(struct plot_names *names)
{
	free(names->name);
	*names = (struct plot_names){ 0 };
}

static const char *key(const struct plot *p, size_t row, enum read_key k)
{
	return read_cell(p->t, row, p->t->key[k]);
}

/* Is "BACKEND" or "BACKEND:ENGINE" of ROW one of those asked for? */
static bool right_backend(const struct plot *p, size_t row)
{
	const char *name = key(p, row, KEY_BACKEND), *engine = key(p, row, KEY_ENGINE);

	for (const char *at = p->o->backends; at && *at; at += *at == ',') {
		size_t n = strlen(name), len = strcspn(at, ",");

		if (!strncmp(at, name, n) &&
		    (len == n || (at[n] == ':' && len == n + 1 + strlen(engine) &&
				  !strncmp(at + n + 1, engine, len - n - 1))))
			return true;
		at += len;
	}
	return !p->o->backends;
}

bool plot_wants(struct plot *p, size_t row, bool times)
{
	const char *kind = key(p, row, KEY_HOST_KIND);

	if (!data_wants(key(p, row, KEY_BENCH), p->o->glob, p->o->globs) || !right_backend(p, row))
		return false;
	if (times && !strcmp(kind, "emulated")) {
		p->emulated++;
		return false;
	}
	if (!p->host_kind)
		p->host_kind = kind;
	else if (strcmp(p->host_kind, kind))
		p->host_kind = "";
	return true;
}

int plot_bench(struct plot *p, size_t row)
{
	return plot_name(&p->bench, key(p, row, KEY_BENCH));
}

int plot_variant(struct plot *p, size_t row)
{
	return plot_name(&p->variant, p->d->variant[p->d->row_variant[p->file][row]].label);
}

/* ---- the figure as a whole ------------------------------------------------------------------ */

void plot_caption_rest(struct plot *p)
{
	if (p->host_kind && *p->host_kind)
		fprintf(p->caption, " Host: %s.", p->host_kind);
	else if (p->host_kind)
		fprintf(p->caption, " Hosts of several kinds.");
	if (p->emulated)
		fprintf(p->caption,
			" Left out: %u rows of emulated hosts, whose times are not real.",
			p->emulated);
	if (p->o->globs || p->o->backends)
		fprintf(p->caption, " Only what was asked for with --bench and --backend.");
}

#define MARGIN	   4.0
#define LEGEND_GAP 3.0

int plot_begin(struct plot *p, const char *const *name, unsigned int nr, bool lines, double height,
	       struct error *err)
{
	double room = p->o->width - 2 * MARGIN;
	double legend = drawing_legend(NULL, name, nr, MARGIN, 0, room, lines);
	double notes = 0;

	if (fflush(p->caption))
		return fail(err, -ENOMEM, "out of memory");
	if (p->o->footer)
		notes = drawing_notes(NULL, p->caption_text, MARGIN, 0, room) + 4;
	drawing_begin(&p->fig, p->script, p->o->format, p->o->width,
		      legend + LEGEND_GAP + height + notes + 2 * MARGIN);
	p->y = p->fig.height - MARGIN;
	/* The legend and the notes go with an empty plot of their own, which is the first. */
	drawing_panel(&p->fig, &(struct box){ MARGIN, MARGIN, room, 10 });
	fputs("unset border\n", p->script);
	drawing_legend(&p->fig, name, nr, MARGIN, p->y, room, lines);
	if (notes)
		drawing_notes(&p->fig, p->caption_text, MARGIN, notes - 2 + MARGIN, room);
	fputs("plot [0:1][0:1] NaN\n", p->script);
	p->y -= legend + LEGEND_GAP;
	return 0;
}

void plot_end(struct plot *p)
{
	drawing_end(&p->fig);
}
