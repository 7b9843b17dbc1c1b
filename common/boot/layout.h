/* SPDX-License-Identifier: MIT */
/*
 * Who lies where in guest RAM while it is being filled. A loader first takes the ranges that the
 * file insists on, then asks for room for what may lie anywhere, and gets the lowest address that
 * is free, so that the same file always meets the same memory.
 */
#ifndef FVB_BOOT_LAYOUT_H
#define FVB_BOOT_LAYOUT_H

#include "common/error.h"
#include "common/ram.h"
#include "common/types.h"

/* Where boot data (GDT, page tables, Multiboot information) goes if nothing of the guest is there:
 * out of the way of boot sectors and kernels at 1 MiB, and as far as can be from the top of low
 * memory, where kernels put trampolines before they have read what the loader tells them (Xen). */
#define LAYOUT_BOOT_START 0x10000ull
/* The stack pointer starts here, the stack below it. */
#define LAYOUT_STACK 0x90000ull

#define LAYOUT_MAX 256

struct layout {
	struct ram *ram;
	unsigned int nr;
	struct {
		u64 start, end;
	} taken[LAYOUT_MAX];
};

void layout_init(struct layout *layout, struct ram *ram);

/*
 * Take exactly SIZE bytes (at least 1) at GPA, which may be reserved in the memory map. The host
 * pointer to them, or NULL with ERR filled if they are not RAM or are taken; WHAT ("kernel: segment
 * 2") starts the message.
 */
void *layout_take(struct layout *layout, u64 gpa, u64 size, const char *what, struct error *err);

/*
 * Take the lowest free SIZE bytes (at least 1), aligned to ALIGN, a power of two, of ordinary RAM
 * that lie in MIN..MAX. The host pointer with *GPA filled, or NULL if there is no such place.
 */
void *layout_alloc(struct layout *layout, u64 size, u64 align, u64 min, u64 max, u64 *gpa);

/* The same for boot data: from LAYOUT_BOOT_START on below the EBDA, else from 1 MiB to 4 GiB. */
void *layout_alloc_boot(struct layout *layout, u64 size, u64 align, u64 *gpa);

/* One past the highest byte taken so far; 0 if there is none. */
u64 layout_end(const struct layout *layout);

/* Clear guest RAM without populating whole pages of it. LEN bytes at P, both from layout_take. */
void layout_zero(void *p, u64 len);

#endif
