/* SPDX-License-Identifier: MIT */
#include "tests/unit/csvmake.h"
#include "bench/stats.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>

void csvmake_file(struct csvmake *m, const char *header)
{
	CU_ASSERT_FATAL(m->files < CSVMAKE_FILES);
	m->file[m->files].f = open_memstream(&m->file[m->files].text, &m->file[m->files].len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m->file[m->files].f);
	fprintf(m->file[m->files++].f, CSV_KEY_COLUMNS ",%s\n",
		header ? header : "metric,unit,value");
}

static FILE *newest(struct csvmake *m)
{
	return m->file[m->files - 1].f;
}

void csvmake_key(struct csvmake *m, const char *run_id, const char *variant, const char *bench,
		 unsigned int rep)
{
	fprintf(newest(m), "%s,%s,g.elf,%s,", run_id, variant, bench);
	if (rep)
		fprintf(newest(m), "%u", rep);
	fputs(",10,", newest(m));
}

static double uniform(u64 *state)
{
	return ((double)stats_random_below(state, 1u << 30) + 0.5) / (1u << 30);
}

static double normal(u64 *state)
{
	return sqrt(-2 * log(uniform(state))) * cos(2 * M_PI * uniform(state));
}

void csvmake_samples(struct csvmake *m, const char *run_id, const char *variant, const char *bench,
		     unsigned int n, double centre, double noise)
{
	for (unsigned int rep = 1; rep <= n; rep++) {
		csvmake_key(m, run_id, variant, bench, rep);
		fprintf(newest(m), "cycles_per_op,cycles,%.10g\n",
			centre * exp(noise * normal(&m->random)));
	}
}

void csvmake_done(struct csvmake *m, struct data *d)
{
	struct csv_file *file = calloc(CSVMAKE_FILES, sizeof(*file));
	struct error err = { "" };
	char name[2] = "A";

	for (unsigned int i = 0; i < m->files; i++, name[0]++) {
		fclose(m->file[i].f);
		CU_ASSERT_EQUAL_FATAL(
			read_text(&file[i], name, m->file[i].text, m->file[i].len, &err), 0);
		free(m->file[i].text);
	}
	CU_ASSERT_EQUAL_FATAL(data_index(d, file, m->files, &err), 0);
	m->files = 0;
}
