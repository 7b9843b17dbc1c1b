/* SPDX-License-Identifier: MIT */
/*
 * Page tables. 4 GiB are identity-mapped with large pages, open to CPL 3, writable, the last
 * 32 MiB uncached (devices live there), except for the window: pages of 4 KiB at 1 GiB, where no
 * guest has RAM, none of them present at first.
 */
#ifndef NANO_PAGING_H
#define NANO_PAGING_H

#include "x86.h"

#define PTE_P ((uword)1 << 0)
#define PTE_W ((uword)1 << 1)
#define PTE_U ((uword)1 << 2)
#define PTE_A ((uword)1 << 5)
#define PTE_D ((uword)1 << 6)
#define PTE_G ((uword)1 << 8)

#define WINDOW	     ((u8 *)0x40000000)
#define WINDOW_PAGES 4096

/* The window's page table, entry I for WINDOW + I * PAGE, and that page. */
extern uword window_pte[WINDOW_PAGES];
static inline void *window_page(uword i)
{
	return WINDOW + i * PAGE;
}

/* The entry that maps FRAME, present and writable. */
static inline uword pte(const void *frame)
{
	return (uword)frame | PTE_P | PTE_W | PTE_U;
}

/* Map window page I to FRAME (page-aligned), and forget what the TLB holds of it. */
void window_map(uword i, const void *frame);

/* Unmap all of the window. */
void window_clear(void);

/* Fail unless FLUSH makes the CPU forget the translation of window page 0, mapped with FLAGS. */
void expect_flush(void (*flush)(void), uword flags);

/* A second address space that differs only in window page 0, which maps FRAME. Its CR3 value.
 * 64-bit guests only, once. */
uword space_new(const void *frame);

#endif
