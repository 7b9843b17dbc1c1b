/* SPDX-License-Identifier: MIT */
/*
 * Linear software page tables: where translated code finds guest memory. For every linear page one
 * 8-byte entry for reading and one for writing, host address minus guest address or 0, indexed by
 * bits 12 to 43 of the address. An address that differs above bit 43 from the one that an entry is
 * for ends up a multiple of 2^44 away from guest RAM, where pagetable_init sees to it that nothing
 * is mapped.
 *
 * A space is one such pair of tables with what else is reached from the same base register (R15 of
 * translated code), at fixed distances:
 *
 *	base		the vCPU, mapped here again
 *	base + SEEN	a byte for each code page (codepage.h)
 *	base + TARGETS	targets of indirect jumps: by the low 16 bits of RIP, minus the RIP, and
 *			the host code; once for each way of treating alignment
 *	base + READ	entries for reading, page p's is number p
 *	+ SPACE_GS	entries for writing, likewise. No displacement reaches them from the base:
 *			GS.base, which nothing else in the process uses, is SPACE_GS while there are
 *			tables, so that gs:[r15 + READ + p * 8] is page p's
 */
#ifndef FVB_SWBT_BT_PAGETABLE_H
#define FVB_SWBT_BT_PAGETABLE_H

#include "backends/swbt/bt/codepage.h"
#include "backends/swbt/mmu.h"

/* What is fixed beyond: vCPU 224 KiB, code pages 16 KiB, four targets of 2 MiB. */
#define SPACE_TARGETS	   (256 * KiB)
#define SPACE_TARGETS_SIZE (2 * MiB)
#define SPACE_SEEN	   (224 * KiB)
#define SPACE_READ	   (12 * MiB)
#define TABLE_SIZE	   (32 * GiB)
/* What is beyond the table's size keeps a page's two entries from competing for a place in the
 * host's L1 cache, which on AMD's processors is told by a hash of the address: README.md, "Guest
 * memory". */
#define SPACE_GS (TABLE_SIZE + 20 * MiB + 0x5840)
/* Behind each table, of words that are 0: a displacement of 2 GiB is so many pages. */
#define SPACE_BEHIND (4 * MiB)
/*
 * The vCPU is seen at several addresses, in C and in each space. That hash is of bits 12 to 31, and
 * a line seen at an address with another one than last time is a miss (12 cycles): so all of them
 * are multiples of this apart.
 */
#define ALIAS_STEP   (4 * GiB)
#define SPACE_STRIDE (2 * TABLE_SIZE + ALIAS_STEP) /* from one to the next */
#define TARGETS	     65536u
#define REGIONS	     BIT(23)

/* A vCPU can be in one of these with respect to what it may access. */
enum space_id { SPACE_SUPER, SPACE_SUPER_AC, SPACE_USER, SPACE_INNER /* CPL 1, 2 */, NR_SPACES };

/*
 * What is filled in a space, by regions of 512 pages of guest memory: bits for lines, 8 entries
 * that lie in one cache line of the host. A flush costs what it clears.
 */
struct region {
	u64 read, write; /* lines with entries that may not be 0 */
	u64 local;	 /* lines that do not belong to global pages alone */
	u8 listed;	 /* REGION_* */
};
#define REGION_ANY   BIT(0)
#define REGION_LOCAL BIT(1)

struct region_list {
	u32 *region;
	unsigned int nr;
};

/*
 * Two tables of TARGETS places each, one behind the other: a target is entered in the first, by the
 * low bits of RIP, and goes to the second, by those of RIP plus its page's number, when another
 * one takes its place. Free places have a RIP that would not be looked for there.
 */
struct targets {
	u64 *minus_rip;
	u64 *host;
	struct target_list {
		u32 *at; /* places filled since the last flush, some of them free again */
		unsigned int nr;
	} local, global;		 /* in pages that are not global, and in those that are */
	u64 is_global[2 * TARGETS / 64]; /* those in a place */
	/* Pages that any of them is in, by the low 12 bits of their number, and by a hash of it: a
	 * kernel calls into so many that one of three others would look like one of them. */
	u64 pages[64], hashed[512];
};

/* Which targets: those of returns have a table of their own (--bt-return-cache). Once for each way
 * of treating alignment. */
enum targets_id { TARGETS_JUMP, TARGETS_RETURN, TARGETS_ALIGNMENT, NR_TARGETS = 4 };

struct space {
	u8 *base; /* where the vCPU is */
	u64 *read, *write;
	struct region *region; /* by linear address >> 21 */
	u64 mode;	       /* of the code among the targets: its key, without the base of CS */
	struct region_list any, local; /* that have entries; that have local ones */
	struct targets targets[NR_TARGETS];
	struct seen seen;
	bool used; /* something may have been entered, ever */
};

struct aliases {
	void *at[8];
	size_t size;
};

struct pagetable {
	struct space space[NR_SPACES];
	u8 *map; /* the whole reservation */
	struct aliases aliases;
	u64 cr3; /* of what is in the spaces */
	u64 fills, flushes;
};

/* Reserve everything, and set GS.base of the calling thread. VCPU_FD: the memory file that V lies
 * in, VCPU_SIZE bytes of it. 0 or negative errno; -EBUSY: something of this process lies where
 * aliases of guest RAM are. */
int pagetable_init(struct pagetable *t, struct vcpu *v, int vcpu_fd, size_t vcpu_size);
void pagetable_fini(struct pagetable *t);

/* Forget what CR3 made stale: one with another PCID need not have flushed anything. All spaces:
 * translated code goes from one to the other by itself. */
void pagetable_follow(struct pagetable *t, u64 cr3);

/* The space of V's present CPL and EFLAGS.AC. */
static inline struct space *pagetable_space(struct pagetable *t, const struct vcpu *v)
{
	enum space_id id = v->cpl == 3		     ? SPACE_USER
			   : v->cpl		     ? SPACE_INNER
			   : v->s.rflags & RFLAGS_AC ? SPACE_SUPER_AC
						     : SPACE_SUPER;

	if (unlikely(t->cr3 != v->s.cr3))
		pagetable_follow(t, v->s.cr3);
	t->space[id].used = true;
	return &t->space[id];
}

/* Enter the page of LINEAR for reading, or writing and reading. 0; EXC: the guest gets v->exc;
 * FILL_SLOW: the slow path has to do the access, to a device or a page with translated code. */
#define FILL_SLOW (-1)
int pagetable_fill(struct pagetable *t, struct space *s, struct vcpu *v, u64 linear, u32 access);

/* The guest page that HOST maps holds code from now on: no entry may let it be written. */
void pagetable_protect(struct pagetable *t, const u8 *host);

void pagetable_flush(struct pagetable *t, bool global_too);
/* The page of LINEAR, which may be a piece of one of 1 << SHIFT bytes at most. */
void pagetable_flush_page(struct pagetable *t, u64 linear, unsigned int shift);

/* targets.c: targets of jumps to other pages. AT has room for what minus_rip and host need. */
int targets_init(struct targets *t, u8 *at);
void targets_fini(struct targets *t);
/* HOST is the code at RIP; GLOBAL: in a page that a new CR3 does not change. */
void targets_add(struct targets *t, u64 rip, const u8 *host, bool global);
/* The code at RIP, or NULL. */
const u8 *targets_find(const struct targets *t, u64 rip);
void targets_drop(struct targets *t, u64 rip, const u8 *host);
void targets_flush(struct targets *t, bool global_too);
/* Those in the page of LINEAR, or that reach into it from the page before. */
void targets_flush_page(struct targets *t, u64 linear);

#endif
