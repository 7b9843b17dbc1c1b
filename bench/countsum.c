/* SPDX-License-Identifier: MIT */
#include "bench/countsum.h"
#include "bench/stats.h"
#include "bench/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct countsum_note {
	const struct bench *bench;
	const struct variant *variant;
	unsigned int event;
	double per_op;
};

static struct countsum_note *new_note(struct countsum *sum)
{
	if (sum->nr == sum->room) {
		size_t room = sum->room ? 2 * sum->room : 256;
		struct countsum_note *note = realloc(sum->note, room * sizeof(*note));

		if (!note)
			return NULL;
		sum->note = note;
		sum->room = room;
	}
	return &sum->note[sum->nr++];
}

static void add_share(struct countsum *sum, unsigned int event, double share)
{
	if (!sum->most[event] || share < sum->least[event])
		sum->least[event] = share;
	if (share > sum->most[event])
		sum->most[event] = share;
}

int countsum_add(struct countsum *sum, const struct bench *bench, const struct variant *variant,
		 const struct sample *s)
{
	sum->counters = s->counters;
	for (unsigned int i = 0; s->counters && i < s->counters->nr; i++) {
		const struct counted *c = &s->raw->counted[i];
		struct countsum_note *note;

		sum->never[i] += c->wanted && !c->known;
		if (!c->known)
			continue;
		note = new_note(sum);
		if (!note)
			return -ENOMEM;
		*note = (struct countsum_note){ bench, variant, i,
						(double)c->count.value / (double)s->verdict.iters };
		add_share(sum, i, c->count.share);
	}
	return 0;
}

/* Median of EVENT in what is from NOTE on of its benchmark and variant; NAN: there is none. */
static double median(const struct countsum *sum, const struct countsum_note *note,
		     unsigned int event)
{
	double *value = malloc(sum->nr * sizeof(*value)), result = NAN;
	size_t n = 0;

	for (size_t i = (size_t)(note - sum->note); value && i < sum->nr; i++)
		if (sum->note[i].bench == note->bench && sum->note[i].variant == note->variant &&
		    sum->note[i].event == event)
			value[n++] = sum->note[i].per_op;
	if (n)
		result = stats_median(value, n);
	free(value);
	return result;
}

static bool is_first(const struct countsum *sum, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (sum->note[j].bench == sum->note[i].bench &&
		    sum->note[j].variant == sum->note[i].variant)
			return false;
	return true;
}

static bool is_counted(const struct countsum *sum, unsigned int event)
{
	for (size_t i = 0; i < sum->nr; i++)
		if (sum->note[i].event == event)
			return true;
	return false;
}

/* A column is as wide as its title, and wide enough for a number. */
static int width(const struct countsum *sum, unsigned int event)
{
	int n = (int)strlen(sum->counters->list[event].name);

	return n < 12 ? 12 : n;
}

static void print_line(FILE *f, const struct countsum *sum, const struct countsum_note *note)
{
	fprintf(f, "%-17s %-20s", note->bench->name, note->variant->label);
	for (unsigned int e = 0; e < sum->counters->nr; e++) {
		double value;
		char text[32];

		if (!is_counted(sum, e))
			continue;
		value = median(sum, note, e);
		fprintf(f, "  %*s", width(sum, e),
			isnan(value) ? "-" : table_number(text, sizeof(text), value));
	}
	fputc('\n', f);
}

void countsum_print(FILE *f, const struct countsum *sum)
{
	if (!sum->nr)
		return;
	fprintf(f, "\n%-17s %-20s", "events per operation", "");
	for (unsigned int e = 0; e < sum->counters->nr; e++)
		if (is_counted(sum, e))
			fprintf(f, "  %*s", width(sum, e), sum->counters->list[e].name);
	fputc('\n', f);
	for (size_t i = 0; i < sum->nr; i++)
		if (is_first(sum, i))
			print_line(f, sum, &sum->note[i]);
}

void countsum_complain(FILE *f, const struct countsum *sum, const char *prefix)
{
	for (unsigned int e = 0; sum->counters && e < sum->counters->nr; e++) {
		const char *name = sum->counters->list[e].name;

		if (sum->most[e] && sum->least[e] < 1)
			fprintf(f,
				"%s: %s shared a counter and was counted during %.0f to %.0f %% of "
				"the time: values are scaled up; ask for fewer events\n",
				prefix, name, sum->least[e] * 100, sum->most[e] * 100);
		if (sum->never[e])
			fprintf(f,
				"%s: %s never got a counter in %u samples, where it has no value: "
				"ask for fewer events\n",
				prefix, name, sum->never[e]);
	}
}

void countsum_fini(struct countsum *sum)
{
	free(sum->note);
	memset(sum, 0, sizeof(*sum));
}
