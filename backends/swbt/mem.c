/* SPDX-License-Identifier: MIT */
/*
 * The common case is first in every function: a flat segment, one page, in the TLB, in RAM. All
 * else goes through `gather`, which finds every page before anything is moved.
 */
#include "backends/swbt/mmu.h"

#define TYPE_CODE	 BIT(3)
#define TYPE_EXPAND_DOWN BIT(2)
#define TYPE_RW		 BIT(1) /* writable data, readable code */

#define LIMIT_MAX 0xffffffffu

#define noinline __attribute__((noinline))

/* ---- segments ------------------------------------------------------------------------------- */

static int segment_fault(struct vcpu *v, enum seg seg)
{
	return raise_err(v, seg == SEG_SS ? SS : GP, 0);
}

/* May SEG be used so at all? Real and virtual-8086 mode do not ask. SDM vol. 3A 5.5. */
static bool type_allows(const struct vcpu *v, const struct segment *s, u32 access)
{
	if (v->mode == MODE_REAL || v->mode == MODE_VM86)
		return true;
	if (s->attr & ATTR_UNUSABLE || !(s->attr & ATTR_P))
		return false;
	if (s->attr & TYPE_CODE)
		return !(access & ACC_WRITE) && s->attr & TYPE_RW;
	return !(access & ACC_WRITE) || s->attr & TYPE_RW;
}

/* Are SIZE bytes at EA inside? Beyond a limit of 4 GiB an access wraps around, as on processors;
 * the architecture leaves that open. SDM vol. 3A 5.3. */
