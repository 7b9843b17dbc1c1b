/* SPDX-License-Identifier: MIT */
#include "backends/swbt/burst.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mmu.h"
#include "backends/swbt/string_pages.h"

/* Elements from OFFSET of register REG on, upwards, that stay in one page and below the address
 * wrap; at most N. */
static u64 in_page(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 room = (4096 - (string_index(v, i, reg) & 4095)) / i->opsize;

	return room < n ? room : n;
}

/* Does the processor look at the alignment of each? Then it is one at a time. */
static bool checks_alignment(const struct vcpu *v)
{
	return v->s.rflags & RFLAGS_AC && v->cpl == 3 && v->s.cr0 & CR0_AM;
}

/* At most N elements: those up to where register REG wraps around. */
static u64 before_wrap(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 mask = i->addrsize < 8 ? BIT64(i->addrsize * 8) - 1 : ~0ull;
	u64 room = (mask - string_index(v, i, reg)) / i->opsize;

	return room < n ? room : n;
}

/* The linear address of N elements, or false: a segment limit, or an address that wraps. */
static bool linear_of(struct vcpu *v, const struct insn *i, u8 seg, u8 reg, u64 n, u32 access,
		      u64 *linear)
{
	u64 bytes = n * i->opsize;

	return !mem_linear(v, seg, string_index(v, i, reg), (u32)bytes, access, linear) &&
	       (v->mode == MODE_LONG64 || *linear + bytes <= BIT64(32));
}

/* Elements at a place in memory, one after the other. */
struct place {
	u8 seg, reg;
	u32 access;
	u64 linear;
	u8 *host;
	u64 gpa; /* of what was reached last */
};

/* How many of LEN bytes from DONE behind the first on can be done in one go: to the end of the
 * page, or of the large one that it is a piece of. 0: a fault, a device, not where the host's
 * instruction would go on. */
static u64 reach(struct vcpu *v, struct place *p, u64 done, u64 len)
{
	u64 linear = p->linear + done, size;
	u32 offset = linear & PAGE_MASK;
	struct mmu_tlb_entry *e;
	u8 *host;

	e = mmu_hit(v, linear, mmu_right_quick(v), p->access);
	if ((unlikely(!e) && mmu_translate(v, linear, p->access, &e)) || !e->host)
		return 0;
	host = e->host + offset;
	if (!done)
		p->host = host;
	else if (host != p->host + done)
		return 0;
	p->gpa = e->gpa + offset;
	size = BIT64(e->shift) - (linear & (BIT64(e->shift) - 1));
	if (len > size)
		len = size;
	if (len <= PAGE_SIZE - offset || ram_at(&v->vm->ram, p->gpa, len))
		return len;
	return PAGE_SIZE - offset;
}

/* LEN bytes that were reached are about to be written, if they are at all. */
static void note_write(struct vcpu *v, const struct place *p, u64 len)
{
	u64 n;

	if (!(p->access & ACC_WRITE))
		return;
	for (u64 gpa = p->gpa; len; gpa += n, len -= n) {
		n = PAGE_SIZE - (gpa & PAGE_MASK);
		if (n > len)
			n = len;
		mem_note_write(v, gpa, (u32)n);
	}
}

/* At most LEN bytes from DONE on in whole elements up to the end of the page. */
static u64 room(const struct place *p, const struct insn *i, u64 done, u64 len)
{
	u64 left = PAGE_SIZE - ((p->linear + done) & PAGE_MASK);

	return left < len ? left - left % i->opsize : len;
}

/* How many of N elements, at A and B if that is not NULL, can be done at once: in RAM, in one piece
 * in the host. Pages are touched as the elements themselves would, in order. */
static u64 together(struct vcpu *v, const struct insn *i, u64 n, struct place *a, struct place *b)
{
	u64 bytes = n * i->opsize, done = 0, len;

	for (; done < bytes; done += len) {
		if (!room(a, i, done, bytes) || (b && !room(b, i, done, bytes)))
			break;
		len = reach(v, a, done, bytes - done);
		if (len && b)
			len = reach(v, b, done, len);
		len -= len % i->opsize;
		if (!len)
			break;
		note_write(v, a, len);
		if (b)
			note_write(v, b, len);
	}
	return done / i->opsize;
}

