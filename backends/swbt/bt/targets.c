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

static void target_free(struct targets *t, u32 at)
{
	/* 0 would stand for RIP 0 in its own places. */
	t->minus_rip[at] = at % TARGETS ? 0 : 1;
	t->host[at] = 0;
}

int targets_init(struct targets *t, u8 *at)
{
	t->minus_rip = (u64 *)(void *)at;
	t->host = (u64 *)(void *)(at + SPACE_TARGETS_SIZE / 2);
	target_free(t, 0);
	target_free(t, TARGETS);
	return list_init(&t->local) || list_init(&t->global) ? -ENOMEM : 0;
}

void targets_fini(struct targets *t)
{
	free(t->local.at);
	free(t->global.at);
}

/* The two places of RIP. */
static u32 first_place(u64 rip)
{
	return (u16)rip;
}

static u32 second_place(u64 rip)
{
	return TARGETS + (u16)(rip + (rip >> 12));
}

static bool is_at(const struct targets *t, u32 at, u64 rip)
{
	return t->host[at] && t->minus_rip[at] == 0 - rip;
}

/* ---- the interface --------------------------------------------------------------------------- */

const u8 *targets_find(const struct targets *t, u64 rip)
{
	u32 first = first_place(rip), second = second_place(rip);

	if (is_at(t, first, rip))
		return (const u8 *)(uintptr_t)t->host[first];
	return is_at(t, second, rip) ? (const u8 *)(uintptr_t)t->host[second] : NULL;
}

/* The bit of LINEAR's page in .hashed. */
static u32 hash(u64 linear)
{
	return (u32)((linear >> 12) * 0x9e3779b97f4a7c15ull >> 49);
}

static void put(struct targets *t, u32 at, u64 rip, u64 host, bool global)
{
	struct target_list *l = global ? &t->global : &t->local;

	l->at[l->nr++] = at;
	t->minus_rip[at] = 0 - rip;
	t->host[at] = host;
	t->is_global[at / 64] &= ~BIT64(at % 64);
	t->is_global[at / 64] |= (u64)global << at % 64;
	t->pages[rip >> 18 & 63] |= BIT64(rip >> 12 & 63);
	t->hashed[hash(rip) / 64] |= BIT64(hash(rip) % 64);
}

void targets_add(struct targets *t, u64 rip, const u8 *host, bool global)
{
	u32 at = first_place(rip);
	u64 other = 0 - t->minus_rip[at];

	if (t->host[at] == (uintptr_t)host && other == rip)
		return;
	if (t->local.nr + 2 > BT_TARGETS || t->global.nr + 2 > BT_TARGETS)
		targets_flush(t, true);
	if (t->host[at] && other != rip)
		put(t, second_place(other), other, t->host[at],
		    t->is_global[at / 64] >> at % 64 & 1);
	put(t, at, rip, (uintptr_t)host, global);
}

void targets_drop(struct targets *t, u64 rip, const u8 *host)
{
	if (t->host[first_place(rip)] == (uintptr_t)host)
		target_free(t, first_place(rip));
	if (t->host[second_place(rip)] == (uintptr_t)host)
		target_free(t, second_place(rip));
}

/* NONE: none will be left, on the other list either. */
static void list_flush(struct targets *t, struct target_list *l, bool none)
{
	while (l->nr) {
		u32 at = l->at[--l->nr];
		u64 rip = 0 - t->minus_rip[at];

		if (none) {
			t->pages[rip >> 18 & 63] = 0;
			t->hashed[hash(rip) / 64] = 0;
		}
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
	return t->pages[linear >> 18 & 63] >> (linear >> 12 & 63) & 1 &&
	       t->hashed[hash(linear) / 64] >> hash(linear) % 64 & 1;
}

/* Those in LINEAR's page, and those that begin in the one before. */
static void list_flush_page(struct targets *t, const struct target_list *l, u64 linear)
{
	/* By the low half: above it there may be the base of CS. */
	for (unsigned int n = 0; n < l->nr; n++) {
		u32 rip = (u32)(0 - t->minus_rip[l->at[n]]);

		if (((u32)linear >> 12) - (rip >> 12) < 2)
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
