/* SPDX-License-Identifier: MIT */
#include "bench/published.h"
#include "bench/report.h"

#include <math.h>

static void number(FILE *f, double v)
{
	putc(',', f);
	if (!isnan(v))
		fprintf(f, "%.8g", v);
}

static void text(FILE *f, const char *v)
{
	putc(',', f);
	csv_text(f, v);
}

static void put_row(FILE *f, const struct report *r, unsigned int bench, unsigned int variant)
{
	const struct report_cell *c = report_cell(r, bench, variant);
	const struct data_variant *v = &r->d->variant[variant];
	const struct published *p = published_for(r->d->bench[bench]);
	bool compared = !isnan(c->ratio.value), tested = !isnan(c->p);

	csv_text(f, r->d->bench[bench]);
	text(f, v->label);
	text(f, v->backend);
	text(f, v->engine);
	text(f, v->host_kind);
	text(f, r->figure.metric ? r->figure.metric : "cost");
	text(f, r->figure.unit);
	fprintf(f, ",%zu", c->e.n);
	number(f, c->e.median);
	number(f, c->e.range.low);
	number(f, c->e.range.high);
	text(f, compared ? r->d->variant[r->baseline].label : "");
	number(f, c->ratio.value);
	number(f, c->ratio.range.low);
	number(f, c->ratio.range.high);
	number(f, compared ? c->ratio.paired : NAN);
	number(f, compared ? c->ratio.whole : NAN);
	number(f, c->ratio.p);
	number(f, c->p);
	number(f, tested ? c->p <= SIGNIFICANT : NAN);
	number(f, report_traps(c));
	text(f, p ? p->name : "");
	text(f, p ? p->unit : "");
	number(f, p ? p->native : NAN);
	number(f, p ? p->software : NAN);
	number(f, p ? p->hardware : NAN);
	text(f, c->status);
	putc('\n', f);
}

void report_csv(FILE *f, const struct report *r)
{
	fputs("bench,variant,backend,engine,host_kind,metric,unit,samples,median,low,high,baseline,"
	      "ratio,ratio_low,ratio_high,paired,loop_included,p,p_adjusted,significant,traps_per_"
	      "op,"
	      "published_name,published_unit,published_native,published_software,published_"
	      "hardware,"
	      "status\n",
	      f);
	for (unsigned int i = 0; i < r->benches; i++)
		for (unsigned int v = 0; v < r->d->variants; v++) {
			const struct report_cell *c = report_cell(r, r->bench[i], v);

			if (c->e.n || c->status || !isnan(report_traps(c)))
				put_row(f, r, r->bench[i], v);
		}
}
