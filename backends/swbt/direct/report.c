/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/report.h"

#include "common/boot/symbols.h"
#include "common/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096u

struct site {
	u64 linear, gpa, hits;
	u32 next; /* of its bucket, from 1 */
	u8 length, why;
	u8 raw[INSN_MAX];
	char text[64], note[128];
};

struct report {
	FILE *file;
	struct symbols symbols;
	struct site *site;
	u32 nr, room;
	bool incomplete; /* out of memory */
	bool full;	 /* REPORT_MAX reached */
	u32 bucket[BUCKETS];
	char path[256];
};

struct report *report_open(const char *path, const char *kernel, struct error *err)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r) {
		fail(err, -ENOMEM, "out of memory for a report of edited instructions");
		return NULL;
	}
	if (kernel && symbols_load(&r->symbols, kernel, err)) {
		free(r);
		return NULL;
	}
	if (snprintf(r->path, sizeof(r->path), "%s", path) < (int)sizeof(r->path))
		r->file = fopen(path, "we");
	else
		errno = ENAMETOOLONG;
	if (r->file)
		return r;
	fail(err, -errno, "cannot write %s: %s", path, strerror(errno));
	symbols_free(&r->symbols);
	free(r);
	return NULL;
}

static u32 *bucket_of(struct report *r, u64 linear)
{
	return &r->bucket[(linear ^ linear >> 12) % BUCKETS];
}

/* The latest at LINEAR and GPA, or NULL: each bucket has the latest first. */
static struct site *find(struct report *r, u64 linear, u64 gpa)
{
	for (u32 n = *bucket_of(r, linear); n; n = r->site[n - 1].next) {
		struct site *site = &r->site[n - 1];

		if (site->linear == linear && site->gpa == gpa)
			return site;
	}
	return NULL;
}

static bool is_same(const struct site *site, const struct scan *s, u64 gpa, u32 at)
{
	return site->linear == s->linear + at && site->gpa == gpa + at &&
	       site->why == scan_why(s, at) && site->length == scan_length(s, at) &&
	       !memcmp(site->raw, s->code + at, site->length);
}

/* Was it closed before, for the same reason? Known again after a store to it or in another state of
 * the FPU, or its page has had other contents meanwhile. It is the latest of its bucket then. */
static bool known(struct report *r, const struct scan *s, u64 gpa, u32 at)
{
	u32 *first = bucket_of(r, s->linear + at), *link = first, n;

	for (; (n = *link); link = &r->site[n - 1].next) {
		struct site *site = &r->site[n - 1];

		if (!is_same(site, s, gpa, at))
			continue;
		*link = site->next;
		site->next = *first;
		*first = n;
		return true;
	}
	return false;
}

static struct site *new_site(struct report *r, u64 linear)
{
	u32 *bucket = bucket_of(r, linear);
	struct site *site;

	if (r->nr == REPORT_MAX) {
		r->full = true;
		return NULL;
	}
	if (r->nr == r->room) {
		u32 room = r->room ? 2 * r->room : 256;

		site = realloc(r->site, room * sizeof(*site));
		if (!site) {
			r->incomplete = true;
			return NULL;
		}
		r->site = site;
		r->room = room;
	}
	site = &r->site[r->nr++];
	*site = (struct site){ .linear = linear, .next = *bucket };
	*bucket = r->nr;
	return site;
}

static void describe(struct site *site, const struct scan *s, u32 at, u32 inner)
{
	struct insn i;

	site->length = (u8)scan_length(s, at);
	site->why = (u8)scan_why(s, at);
	memcpy(site->raw, s->code + at, site->length);
	scan_note(s, at, inner, site->note, sizeof(site->note));
	if (!decode(&i, site->raw, site->length, (enum cpu_mode)s->mode))
		insn_format(&i, site->linear, site->text, sizeof(site->text));
}

void report_closed(struct report *r, const struct scan *s, u64 gpa, u32 at, u32 inner)
{
	struct site *site;

	if (known(r, s, gpa, at))
		return;
	site = new_site(r, s->linear + at);
	if (!site)
		return;
	site->gpa = gpa + at;
	describe(site, s, at, inner);
}

void report_hit(struct report *r, u64 linear, u64 gpa)
{
	struct site *site = find(r, linear, gpa);

	if (site)
		site->hits++;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void write_site(const struct report *r, const struct csv_key *key, const struct site *site)
{
	char symbol[160];

	symbols_name(&r->symbols, site->linear, symbol, sizeof(symbol));
	csv_key(r->file, key);
	fprintf(r->file, "%#" PRIx64 ",%#" PRIx64 ",", site->linear, site->gpa);
	csv_text(r->file, symbol);
	fputc(',', r->file);
	for (u32 n = 0; n < site->length; n++)
		fprintf(r->file, "%02x", site->raw[n]);
	fputc(',', r->file);
	csv_text(r->file, site->text);
	fprintf(r->file, ",%s,", scan_why_names[site->why]);
	csv_text(r->file, site->note);
	fprintf(r->file, ",%" PRIu64 "\n", site->hits);
}

static int by_address(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	if (x->linear != y->linear)
		return x->linear < y->linear ? -1 : 1;
	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

int report_close(struct report *r, const struct csv_key *key, struct error *err)
{
	int ret;

	if (r->nr)
		qsort(r->site, r->nr, sizeof(*r->site), by_address);
	fputs(CSV_KEY_COLUMNS ",address,physical,symbol,bytes,instruction,reason,why,hits\n",
	      r->file);
	for (u32 n = 0; n < r->nr; n++)
		write_site(r, key, &r->site[n]);
	ret = csv_flush(r->file);
	if (fclose(r->file) && !ret)
		ret = -errno;
	if (!ret && r->incomplete)
		ret = -ENOMEM;
	if (!ret && r->full)
		ret = fail(err, -ENOSPC, "%s has only the first %u instructions that were closed",
			   r->path, REPORT_MAX);
	else if (ret)
		fail(err, ret, "%s is incomplete: %s", r->path, strerror(-ret));
	symbols_free(&r->symbols);
	free(r->site);
	free(r);
	return ret;
}
