/* SPDX-License-Identifier: MIT */
/* The copies that engine trap+patch has, by where they are seen and by where they lie; between
 * patch.c and codes.c. */
#ifndef FVB_SWBT_DIRECT_CODES_H
#define FVB_SWBT_DIRECT_CODES_H

#include "backends/swbt/direct/direct.h"
#include "backends/swbt/direct/report.h"
#include "backends/swbt/direct/scan.h"

#define CODES_MAX    16384u
#define CODE_BUCKETS 4096u

/* A guest-physical page with code on it. */
struct code_page {
	u64 gpa;
	const u8 *host;
	struct code *code;	/* all of it */
	struct code_page *next; /* of its bucket */
	bool held;		/* stores to it are seen; else nothing of it is mapped to run */
	u32 writes;		/* that were, since it is held */
	u8 *was;		/* what it was when it was released, or NULL: no code yet */
};

/* A copy of it. */
struct code {
	struct patch *patch;
	struct code_page *page;
	struct code *next;	/* of its bucket */
	struct code *next_here; /* of the same page */
	struct scan scan;
};

/* Who reads a linear page, by an address in the instruction. */
struct code_reader {
	u64 page;
	struct code *code;
	u32 at, next; /* next: from 1 */
};

struct patch_stats {
	u64 closed[NR_SCAN_WHY], hits[NR_SCAN_WHY];
	u64 unknown;  /* stops where nothing was known */
	u64 emulated; /* in a row, behind a closed one */
	u64 accessed; /* data on pages of code, by instructions that were emulated for it */
	u64 writes, voided, released, flushes;
};

struct patch {
	struct direct *d;
	int fd;
	u8 *copies; /* all of FD */
	u64 nr_pages;
	bool exec_only; /* the host has mappings that cannot be read */
	u8 inside;	/* enum scan_inside */

	u64 cr0, cr4, xcr0; /* as FPU is for */
	u32 fpu;	    /* fpu_refused */

	u32 nr;				      /* copies */
	u64 decoded;			      /* instructions, by those that were dropped */
	struct code *by_linear[CODE_BUCKETS]; /* the latest entered first */
	struct code_page *by_gpa[CODE_BUCKETS];
	struct code_reader *reader;
	u32 nr_readers, room_readers, max_readers; /* max: then all is dropped */
	u32 readers[CODE_BUCKETS];
	struct scan_client client;

	u32 credit;	       /* instructions to emulate */
	u64 entered, shortest; /* TSC of the latest entry; least that it took to stop */
	struct patch_stats stats;
	struct report *report;
};

int codes_init(struct patch *p);
void codes_fini(struct patch *p);

/* The copy for the vCPU's mode and p->fpu at LINEAR of the page GPA, or NULL; makes it the latest.
 */
struct code *codes_find(struct patch *p, u64 linear, u64 gpa);
/* A new one, of which there are fewer than CODES_MAX. NULL: no memory. */
struct code *codes_new(struct patch *p, u64 linear, u64 gpa);
/* The one last found at LINEAR, or NULL. */
struct code *codes_latest(const struct patch *p, u64 linear);
struct code_page *codes_page(const struct patch *p, u64 gpa);

/* All is gone; none of it may stay mapped. */
void codes_drop_all(struct patch *p);

/* LEN bytes at offset FROM of PAGE change. How many instructions are not known any more. */
u32 codes_void(struct code_page *page, u32 from, u32 len);
/* Keep what PAGE is. 0 or -ENOMEM. */
int codes_remember(struct code_page *page);
/* Void what has changed since. As codes_void. */
u32 codes_compare(struct code_page *page);

/* Instructions that the scanner looked at. */
u64 codes_decoded(const struct patch *p);

#endif
