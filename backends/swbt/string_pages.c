/* SPDX-License-Identifier: MIT */
/*
 * Each page costs two looks into the TLB. Pages that are neighbours in the host too are done by one
 * instruction of the host's, which takes a while to start.
 */
#include "backends/swbt/string_pages.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mmu.h"

/* What is to be done in one go. FROM is NULL for STOS. */
struct piece {
	u8 *from, *to;
	u64 len;
};

/* The host's address of LINEAR, or NULL. */
static inline u8 *known(struct vcpu *v, u64 linear, enum mmu_right right, u32 access)
{
	const struct mmu_tlb_entry *e = mmu_hit(v, linear, right, access);

	if (!e || !e->host || e->shift > 12)
		return NULL;
	if (access & ACC_WRITE && v->code_pages && v->code_pages[e->gpa >> 12])
		return NULL;
	return e->host + (linear & PAGE_MASK);
}

static inline u64 to_end(u64 linear, u64 most)
{
	u64 room = PAGE_SIZE - (linear & PAGE_MASK);

	return room < most ? room : most;
}

/* At most BYTES from FROM, if MOVS, and to TO. A length of 0: none. */
static struct piece next_piece(struct vcpu *v, const struct insn *i, u64 from, u64 to, u64 bytes)
{
	const bool movs = i->emulate == EMU_movs;
	const enum mmu_right right = mmu_right_quick(v);
	struct piece p = { 0 };

	while (p.len < bytes) {
		u64 len = to_end(to + p.len, bytes - p.len);
		u8 *dst = known(v, to + p.len, right, ACC_WRITE), *src = NULL;

		if (movs) {
			len = to_end(from + p.len, len);
			src = known(v, from + p.len, right, ACC_READ);
		}
		len &= ~(u64)(i->opsize - 1u);
		if (!len || !dst || (movs && !src))
			break;
		if (!p.len) {
			p.to = dst;
			p.from = src;
		} else if (dst != p.to + p.len || (movs && src != p.from + p.len)) {
			break;
		}
		p.len += len;
	}
	return p;
}

/* By the host's instruction of the same size: where operands overlap it does what the guest's
 * would. */
#define MOVE(suffix, size)                                                                        \
	case size:                                                                                \
		__asm__ volatile("rep movs" suffix : "+S"(from), "+D"(to), "+c"(n) : : "memory"); \
		break
#define FILL(suffix, size)                            \
	case size:                                    \
		__asm__ volatile("rep stos" suffix    \
				 : "+D"(to), "+c"(n)  \
				 : "a"(v->s.gpr[RAX]) \
				 : "memory");         \
		break

static void move(const struct insn *i, const struct piece *p)
{
	const u8 *from = p->from;
	u64 n = p->len / i->opsize;
	u8 *to = p->to;

	switch (i->opsize) {
		MOVE("b", 1);
		MOVE("w", 2);
		MOVE("l", 4);
		MOVE("q", 8);
	default:
		break;
	}
}

static void fill(const struct vcpu *v, const struct insn *i, const struct piece *p)
{
	u64 n = p->len / i->opsize;
	u8 *to = p->to;

	switch (i->opsize) {
		FILL("b", 1);
		FILL("w", 2);
		FILL("l", 4);
		FILL("q", 8);
	default:
		break;
	}
}

/* Is there nothing but pages to be looked at? mmu_right_quick sees to alignment. */
static bool plain(const struct vcpu *v, const struct insn *i)
{
	return v->mode == MODE_LONG64 && i->addrsize == 8 && !(v->s.rflags & RFLAGS_DF) &&
	       (i->emulate != EMU_movs || i->mem_seg < SEG_FS);
}

u64 string_pages(struct vcpu *v, const struct insn *i, u64 n)
{
	u64 bytes = (n < STRING_BURST / i->opsize ? n * i->opsize : STRING_BURST), done = 0;
	const u64 from = v->s.gpr[RSI], to = v->s.gpr[RDI];

	if (n < 2 || !plain(v, i))
		return 0;
	while (done < bytes) {
		struct piece p = next_piece(v, i, from + done, to + done, bytes - done);

		if (!p.len)
			break;
		if (((uintptr_t)p.from | (uintptr_t)p.to) & (i->opsize - 1u))
			fpu_unalign(v);
		if (i->emulate == EMU_movs)
			move(i, &p);
		else
			fill(v, i, &p);
		done += p.len;
	}
	v->s.gpr[RDI] = to + done;
	if (i->emulate == EMU_movs)
		v->s.gpr[RSI] = from + done;
	return done / i->opsize;
}
