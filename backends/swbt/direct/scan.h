/* SPDX-License-Identifier: MIT */
/*
 * What is known of a page of code, and the copy of it that runs. In the copy all bytes are HLT,
 * which traps, but those of instructions that are open: known to be code, and harmless at CPL 3.
 * Known instructions that are not harmless are closed: they stay HLT. After each of these calls no
 * byte of the copy begins anything that would fail silently, wherever a jump leads.
 *
 * Offsets are within the page, AT that of an instruction's first byte. Nothing here knows of the
 * engine: tests drive it alone.
 */
#ifndef FVB_SWBT_DIRECT_SCAN_H
#define FVB_SWBT_DIRECT_SCAN_H

#include "backends/swbt/decode.h"
#include "backends/swbt/mmu.h"

#define SCAN_HLT 0xf4

/* Why an instruction is closed. Names and texts: scan_why_names, scan_note. */
enum scan_why {
	SCAN_OPEN,	/* it is not */
	SCAN_SENSITIVE, /* fails silently at CPL 3 */
	SCAN_UNDEFINED, /* #UD to guests, maybe not to this host */
	SCAN_FPU,	/* #NM or #UD to the guest as CR0, CR4 and XCR0 are */
	SCAN_PAGE_END,	/* goes on in another page */
	SCAN_INSIDE,	/* from one of its later bytes on, it would be one of the above */
	SCAN_READS,	/* reads a page of code, where the copy would be seen */
	NR_SCAN_WHY
};
extern const char *const scan_why_names[NR_SCAN_WHY];

/* What may begin in the middle of an open instruction, where only an indirect jump leads. */
enum scan_inside {
	INSIDE_ANYTHING,      /* nobody jumps there */
	INSIDE_FAR_TRANSFERS, /* they trap but for selectors of the host's own */
	INSIDE_NOTHING,	      /* that would fail silently */
};

struct scan;

struct scan_client {
	/* The instruction I at AT, about to be opened, reads memory at LINEAR, as it says
	 * itself. False: that is to be emulated. May be NULL. */
	bool (*reads)(void *arg, const struct scan *s, u32 at, const struct insn *i, u64 linear);
	/* The instruction at AT was closed; of SCAN_INSIDE: for what begins at INNER. May be NULL.
	 */
	void (*closed)(void *arg, const struct scan *s, u32 at, u32 inner);
	void *arg;
};

struct scan {
	u64 linear;	/* of the page */
	u8 mode;	/* enum cpu_mode: 32- or 64-bit code */
	u8 flat;	/* BIT(enum seg): offsets in it are linear addresses */
	u8 inside;	/* enum scan_inside */
	u32 fpu;	/* fpu_refused */
	const u8 *code; /* PAGE_SIZE bytes, as the guest has them */
	u8 *copy;	/* PAGE_SIZE bytes, what runs */
	const struct scan_client *client;
	u32 nr; /* instructions decoded, for counters */

	u8 known[PAGE_SIZE]; /* where instructions begin: length | enum scan_why << 4; else 0 */
	u8 reach[PAGE_SIZE]; /* bytes that decide what begins here; for settling */
	u64 todo[PAGE_SIZE / 64], unsettled[PAGE_SIZE / 64];
};

/* Nothing is known. The fields up to CLIENT are set. */
void scan_init(struct scan *s);

/* Control comes to AT. */
void scan_from(struct scan *s, u32 at);

/* The bytes FROM to FROM + LEN - 1 change: what has one of them is not known any more. How many
 * instructions that were. */
u32 scan_void(struct scan *s, u32 from, u32 len);

/* Close an instruction that is open. */
void scan_close(struct scan *s, u32 at, enum scan_why why);

static inline u32 scan_length(const struct scan *s, u32 at)
{
	return s->known[at] & 15;
}

static inline enum scan_why scan_why(const struct scan *s, u32 at)
{
	return s->known[at] >> 4;
}

static inline bool scan_is_open(const struct scan *s, u32 at)
{
	return s->known[at] && s->known[at] < 16;
}

/* One line on why what begins at AT is closed, by sensitive.def where that says so. INNER as in
 * struct scan_client. */
void scan_note(const struct scan *s, u32 at, u32 inner, char *text, size_t size);

#endif