static bool limit_allows(const struct segment *s, u64 ea, u32 size)
{
	u64 last = ea + size - 1;
	bool down = (s->attr & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN;

	if (down)
		return ea > s->limit && last <= (s->attr & ATTR_DB ? LIMIT_MAX : 0xffffu);
	return ea <= s->limit && (last <= s->limit || s->limit == LIMIT_MAX);
}

int mem_linear(struct vcpu *v, enum seg seg, u64 ea, u32 size, u32 access, u64 *linear)
{
	const struct segment *s = &v->s.seg[seg];

	if (v->mode == MODE_LONG64) {
		*linear = ea + (seg >= SEG_FS ? s->base : 0);
		if (unlikely(!canonical(*linear) || !canonical(*linear + size - 1)))
			return segment_fault(v, seg);
		return 0;
	}
	if (unlikely(!type_allows(v, s, access) || !limit_allows(s, ea, size)))
		return segment_fault(v, seg);
	*linear = (u32)(s->base + ea);
	return 0;
}

/* Code outside 64-bit mode makes 32-bit addresses, in long mode as well. */
static inline u64 code_mask(const struct vcpu *v)
{
	return v->mode == MODE_LONG64 ? ~0ull : LIMIT_MAX;
}

/* Addresses that the processor itself makes follow long mode alone. */
static inline u64 system_mask(const struct vcpu *v)
{
	return long_mode(v) ? ~0ull : LIMIT_MAX;
}

/* Does an access of SIZE bytes at LINEAR raise #AC? SDM vol. 3A 6.15, interrupt 17. */
static inline bool misaligned(const struct vcpu *v, u64 linear, u32 size)
{
	static const u8 unit[] = { [2] = 2, [4] = 4, [8] = 8, [10] = 8 };

	if (likely(!(v->s.rflags & RFLAGS_AC)) || v->cpl != 3 || !(v->s.cr0 & CR0_AM))
		return false;
	return size < ARRAY_SIZE(unit) && unit[size] && linear & (unit[size] - 1u);
}

/* ---- moving bytes --------------------------------------------------------------------------- */

/* The host's AC may be set (fpu.h): is either address unaligned for accesses of UNIT bytes? */
static inline bool unaligned(const void *to, const void *from, u32 unit)
{
	return ((uintptr_t)to | (uintptr_t)from) & (unit - 1);
}

/* Not memcpy: libc's uses vector registers, and the guest's may be there. */
static inline void copy(void *to, const void *from, u32 size)
{
	u64 count = size;

	switch (unaligned(to, from, size < 8 ? size : 8) ? 0 : size) {
	case 1:
		__builtin_memcpy(to, from, 1);
		break;
	case 2:
		__builtin_memcpy(to, from, 2);
		break;
	case 4:
		__builtin_memcpy(to, from, 4);
		break;
	case 8:
		__builtin_memcpy(to, from, 8);
		break;
	case 16:
		__builtin_memcpy(to, from, 8);
		__builtin_memcpy((u8 *)to + 8, (const u8 *)from + 8, 8);
		break;
	default:
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	}
}

/*
 * The pages of SIZE bytes at LINEAR, all of them checked, as one or two parts. *NR is how many.
 * MASK wraps addresses. MISALIGNED: #AC if there is nothing else. 0 or EXC.
 */
static int gather(struct vcpu *v, u64 linear, u64 mask, u32 size, u32 access, bool misaligned,
		  struct mem_part part[2], unsigned int *nr)
{
	/* Callers' sizes come from tables of instructions; a guest cannot choose one. */
	if (size > MEM_OP_MAX)
		__builtin_trap();
	*nr = 0;
	while (size) {
		u32 offset = linear & PAGE_MASK, len = PAGE_SIZE - offset;
		struct mmu_tlb_entry *e;

		if (len > size)
			len = size;
		if (mmu_translate(v, linear, access, &e))
			return EXC;
		part[(*nr)++] = (struct mem_part){ .gpa = e->gpa + offset,
						   .host = e->host ? e->host + offset : NULL,
						   .len = len };
		linear = (linear + len) & mask;
		size -= len;
	}
	return unlikely(misaligned) ? raise_err(v, AC, 0) : 0;
}

static void read_parts(struct vcpu *v, const struct mem_part *part, unsigned int nr, u8 *data)
{
	for (unsigned int i = 0; i < nr; data += part[i++].len) {
		if (part[i].host)
			copy(data, part[i].host, part[i].len);
		else
			mmio_read(v, part[i].gpa, data, part[i].len);
	}
}

static void write_parts(struct vcpu *v, const struct mem_part *part, unsigned int nr,
			const u8 *data)
{
	for (unsigned int i = 0; i < nr; data += part[i++].len) {
		if (part[i].host) {
			mem_note_write(v, part[i].gpa, part[i].len);
			copy(part[i].host, data, part[i].len);
		} else {
			mmio_write(v, part[i].gpa, data, part[i].len);
		}
	}
}

static int read_at(struct vcpu *v, u64 linear, u64 mask, void *data, u32 size, u32 access,
		   bool alignment)
{
	struct mem_part part[2];
	unsigned int nr;

	if (gather(v, linear, mask, size, access, alignment, part, &nr))
		return EXC;
	read_parts(v, part, nr, data);
	return 0;
}

static int write_at(struct vcpu *v, u64 linear, u64 mask, const void *data, u32 size, u32 access,
		    bool alignment)
{
	struct mem_part part[2];
	unsigned int nr;

	if (gather(v, linear, mask, size, access, alignment, part, &nr))
		return EXC;
	write_parts(v, part, nr, data);
	return 0;
}

static noinline int read_slow(struct vcpu *v, enum seg seg, u64 ea, void *data, u32 size)
{
	u64 linear;

	if (mem_linear(v, seg, ea, size, ACC_READ, &linear))
		return EXC;
	return read_at(v, linear, code_mask(v), data, size, ACC_READ, misaligned(v, linear, size));
}

static noinline int write_slow(struct vcpu *v, enum seg seg, u64 ea, const void *data, u32 size)
{
	u64 linear;

	if (mem_linear(v, seg, ea, size, ACC_WRITE, &linear))
		return EXC;
	return write_at(v, linear, code_mask(v), data, size, ACC_WRITE,
			misaligned(v, linear, size));
}

static noinline int lin_read_slow(struct vcpu *v, u64 linear, void *data, u32 size, u32 access)
{
	u64 mask = system_mask(v);

	if (!(access & ACC_EXEC))
		access |= ACC_READ;
	return read_at(v, linear & mask, mask, data, size, access, false);
}

static noinline int lin_write_slow(struct vcpu *v, u64 linear, const void *data, u32 size,
				   u32 access)
{
	u64 mask = system_mask(v);

	return write_at(v, linear & mask, mask, data, size, access | ACC_WRITE, false);
}

/*
 * The linear address where segmentation is but an addition, and a limit in real mode; false where
 * it is more. In 64-bit mode nobody looks whether it is canonical: no other address is ever in the
 * TLB.
 */
static inline bool quick_linear(const struct vcpu *v, enum seg seg, u64 ea, u32 size, u64 *linear)
{
	const struct segment *s = &v->s.seg[seg];

	*linear = ea;
	if (likely(v->flat_segs >> seg & 1))
		return true;
	*linear += s->base;
	if (likely(v->mode == MODE_LONG64))
		return true;
	return v->mode == MODE_REAL && !(s->attr & TYPE_EXPAND_DOWN) && ea <= 0xffff &&
	       ea + size - 1 <= s->limit && s->base <= 0xffff0;
}

/* The entry that grants ACCESS, of RAM that holds SIZE bytes at LINEAR in one page, or NULL. */
static inline struct mmu_tlb_entry *quick(struct vcpu *v, u64 linear, u32 size,
					  enum mmu_right right, u32 access)
{
	struct mmu_tlb_entry *e = mmu_hit(v, linear, right, access);

	return likely(e && e->host && (linear & PAGE_MASK) + size <= PAGE_SIZE) ? e : NULL;
}

static inline void quick_write(struct vcpu *v, struct mmu_tlb_entry *e, u64 linear,
			       const void *data, u32 size)
{
	mem_note_write(v, e->gpa + (linear & PAGE_MASK), size);
	copy(e->host + (linear & PAGE_MASK), data, size);
}

int mem_read(struct vcpu *v, enum seg seg, u64 ea, void *data, u32 size)
{
	struct mmu_tlb_entry *e;
	u64 linear;

	if (unlikely(!quick_linear(v, seg, ea, size, &linear)))
		return read_slow(v, seg, ea, data, size);
	e = quick(v, linear, size, mmu_right_quick(v), ACC_READ);
	if (unlikely(!e))
		return read_slow(v, seg, ea, data, size);
	copy(data, e->host + (linear & PAGE_MASK), size);
	return 0;
}

int mem_write(struct vcpu *v, enum seg seg, u64 ea, const void *data, u32 size)
{
	struct mmu_tlb_entry *e;
	u64 linear;

	if (unlikely(!quick_linear(v, seg, ea, size, &linear)))
		return write_slow(v, seg, ea, data, size);
	e = quick(v, linear, size, mmu_right_quick(v), ACC_WRITE);
	if (unlikely(!e))
		return write_slow(v, seg, ea, data, size);
	quick_write(v, e, linear, data, size);
	return 0;
}

int lin_read(struct vcpu *v, u64 linear, void *data, u32 size, u32 access)
{
	u32 wanted = access & ACC_EXEC ? access : access | ACC_READ;
	struct mmu_tlb_entry *e = quick(v, linear, size, mmu_right(v, access), wanted);

	if (unlikely(!e))
		return lin_read_slow(v, linear, data, size, access);
	copy(data, e->host + (linear & PAGE_MASK), size);
	return 0;
}

int lin_write(struct vcpu *v, u64 linear, const void *data, u32 size, u32 access)
{
	struct mmu_tlb_entry *e = quick(v, linear, size, mmu_right(v, access), access | ACC_WRITE);

	if (unlikely(!e))
		return lin_write_slow(v, linear, data, size, access);
	quick_write(v, e, linear, data, size);
	return 0;
}

/* ---- operands of native instructions -------------------------------------------------------- */

static int prepare(struct vcpu *v, u64 linear, u64 mask, u32 size, u32 access, bool alignment,
		   struct mem_op *op)
{
	const struct mem_part *part = op->part;

	op->linear = linear;
	op->size = size;
	op->access = access;
	if (gather(v, linear, mask, size, access, alignment, op->part, &op->nr))
		return EXC;
	op->bounced = op->nr == 0 || !part[0].host ||
		      (op->nr == 2 && part[1].host != part[0].host + part[0].len);
	op->data = op->bounced ? op->buf + linear % 64 : part[0].host;
	if (op->bounced && access & ACC_READ)
		read_parts(v, part, op->nr, op->data);
	if (!op->bounced && access & ACC_WRITE)
		for (unsigned int i = 0; i < op->nr; i++)
			mem_note_write(v, part[i].gpa, part[i].len);
	return 0;
}

int mem_prepare(struct vcpu *v, enum seg seg, u64 ea, u32 size, u32 access, struct mem_op *op)
{
	u64 linear;

	if (unlikely(mem_linear(v, seg, ea, size, access, &linear)))
		return EXC;
	return prepare(v, linear, code_mask(v), size, access, misaligned(v, linear, size), op);
}

int mem_prepare_linear(struct vcpu *v, u64 linear, u32 size, u32 access, struct mem_op *op)
{
	u64 mask = system_mask(v);

	return prepare(v, linear & mask, mask, size, access, false, op);
}

void mem_bounce(struct mem_op *op)
{
	op->bounced = true;
	op->data = op->buf + op->linear % 64;
}

void mem_commit(struct vcpu *v, struct mem_op *op)
{
	if (op->bounced && op->access & ACC_WRITE)
		write_parts(v, op->part, op->nr, op->data);
}

/* ---- instructions --------------------------------------------------------------------------- */

/* How many of MAX bytes at RIP lie inside CS. */
static u32 inside_code(const struct vcpu *v, u64 rip, u32 max)
{
	u32 limit = v->s.seg[SEG_CS].limit;

	if (v->mode == MODE_LONG64 || (limit == LIMIT_MAX && rip <= limit))
		return max;
	if (rip > limit)
		return 0;
	return limit - rip < max ? (u32)(limit - rip) + 1 : max;
}

u32 mem_fetch(struct vcpu *v, u8 *buf, u32 max)
{
	u64 rip = v->s.rip, mask = code_mask(v);
	u64 linear = v->mode == MODE_LONG64 ? rip : rip + v->s.seg[SEG_CS].base;
	u32 room = inside_code(v, rip, max);

	for (u32 done = 0, len; done < room; done += len) {
		struct mmu_tlb_entry *e;
		u32 offset;

		linear &= mask;
		offset = linear & PAGE_MASK;
		len = PAGE_SIZE - offset < room - done ? PAGE_SIZE - offset : room - done;
		e = mmu_hit(v, linear, mmu_right(v, ACC_EXEC), ACC_EXEC);
		if (unlikely(!e) && mmu_translate(v, linear, ACC_EXEC, &e))
			return done;
		if (likely(e->host))
			copy(buf + done, e->host + offset, len);
		else
			mmio_read(v, e->gpa + offset, buf + done, len);
		linear += len;
	}
	if (room < max)
		raise_err(v, GP, 0);
	return room;
}
