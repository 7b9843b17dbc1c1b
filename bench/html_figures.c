/* SPDX-License-Identifier: MIT */
#include "bench/gnuplot.h"
#include "bench/html.h"
#include "bench/plot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pictures {
	FILE *f;
	const struct data *d;
	struct plot_options o;
	unsigned int nr;
	bool no_gnuplot;
};

static void tell(struct pictures *p, const char *text)
{
	fputs("<p class=\"note\">", p->f);
	html_text(p->f, text);
	fputs("</p>\n", p->f);
}

static void write_figure(struct pictures *p, const char *svg, const char *caption, const char *path)
{
	fputs("<figure>\n<div class=\"picture\" tabindex=\"0\">", p->f);
	html_svg(p->f, svg, ++p->nr);
	fprintf(p->f, "</div>\n<figcaption><b>Figure %u.</b> ", p->nr);
	html_text(p->f, caption);
	fputs(" Made of ", p->f);
	html_text(p->f, path);
	fputs(".</figcaption>\n</figure>\n", p->f);
}

/* The figure of KIND of FILE; that there is none is told if it is the one that the file is for. */
static int add(struct pictures *p, unsigned int file, enum plot_kind kind, bool expected,
	       struct error *err)
{
	char *script, *caption, *svg = NULL;
	size_t len;
	int ret;

	p->o.kind = (int)kind;
	ret = plot_script(p->d, file, &p->o, &script, &caption, err);
	if (ret) {
		if (expected)
			tell(p, err->text);
		return ret == -ENOMEM ? ret : 0;
	}
	if (!p->no_gnuplot && gnuplot_run(script, &svg, &len, err)) {
		tell(p, err->text);
		p->no_gnuplot = true;
	}
	if (svg)
		write_figure(p, svg, caption, p->d->file[file].path);
	free(svg);
	free(script);
	free(caption);
	return 0;
}

int html_figures(FILE *f, const struct data *d, const char *const *glob, unsigned int globs,
		 struct error *err)
{
	struct pictures p = { .f = f,
			      .d = d,
			      .o = { .width = DRAWING_DOUBLE, .glob = glob, .globs = globs } };
	struct error why;
	int ret = 0;

	html_section(f, "figures", "Figures");
	for (unsigned int i = 0; !ret && i < d->files; i++) {
		int kind = plot_deduce(&d->file[i], &why);

		if (kind >= 0)
			ret = add(&p, i, (enum plot_kind)kind, true, err);
		if (!ret && kind == PLOT_COST)
			ret = add(&p, i, PLOT_ABLATION, false, err);
		if (!ret && kind == PLOT_COST)
			ret = add(&p, i, PLOT_TRAPS, false, err);
	}
	html_section_end(f);
	return ret;
}
