/* SPDX-License-Identifier: MIT */
/*
 * String instructions. With REP they go as far as they can in one call, page after page at once
 * where memory is plain RAM, and come back (EMU_AGAIN) after a while so that interrupts are not
 * kept waiting. SDM vol. 1 section 7.3.9, vol. 2 REP.
 */
#include "backends/swbt/debug.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mmu.h"
#include "backends/swbt/string_pages.h"

/* Elements per call, one by one. A core does as much between two interrupt windows of REP. */
#define BURST 4096

/* Elements of the COUNT - N that are left for this call: one where each may be followed by a trap
 * of TF or of a breakpoint (SDM vol. 3B 17.3.1.4). */
static u64 wanted(const struct vcpu *v, u64 count, u64 n)
{
	if (unlikely(v->s.rflags & RFLAGS_TF || v->s.dr7 & DR7_ON))
		return count && !n;
	return n < BURST ? count - n : 0;
}

static s64 step_of(const struct vcpu *v, const struct insn *i)
{
	return v->s.rflags & RFLAGS_DF ? -(s64)i->opsize : i->opsize;
}

static u64 index_of(const struct vcpu *v, const struct insn *i, u8 reg)
{
	return gpr_get(v, reg, i->addrsize, false);
}

static void advance(struct vcpu *v, const struct insn *i, u8 reg, s64 by)
{
	gpr_set(v, reg, i->addrsize, false, index_of(v, i, reg) + (u64)by);
}

static bool repeats(const struct insn *i)
{
	return i->rep || i->repne;
}

static u64 count_of(const struct vcpu *v, const struct insn *i)
{
	return repeats(i) ? gpr_get(v, RCX, i->addrsize, false) : 1;
}

/* After N elements were done: where does that leave the instruction? */
static enum emulate_result done(struct vcpu *v, const struct insn *i, u64 n)
{
	if (!repeats(i))
		return EMU_NEXT;
	gpr_set(v, RCX, i->addrsize, false, count_of(v, i) - n);
	return count_of(v, i) ? EMU_AGAIN : EMU_NEXT;
}

static enum emulate_result fault_after(struct vcpu *v, const struct insn *i, u64 n)
{
	/* Without an iteration done even the upper half of RCX stays. */
	if (repeats(i) && n)
		gpr_set(v, RCX, i->addrsize, false, count_of(v, i) - n);
	return EMU_FAULT;
}

/* Elements from OFFSET of register REG on, upwards, that stay in one page and below the address
 * wrap; at most N. */
static u64 in_page(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 room = (4096 - (index_of(v, i, reg) & 4095)) / i->opsize;

	return room < n ? room : n;
}

/* ---- many elements at once, upwards, in RAM ---------------------------------------------------
 */

/* Does the processor look at the alignment of each? Then it is one at a time. */
static bool checks_alignment(const struct vcpu *v)
{
	return v->s.rflags & RFLAGS_AC && v->cpl == 3 && v->s.cr0 & CR0_AM;
}

/* At most N elements: those up to where register REG wraps around. */
static u64 before_wrap(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 mask = i->addrsize < 8 ? BIT64(i->addrsize * 8) - 1 : ~0ull;
	u64 room = (mask - index_of(v, i, reg)) / i->opsize;

	return room < n ? room : n;
}

/* The linear address of N elements, or false: a segment limit, or an address that wraps. */
static bool linear_of(struct vcpu *v, const struct insn *i, u8 seg, u8 reg, u64 n, u32 access,
		      u64 *linear)
{
	u64 bytes = n * i->opsize;

	return !mem_linear(v, seg, index_of(v, i, reg), (u32)bytes, access, linear) &&
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

static u64 movs_burst(struct vcpu *v, const struct insn *i, u64 n)
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
	advance(v, i, RSI, (s64)(n * i->opsize));
	advance(v, i, RDI, (s64)(n * i->opsize));
	return n;
}

/* N elements from register REG on downwards: at most those that lie in its page. */
static u64 down_in_page(const struct vcpu *v, const struct insn *i, u8 reg, u64 n)
{
	u64 at = index_of(v, i, reg) & 4095, room = at / i->opsize + 1;

	if (at + i->opsize > 4096)
		return 0;
	return room < n ? room : n;
}

/* The page that holds N elements, the first of them at P->reg and the others below it. */
static bool page_down(struct vcpu *v, const struct insn *i, u64 n, struct place *p)
{
	u64 bytes = n * i->opsize, low = index_of(v, i, p->reg) + i->opsize - bytes;

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
static u64 movs_burst_down(struct vcpu *v, const struct insn *i, u64 n)
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
	advance(v, i, RSI, -(s64)(n * i->opsize));
	advance(v, i, RDI, -(s64)(n * i->opsize));
	return n;
}

enum emulate_result emu_movs(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, left, burst, value;
	bool down = v->s.rflags & RFLAGS_DF;

	if (!count)
		return EMU_NEXT;
	while ((left = wanted(v, count, n))) {
		burst = down ? movs_burst_down(v, i, left) : movs_burst(v, i, left);
		n += burst;
		if (burst)
			continue;
		value = 0;
		if (mem_read(v, i->mem_seg, index_of(v, i, RSI), &value, i->opsize) ||
		    mem_write(v, SEG_ES, index_of(v, i, RDI), &value, i->opsize))
			return fault_after(v, i, n);
		advance(v, i, RSI, step_of(v, i));
		advance(v, i, RDI, step_of(v, i));
		n++;
	}
	return done(v, i, n);
}

