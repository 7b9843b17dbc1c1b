/* SPDX-License-Identifier: MIT */
#include "common/accountcsv.h"

#include <math.h>

void accountcsv_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",phase,part,ns,share,wall_ns,waited_ns\n", f);
}

static void phase_rows(FILE *f, const struct csv_key *key, const char *phase,
		       const struct account_times *t)
{
	for (unsigned int i = 0; i <= ACCOUNT_NR; i++) {
		if (t->part[i] < 0)
			continue;
		csv_key(f, key);
		fprintf(f, "%s,%s,%.0f,%.6f,%.0f,", phase, account_name(i), t->part[i],
			account_share(t, i), t->wall);
		if (!isnan(t->waited))
			fprintf(f, "%.0f", t->waited);
		putc('\n', f);
	}
}

int accountcsv_write(FILE *f, const struct csv_key *key, const struct account *a)
{
	struct account_times t;

	for (unsigned int i = 0; i < ACCOUNT_PHASES; i++)
		if (!account_times(a, i, &t))
			phase_rows(f, key, account_phase_name(i), &t);
	return csv_flush(f);
}
