/* SPDX-License-Identifier: MIT */
/*
 * Jumps to another page: linked like those within a page, but behind a look at one byte, which says
 * whether that page is still where it was. A code page is a linear page together with the guest-
 * physical page that it was seen to be; each has a number. Every space has a byte for each number,
 * which is set where the dispatcher has found that it is so, and cleared by whatever may change
 * that: then the next jump goes to the dispatcher, and if the page has not moved after all, setting
 * the byte makes all links to it good again.
 *
 *	movzx	ecx, byte [r15 + SPACE_SEEN + number]
 *	jrcxz	exit
 *	jmp	block
 *
 * Number 0 is of no page, and what is not linked.
 */
#ifndef FVB_SWBT_BT_CODEPAGE_H
#define FVB_SWBT_BT_CODEPAGE_H

#include "common/types.h"

#define CODE_PAGES 16384u

struct bt;

/* What a space holds for sure. */
struct seen_page {
	u64 page; /* linear address >> 12 */
	u16 id;
	u8 shift; /* of the guest's page that this is a piece of */
	bool global;
};
struct seen {
	u8 *valid;
	struct seen_page *list;
	unsigned int nr;
	/* Which pages may be listed: those that are no piece of another by their low bits, and by
	 * bits above what 2 MiB pages share. */
	u64 small[64], large[64];
};

/* The numbers. */
struct code_page {
	u64 page, gpa;
	u16 next;
};
struct code_pages {
	struct code_page *page;
	u16 *bucket;
	unsigned int nr;
};

/* The bytes are AT. 0 or -ENOMEM. */
int seen_init(struct seen *s, u8 *at);
void seen_fini(struct seen *s);
void seen_add(struct seen *s, const struct seen_page *p);
void seen_flush(struct seen *s, bool global_too);
void seen_flush_page(struct seen *s, u64 linear);

int codepages_init(struct code_pages *c);
void codepages_fini(struct code_pages *c);
/* The number of the page of LINEAR and GPA. When there are no more, all links to other pages are
 * undone, and numbers start again. */
u16 codepage_number(struct bt *bt, u64 linear, u64 gpa);

#endif