/* Elements that are worth trying together: 0 if they are not. */
static u64 start_burst(const struct vcpu *v, const struct insn *i, u64 n)
{
	if (n < 2 || v->s.rflags & RFLAGS_DF || checks_alignment(v))
		return 0;
	return n < STRING_BURST / i->opsize ? n : STRING_BURST / i->opsize;
}

static bool locate(struct vcpu *v, const struct insn *i, u64 n, struct place *p)
{
	return linear_of(v, i, p->seg, p->reg, n, p->access, &p->linear);
}

/* The same for N elements at registers; page by page near a segment's limit. */
static u64 find(struct vcpu *v, const struct insn *i, u64 n, struct place *a, struct place *b)
{
	n = before_wrap(v, i, a->reg, start_burst(v, i, n));
	if (b)
		n = before_wrap(v, i, b->reg, n);
	if (n && (!locate(v, i, n, a) || (b && !locate(v, i, n, b)))) {
		n = in_page(v, i, a->reg, n);
		if (b)
			n = in_page(v, i, b->reg, n);
		if (!n || !locate(v, i, n, a) || (b && !locate(v, i, n, b)))
			return 0;
	}
	n = together(v, i, n, a, b);
	if (n && ((uintptr_t)a->host | (b ? (uintptr_t)b->host : 0)) & (i->opsize - 1u))
		fpu_unalign(v);
	return n;
}

/* The host's instruction for SIZE; with its own, it does what the guest's would where operands
 * overlap. REGS: constraints. */
#define BY_SIZE(size, insn, ...)                                 \
	do {                                                     \
		switch (size) {                                  \
		case 1:                                          \
			__asm__ volatile(insn("b") __VA_ARGS__); \
			break;                                   \
		case 2:                                          \
			__asm__ volatile(insn("w") __VA_ARGS__); \
			break;                                   \
		case 4:                                          \
			__asm__ volatile(insn("l") __VA_ARGS__); \
			break;                                   \
		default:                                         \
			__asm__ volatile(insn("q") __VA_ARGS__); \
		}                                                \
	} while (0)

#define REP_MOVS(suffix) "rep movs" suffix

u64 burst_movs(struct vcpu *v, const struct insn *i, u64 n)
{
	struct place from = { i->mem_seg, RSI, ACC_READ, 0, NULL, 0 };
	struct place to = { SEG_ES, RDI, ACC_WRITE, 0, NULL, 0 };
	u64 count = string_pages(v, i, n);

	if (count)
		return count;
	n = find(v, i, n, &from, &to);
	if (!n)
		return 0;
	count = n;
	BY_SIZE(i->opsize, REP_MOVS, : "+S"(from.host), "+D"(to.host), "+c"(count) : : "memory");
	string_advance(v, i, RSI, (s64)(n * i->opsize));
	string_advance(v, i, RDI, (s64)(n * i->opsize));
	return n;
}

/* N elements from register REG on downwards: at most those that lie in its page. */
static u64 down_in_page(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 at = string_index(v, i, reg) & 4095, room = at / i->opsize + 1;

	if (at + i->opsize > 4096)
		return 0;
	return room < n ? room : n;
}

/* The page that holds N elements, the first of them at P->reg and the others below it. */
static bool page_down(struct vcpu *v, const struct insn *i, u64 n, struct place *p)
{
	u64 bytes = n * i->opsize, low = string_index(v, i, p->reg) + i->opsize - bytes;

	if (mem_linear(v, p->seg, low, (u32)bytes, p->access, &p->linear) ||
	    (p->linear & 4095) + bytes > 4096 || reach(v, p, 0, bytes) < bytes)
		return false;
	note_write(v, p, bytes);
	if ((uintptr_t)p->host & (i->opsize - 1u))
		fpu_unalign(v);
	p->host += bytes - i->opsize;
	return true;
}

#define REP_MOVS_DOWN(suffix) "std\n\trep movs" suffix "\n\tcld"

