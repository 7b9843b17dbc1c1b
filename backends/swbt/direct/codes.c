/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/codes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static u32 bucket(u64 page)
{
	return (u32)(page ^ page >> 12) % CODE_BUCKETS;
}

/* ---- instructions that read code ------------------------------------------------------------- */

static bool is_code(const struct patch *p, u64 page)
{
	return codes_latest(p, page << 12) != NULL;
}

static int add_reader(struct patch *p, struct code *c, u32 at, u64 page)
{
	u32 *first = &p->readers[bucket(page)];

	if (p->nr_readers == p->room_readers) {
		u32 room = p->room_readers ? 2 * p->room_readers : 1024;
		struct code_reader *r = realloc(p->reader, room * sizeof(*r));

		if (!r)
			return -ENOMEM;
		p->reader = r;
		p->room_readers = room;
	}
	p->reader[p->nr_readers++] = (struct code_reader){ page, c, at, *first };
	*first = p->nr_readers;
	return 0;
}

/* struct scan_client. The page may become code later: then the instruction is closed, too. */
static bool may_read(void *arg, const struct scan *s, u32 at, const struct insn *i, u64 linear)
{
	struct patch *p = arg;
	struct code *c = container_of(s, struct code, scan);
	u64 first = linear >> 12, last = (linear + (i->mem_size ? i->mem_size - 1u : 0)) >> 12;

	if (p->exec_only)
		return true;
	if (is_code(p, first) || is_code(p, last))
		return false;
	if (add_reader(p, c, at, first))
		return false;
	return first == last || !add_reader(p, c, at, last);
}

/* The page becomes code. */
static void close_readers(struct patch *p, u64 page)
{
	for (u32 n = p->readers[bucket(page)]; n; n = p->reader[n - 1].next) {
		const struct code_reader *r = &p->reader[n - 1];

		if (r->page == page && scan_is_open(&r->code->scan, r->at))
			scan_close(&r->code->scan, r->at, SCAN_READS);
	}
}

/* struct scan_client */
static void note_closed(void *arg, const struct scan *s, u32 at, u32 inner)
{
	const struct code *c = container_of(s, const struct code, scan);
	struct patch *p = arg;

	p->stats.closed[scan_why(s, at)]++;
	if (p->report)
		report_closed(p->report, s, c->page->gpa, at, inner);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct code *codes_latest(const struct patch *p, u64 linear)
{
	for (struct code *c = p->by_linear[bucket(linear >> 12)]; c; c = c->next)
		if (c->scan.linear == linear)
			return c;
	return NULL;
}

struct code *codes_find(struct patch *p, u64 linear, u64 gpa)
{
	struct code **first = &p->by_linear[bucket(linear >> 12)], **at = first, *c;
	const struct vcpu *v = p->d->v;

	for (; (c = *at); at = &c->next) {
		if (c->scan.linear != linear || c->page->gpa != gpa || c->scan.mode != v->mode ||
		    c->scan.fpu != p->fpu || c->scan.flat != v->flat_segs)
			continue;
		*at = c->next;
		c->next = *first;
		*first = c;
		return c;
	}
	return NULL;
}

struct code_page *codes_page(const struct patch *p, u64 gpa)
{
	struct code_page *page = p->by_gpa[bucket(gpa >> 12)];

	while (page && page->gpa != gpa)
		page = page->next;
	return page;
}

/* ---- making and dropping --------------------------------------------------------------------- */

static struct code_page *page_of(struct patch *p, u64 gpa)
{
	struct code_page *page = codes_page(p, gpa), **first = &p->by_gpa[bucket(gpa >> 12)];

	if (page)
		return page;
	page = calloc(1, sizeof(*page));
	if (!page)
		return NULL;
	page->gpa = gpa;
	page->host = ram_at(&p->d->v->vm->ram, gpa, PAGE_SIZE);
	page->next = *first;
	*first = page;
	return page;
}

struct code *codes_new(struct patch *p, u64 linear, u64 gpa)
{
	struct code_page *page = page_of(p, gpa);
	struct code **first = &p->by_linear[bucket(linear >> 12)];
	struct code *c = page ? malloc(sizeof(*c)) : NULL;
	const struct vcpu *v = p->d->v;

	if (!c)
		return NULL;
	c->patch = p;
	c->page = page;
	c->scan.linear = linear;
	c->scan.mode = (u8)v->mode;
	c->scan.flat = v->flat_segs;
	c->scan.inside = p->inside;
	c->scan.fpu = p->fpu;
	c->scan.code = page->host;
	c->scan.copy = p->copies + (size_t)p->nr++ * PAGE_SIZE;
	c->scan.client = &p->client;
	scan_init(&c->scan);
	c->next_here = page->code;
	page->code = c;
	if (!p->exec_only && !is_code(p, linear >> 12))
		close_readers(p, linear >> 12);
	c->next = *first;
	*first = c;
	return c;
}

int codes_init(struct patch *p)
{
	p->client = (struct scan_client){ may_read, note_closed, p };
	return 0;
}

void codes_drop_all(struct patch *p)
{
	p->decoded = codes_decoded(p);
	for (u32 n = 0; n < CODE_BUCKETS; n++) {
		for (struct code *c = p->by_linear[n], *next; c; c = next) {
			next = c->next;
			free(c);
		}
		for (struct code_page *page = p->by_gpa[n], *next; page; page = next) {
			next = page->next;
			p->d->v->code_pages[page->gpa >> 12] = 0;
			free(page->was);
			free(page);
		}
		p->by_linear[n] = NULL;
		p->by_gpa[n] = NULL;
		p->readers[n] = 0;
	}
	p->nr = p->nr_readers = 0;
}

void codes_fini(struct patch *p)
{
	codes_drop_all(p);
	free(p->reader);
}

/* ---- stores ---------------------------------------------------------------------------------- */

u32 codes_void(struct code_page *page, u32 from, u32 len)
{
	u32 voided = 0;

	for (struct code *c = page->code; c; c = c->next_here)
		voided += scan_void(&c->scan, from, len);
	return voided;
}

int codes_remember(struct code_page *page)
{
	if (!page->was)
		page->was = malloc(PAGE_SIZE);
	if (!page->was)
		return -ENOMEM;
	memcpy(page->was, page->host, PAGE_SIZE);
	return 0;
}

u32 codes_compare(struct code_page *page)
{
	u32 voided = 0;

	if (!page->was || !memcmp(page->was, page->host, PAGE_SIZE))
		return 0;
	for (u32 n = 0; n < PAGE_SIZE; n++)
		if (page->was[n] != page->host[n])
			voided += codes_void(page, n, 1);
	return voided;
}

u64 codes_decoded(const struct patch *p)
{
	u64 decoded = p->decoded;

	for (u32 n = 0; n < CODE_BUCKETS; n++)
		for (const struct code *c = p->by_linear[n]; c; c = c->next)
			decoded += c->scan.nr;
	return decoded;
}