#define REP_STOS(suffix) "rep stos" suffix

static u64 stos_burst(struct vcpu *v, const struct insn *i, u64 n)
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
	advance(v, i, RDI, (s64)(n * i->opsize));
	return n;
}

enum emulate_result emu_stos(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, left, burst;

	if (!count)
		return EMU_NEXT;
	while ((left = wanted(v, count, n))) {
		burst = left > 1 ? stos_burst(v, i, left) : 0;
		n += burst;
		if (burst)
			continue;
		if (mem_write(v, SEG_ES, index_of(v, i, RDI), &v->s.gpr[RAX], i->opsize))
			return fault_after(v, i, n);
		advance(v, i, RDI, step_of(v, i));
		n++;
	}
	return done(v, i, n);
}

enum emulate_result emu_lods(struct vcpu *v, const struct insn *i)
{
	u64 count = count_of(v, i), n = 0, value;

	for (; wanted(v, count, n); n++) {
		value = 0;
		if (mem_read(v, i->mem_seg, index_of(v, i, RSI), &value, i->opsize))
			return fault_after(v, i, n);
		gpr_set(v, RAX, i->opsize, false, value);
		advance(v, i, RSI, step_of(v, i));
	}
	return count ? done(v, i, n) : EMU_NEXT;
}

/* Flags of A - B, by the host's own CMP. */
static void compare(struct vcpu *v, u64 a, u64 b, u8 size)
{
	unsigned int shift = 64 - size * 8u;
	u64 flags;

	/* At the top of the register every size's carry, sign and overflow are CMP's own; PF and AF
	 * are of the low byte, so take those from the operands where they are. */
	__asm__("cmp %2, %1\n\tpushf\n\tpop %0"
		: "=r"(flags)
		: "r"(a << shift), "r"(b << shift)
		: "cc");
	flags &= RFLAGS_CF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF;
	flags |= __builtin_parity((u8)(a - b)) ? 0 : RFLAGS_PF;
	flags |= (a ^ b ^ (a - b)) & RFLAGS_AF;
	v->s.rflags = (v->s.rflags & ~(RFLAGS_ARITH & ~RFLAGS_DF)) | flags;
}

/* REPE goes on while equal, REPNE while different. */
static bool ends(const struct vcpu *v, const struct insn *i)
{
	return i->repne ? v->s.rflags & RFLAGS_ZF : !(v->s.rflags & RFLAGS_ZF);
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
static u64 scas_burst(struct vcpu *v, const struct insn *i, u64 n)
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
	advance(v, i, RDI, (s64)((n - rest) * i->opsize));
	return n - rest;
}

static u64 cmps_burst(struct vcpu *v, const struct insn *i, u64 n)
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
	advance(v, i, RSI, (s64)((n - rest) * i->opsize));
	advance(v, i, RDI, (s64)((n - rest) * i->opsize));
	return n - rest;
}

/* One element, or as many as go together. *N counts. 0 or EXC. */
static int scas_some(struct vcpu *v, const struct insn *i, u64 left, u64 *n)
{
	u64 burst = repeats(i) ? scas_burst(v, i, left) : 0, value = 0;

	*n += burst;
	if (burst)
		return 0;
	if (mem_read(v, SEG_ES, index_of(v, i, RDI), &value, i->opsize))
		return EXC;
	compare(v, gpr_get(v, RAX, i->opsize, false), value, i->opsize);
	advance(v, i, RDI, step_of(v, i));
	++*n;
	return 0;
}

static int cmps_some(struct vcpu *v, const struct insn *i, u64 left, u64 *n)
{
	u64 burst = repeats(i) ? cmps_burst(v, i, left) : 0, a = 0, b = 0;

	*n += burst;
	if (burst)
		return 0;
	if (mem_read(v, i->mem_seg, index_of(v, i, RSI), &a, i->opsize) ||
	    mem_read(v, SEG_ES, index_of(v, i, RDI), &b, i->opsize))
		return EXC;
	compare(v, a, b, i->opsize);
	advance(v, i, RSI, step_of(v, i));
	advance(v, i, RDI, step_of(v, i));
	++*n;
	return 0;
}

static enum emulate_result search(struct vcpu *v, const struct insn *i,
				  int (*some)(struct vcpu *v, const struct insn *i, u64 left,
					      u64 *n))
{
	u64 count = count_of(v, i), n = 0, left;

	while ((left = wanted(v, count, n))) {
		if (some(v, i, left, &n))
			return fault_after(v, i, n);
		if (repeats(i) && ends(v, i)) {
			done(v, i, n);
			return EMU_NEXT;
		}
	}
	return count ? done(v, i, n) : EMU_NEXT;
}

enum emulate_result emu_scas(struct vcpu *v, const struct insn *i)
{
	return search(v, i, scas_some);
}

enum emulate_result emu_cmps(struct vcpu *v, const struct insn *i)
{
	return search(v, i, cmps_some);
}

enum emulate_result emu_xlat(struct vcpu *v, const struct insn *i)
{
	u64 at = v->s.gpr[RBX] + (u8)v->s.gpr[RAX], value = 0;

	if (i->addrsize < 8)
		at &= BIT64(i->addrsize * 8) - 1;
	if (mem_read(v, i->mem_seg, at, &value, 1))
		return EMU_FAULT;
	gpr_set(v, RAX, 1, false, value);
	return EMU_NEXT;
}
