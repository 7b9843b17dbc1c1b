/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/codepage.h"
#include "backends/swbt/bt/bt.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS	     4096u
#define LARGE_SHIFT  21 /* larger pages are rare enough to be looked for among these */
#define FILTER_PAGES 4096u

/* ---- what a space has seen ------------------------------------------------------------------- */

int seen_init(struct seen *s, u8 *at)
{
	s->valid = at;
	s->list = malloc(CODE_PAGES * sizeof(*s->list));
	return s->list ? 0 : -ENOMEM;
}

void seen_fini(struct seen *s)
{
	free(s->list);
}

static void filter_add(u64 *filter, u64 page)
{
	filter[page % FILTER_PAGES / 64] |= BIT64(page % 64);
}

static bool filter_has(const u64 *filter, u64 page)
{
	return filter[page % FILTER_PAGES / 64] >> page % 64 & 1;
}

static void add_large(struct seen *s, const struct seen_page *p)
{
	u64 piece = p->page >> (LARGE_SHIFT - 12), nr = BIT64(p->shift) >> LARGE_SHIFT;

	if (nr < 2) {
		filter_add(s->large, piece);
		return;
	}
	piece &= ~(nr - 1);
	for (u64 n = 0; n < nr && n < FILTER_PAGES; n++)
		filter_add(s->large, piece + n);
}

void seen_add(struct seen *s, const struct seen_page *p)
{
	if (s->valid[p->id])
		return;
	s->valid[p->id] = 1;
	s->list[s->nr++] = *p;
	if (p->shift == 12)
		filter_add(s->small, p->page);
	else
		add_large(s, p);
}

/* Nothing is listed any more. Most flushes find little: MOV CR3 takes no more time than it has to.
 */
static void filter_clear(struct seen *s, unsigned int nr)
{
	for (unsigned int n = 0; n < nr && nr <= 16; n++) {
		const struct seen_page *p = &s->list[n];

		if (p->shift > LARGE_SHIFT) {
			nr = ~0u;
			break;
		}
		s->small[p->page % FILTER_PAGES / 64] = 0;
		s->large[(p->page >> (LARGE_SHIFT - 12)) % FILTER_PAGES / 64] = 0;
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(s->small) && nr > 16; n++)
		s->small[n] = s->large[n] = 0;
}

void seen_flush(struct seen *s, bool global_too)
{
	unsigned int kept = 0, nr = s->nr;

	for (unsigned int n = 0; n < nr; n++) {
		if (s->list[n].global && !global_too)
			s->list[kept++] = s->list[n];
		else
			s->valid[s->list[n].id] = 0;
	}
	s->nr = kept;
	if (!kept)
		filter_clear(s, nr);
}

void seen_flush_page(struct seen *s, u64 linear)
{
	u64 page = linear >> 12;

	if (likely(!filter_has(s->small, page) && !filter_has(s->large, linear >> LARGE_SHIFT)))
		return;
	for (unsigned int n = 0; n < s->nr; n++) {
		if ((s->list[n].page ^ page) >> (s->list[n].shift - 12))
			continue;
		s->valid[s->list[n].id] = 0;
		s->list[n--] = s->list[--s->nr];
	}
}

/* ---- numbers --------------------------------------------------------------------------------- */

int codepages_init(struct code_pages *c)
{
	c->page = calloc(CODE_PAGES, sizeof(*c->page));
	c->bucket = calloc(BUCKETS, sizeof(*c->bucket));
	c->nr = 1;
	return c->page && c->bucket ? 0 : -ENOMEM;
}

void codepages_fini(struct code_pages *c)
{
	free(c->page);
	free(c->bucket);
}

static void unlink_all(struct bt *bt)
{
	for (u64 n = bt->oldest; n != bt->newest; n++) {
		const struct block *b = block_nr(bt, n);

		for (u32 k = 0; k < b->nr_exits; k++) {
			struct exit *x = &bt->exits[b->first_exit + k];

			if (x->kind == EXIT_JUMP && exit_link_of(x)->page)
				exit_unlink(bt, x);
		}
	}
}

static void start_again(struct bt *bt)
{
	struct code_pages *c = &bt->code_pages;

	unlink_all(bt);
	for (unsigned int n = 0; n < NR_SPACES; n++)
		seen_flush(&bt->pages.space[n].seen, true);
	for (unsigned int n = 0; n < BUCKETS; n++)
		c->bucket[n] = 0;
	c->nr = 1;
}

u16 codepage_number(struct bt *bt, u64 linear, u64 gpa)
{
	struct code_pages *c = &bt->code_pages;
	u64 page = linear >> 12;
	u16 *bucket = &c->bucket[page % BUCKETS];
	u16 id = *bucket;

	while (id && (c->page[id].page != page || c->page[id].gpa != gpa))
		id = c->page[id].next;
	if (id)
		return id;
	if (c->nr == CODE_PAGES)
		start_again(bt);
	id = (u16)c->nr++;
	c->page[id] = (struct code_page){ .page = page, .gpa = gpa, .next = *bucket };
	*bucket = id;
	return id;
}