/* The same downwards, a page at a time: what memmove() does where areas overlap. */
u64 burst_movs_down(struct vcpu *v, const struct insn *i, u64 n)
{
	struct place from = { i->mem_seg, RSI, ACC_READ, 0, NULL, 0 };
	struct place to = { SEG_ES, RDI, ACC_WRITE, 0, NULL, 0 };
	u64 count;

	n = down_in_page(v, i, RSI, down_in_page(v, i, RDI, n));
	if (n < 2 || checks_alignment(v) || !page_down(v, i, n, &from) || !page_down(v, i, n, &to))
		return 0;
	count = n;
	BY_SIZE(i->opsize, REP_MOVS_DOWN,
		: "+S"(from.host), "+D"(to.host), "+c"(count)
		:
		: "memory", "cc");
	string_advance(v, i, RSI, -(s64)(n * i->opsize));
	string_advance(v, i, RDI, -(s64)(n * i->opsize));
	return n;
}

#define REP_STOS(suffix) "rep stos" suffix

u64 burst_stos(struct vcpu *v, const struct insn *i, u64 n)
{
	struct place to = { SEG_ES, RDI, ACC_WRITE, 0, NULL, 0 };
	u64 count = string_pages(v, i, n);

	if (count)
		return count;
	n = find(v, i, n, &to, NULL);
	if (!n)
		return 0;
	count = n;
	BY_SIZE(i->opsize, REP_STOS, : "+D"(to.host), "+c"(count) : "a"(v->s.gpr[RAX]) : "memory");
	string_advance(v, i, RDI, (s64)(n * i->opsize));
	return n;
}

/* Below the red zone. */
#define WITH_FLAGS(insn) \
	"lea -128(%%rsp), %%rsp\n\t" insn "\n\tpushfq\n\tpopq %0\n\tlea 128(%%rsp), %%rsp"
#define REPE_SCAS(suffix)  WITH_FLAGS("repe scas" suffix)
#define REPNE_SCAS(suffix) WITH_FLAGS("repne scas" suffix)
#define REPE_CMPS(suffix)  WITH_FLAGS("repe cmps" suffix)
#define REPNE_CMPS(suffix) WITH_FLAGS("repne cmps" suffix)

static void take_flags(struct vcpu *v, u64 flags)
{
	const u64 mask = RFLAGS_ARITH & ~RFLAGS_DF;

	v->s.rflags = (v->s.rflags & ~mask) | (flags & mask);
}

/* Within one page: what is not looked at must not be touched. */
u64 burst_scas(struct vcpu *v, const struct insn *i, u64 n)
{
	struct place p = { SEG_ES, RDI, ACC_READ, 0, NULL, 0 };
	u64 flags, rest;

	n = find(v, i, in_page(v, i, RDI, n), &p, NULL);
	if (!n)
		return 0;
	rest = n;
	if (i->repne)
		BY_SIZE(i->opsize, REPNE_SCAS,
			: "=&r"(flags), "+D"(p.host), "+c"(rest)
			: "a"(v->s.gpr[RAX])
			: "memory", "cc");
	else
		BY_SIZE(i->opsize, REPE_SCAS,
			: "=&r"(flags), "+D"(p.host), "+c"(rest)
			: "a"(v->s.gpr[RAX])
			: "memory", "cc");
	take_flags(v, flags);
	string_advance(v, i, RDI, (s64)((n - rest) * i->opsize));
	return n - rest;
}

u64 burst_cmps(struct vcpu *v, const struct insn *i, u64 n)
{
	struct place a = { i->mem_seg, RSI, ACC_READ, 0, NULL, 0 };
	struct place b = { SEG_ES, RDI, ACC_READ, 0, NULL, 0 };
	u64 flags, rest;

	n = find(v, i, in_page(v, i, RSI, in_page(v, i, RDI, n)), &a, &b);
	if (!n)
		return 0;
	rest = n;
	if (i->repne)
		BY_SIZE(i->opsize, REPNE_CMPS,
			: "=&r"(flags), "+S"(a.host), "+D"(b.host), "+c"(rest)
			:
			: "memory", "cc");
	else
		BY_SIZE(i->opsize, REPE_CMPS,
			: "=&r"(flags), "+S"(a.host), "+D"(b.host), "+c"(rest)
			:
			: "memory", "cc");
	take_flags(v, flags);
	string_advance(v, i, RSI, (s64)((n - rest) * i->opsize));
	string_advance(v, i, RDI, (s64)((n - rest) * i->opsize));
	return n - rest;
}
