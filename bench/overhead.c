/* SPDX-License-Identifier: MIT */
#include "bench/overhead.h"
#include "bench/peer.h"
#include "bench/translation.h"
#include "common/accountcsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct overhead {
	unsigned int benches, variants;
	struct overhead_row {
		bool there;
		struct account_times times;
	} row[]; /* variants of the first benchmark, of the second, ... */
};

struct overhead *overhead_new(unsigned int benches, unsigned int variants)
{
	struct overhead *o = calloc(1, sizeof(*o) + (size_t)benches * variants * sizeof(o->row[0]));

	if (o) {
		o->benches = benches;
		o->variants = variants;
	}
	return o;
}

/* The measured section, or of guests without one the whole run. */
static void note(struct overhead_row *row, const struct account *a)
{
	row->there = !account_times(a, ACCOUNT_WARM, &row->times) ||
		     !account_times(a, ACCOUNT_ALL, &row->times);
}

static int write_rows(const struct run *run, const struct sample_request *request,
		      const struct sample *s, struct error *err)
{
	struct run_key k;
	int ret;

	run_key(run, request, s, 0, &k);
	ret = accountcsv_write(run->overhead.file, &k.key, &s->raw->account);
	if (!ret && run->samples.file)
		ret = translation_csv_whole(run->samples.file, &k.key, s);
	return ret ? fail(err, ret, "cannot write %s or %s: %s", run->overhead.path,
			  run->samples.path ? run->samples.path : "-", strerror(-ret))
		   : 0;
}

int overhead_sample(const struct run *run, const struct sample_runner *runner,
		    const struct sample_request *request, unsigned int bench, unsigned int variant,
		    const sigset_t *mask, struct result *result, struct error *err)
{
	struct sample_request r = *request;
	struct sample s;
	int ret;

	if (!run->overhead.file || is_peer(request->variant->backend) ||
	    result->status != SAMPLE_OK)
		return 0;
	r.count = r.count_blocks = false;
	r.counters = NULL;
	r.log = NULL;
	r.account = true;
	ret = sample_take(runner, &r, mask, &s, err);
	if (ret)
		return ret;
	if (s.status != SAMPLE_OK) {
		result_add(result, &s, 0);
	} else if (s.raw->have_account) {
		if (run->parts)
			note(&run->parts->row[bench * run->parts->variants + variant],
			     &s.raw->account);
		ret = write_rows(run, &r, &s, err);
	}
	sample_free(&s);
	return ret;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const char *heading(unsigned int part)
{
	static const char *const text[ACCOUNT_NR] = {
		[ACCOUNT_TRANSLATED] = "code",	  [ACCOUNT_GUEST] = "guest",
		[ACCOUNT_TRANSLATION] = "transl", [ACCOUNT_DISPATCH] = "disp",
		[ACCOUNT_FILL] = "tlb",		  [ACCOUNT_EMULATION] = "emul",
		[ACCOUNT_DEVICES] = "dev",	  [ACCOUNT_IDLE] = "idle",
		[ACCOUNT_OTHER] = "other",
	};

	return text[part];
}

static void print_row(FILE *f, const char *bench, const char *label, const struct account_times *t)
{
	fprintf(f, "%-20s %-14s %9.3f", bench, label, t->wall / 1e6);
	for (unsigned int i = 0; i < ACCOUNT_NR; i++) {
		if (t->part[i] < 0)
			fprintf(f, " %6s", "-");
		else
			fprintf(f, " %6.1f", 100 * account_share(t, i));
	}
	fprintf(f, " %7.1f", 100 * account_share(t, ACCOUNT_NR));
	if (isnan(t->waited))
		fprintf(f, " %6s\n", "-");
	else
		fprintf(f, " %6.1f\n", 100 * t->waited / t->wall);
}

void overhead_print(FILE *f, const struct run *run)
{
	const struct overhead *o = run->parts;
	bool any = false;

	for (unsigned int i = 0; o && i < o->benches * o->variants; i++) {
		if (!o->row[i].there)
			continue;
		if (!any) {
			fprintf(f,
				"\nWhere the time goes between the guest's marks (else: of the "
				"whole run), "
				"in percent of it; account: what it took to tell, on top; waited: "
				"of the ms, for other programs\n\n%-20s %-14s %9s",
				"benchmark", "variant", "ms");
			for (unsigned int part = 0; part < ACCOUNT_NR; part++)
				fprintf(f, " %6s", heading(part));
			fprintf(f, " %7s %6s\n", "account", "waited");
		}
		any = true;
		print_row(f, run->bench[i / o->variants]->name, run->variant[i % o->variants].label,
			  &o->row[i].times);
	}
}
