/* SPDX-License-Identifier: MIT */
/* Targets of jumps that translated code looks up by itself: indirect ones, and those to another
 * page, whose mapping may change. */
#include "backends/swbt/bt/pagetable.h"
#include "backends/swbt/bt/tunables.h"

#include <errno.h>
#include <stdlib.h>

static int list_init(struct target_list *l)
{
	l->at = malloc(BT_TARGETS * sizeof(*l->at));
	return l->at ? 0 : -ENOMEM;
}

int targets_init(struct targets *t, u8 *at)
{
	t->minus_rip = (u64 *)(void *)at;
	t->host = (u64 *)(void *)(at + SPACE_TARGETS_SIZE);
	t->minus_rip[0] = 1; /* zero would stand for RIP 0 */
	return list_init(&t->local) || list_init(&t->global) ? -ENOMEM : 0;
}

void targets_fini(struct targets *t)
{
	free(t->local.at);
	free(t->global.at);
}

static void target_free(struct targets *t, u16 at)
{
	t->minus_rip[at] = at ? 0 : 1;
	t->host[at] = 0;
}

/* ---- the interface --------------------------------------------------------------------------- */

void targets_add(struct targets *t, u64 rip, const u8 *host, bool global)
{
	struct target_list *l = global ? &t->global : &t->local;
	u16 at = (u16)rip;

	if (t->host[at] == (uintptr_t)host && t->minus_rip[at] == 0 - rip)
		return;
	if (l->nr == BT_TARGETS)
		targets_flush(t, true);
	l->at[l->nr++] = at;
	t->minus_rip[at] = 0 - rip;
	t->host[at] = (uintptr_t)host;
	t->pages[rip >> 18 & 63] |= BIT64(rip >> 12 & 63);
}

void targets_drop(struct targets *t, u64 rip, const u8 *host)
{
	u16 at = (u16)rip;

	if (t->host[at] == (uintptr_t)host)
		target_free(t, at);
}

/* NONE: none will be left, on the other list either. */
static void list_flush(struct targets *t, struct target_list *l, bool none)
{
	while (l->nr) {
		u16 at = l->at[--l->nr];

		if (none)
			t->pages[(0 - t->minus_rip[at]) >> 18 & 63] = 0;
		target_free(t, at);
	}
}

void targets_flush(struct targets *t, bool global_too)
{
	bool none = global_too || !t->global.nr;

	list_flush(t, &t->local, none);
	if (global_too)
		list_flush(t, &t->global, none);
}

static bool has_page(const struct targets *t, u64 linear)
{
	return t->pages[linear >> 18 & 63] >> (linear >> 12 & 63) & 1;
}

/* Those in LINEAR's page, and those that begin in the one before. */
static void list_flush_page(struct targets *t, const struct target_list *l, u64 linear)
{
	for (unsigned int n = 0; n < l->nr; n++) {
		u64 page = (0 - t->minus_rip[l->at[n]]) >> 12;

		if ((linear >> 12) - page < 2)
			target_free(t, l->at[n]);
	}
}

void targets_flush_page(struct targets *t, u64 linear)
{
	if (likely(!has_page(t, linear) && !has_page(t, linear - PAGE_SIZE)))
		return;
	list_flush_page(t, &t->local, linear);
	list_flush_page(t, &t->global, linear);
}
