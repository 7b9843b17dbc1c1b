/* SPDX-License-Identifier: MIT */
#include "backends/swbt/vcpu.h"

#include "backends/swbt/mem.h"

#include <sys/mman.h>
#include <unistd.h>

#define TYPE_CODE	 BIT(3)
#define TYPE_RW		 BIT(1) /* writable data, readable code */
#define TYPE_EXPAND_DOWN BIT(2)

static enum cpu_mode mode_of(const struct vcpu *v)
{
	u32 cs = v->s.seg[SEG_CS].attr;

	if (!protected_mode(v))
		return MODE_REAL;
	if (v->s.rflags & RFLAGS_VM)
		return MODE_VM86;
	if (long_mode(v) && cs & ATTR_L)
		return MODE_LONG64;
	return cs & ATTR_DB ? MODE_PROT32 : MODE_PROT16;
}

/* Is SEG from 0 to 4 GiB, data that expands up and is writable, or code that is readable? */
static bool flat_segment(const struct vcpu *v, enum seg seg)
{
	const struct segment *s = &v->s.seg[seg];
	u32 kind = seg == SEG_CS ? TYPE_CODE : 0;
	u32 mask = ATTR_P | ATTR_S | ATTR_UNUSABLE | TYPE_CODE | TYPE_RW;

	/* In code, this bit is about conforming. */
	if (seg != SEG_CS)
		mask |= TYPE_EXPAND_DOWN;
	return !s->base && s->limit == 0xffffffff &&
	       (s->attr & mask) == (ATTR_P | ATTR_S | TYPE_RW | kind);
}

static void derive_flat(struct vcpu *v)
{
	const u8 all = BIT(SEG_ES) | BIT(SEG_CS) | BIT(SEG_SS) | BIT(SEG_DS);
	u8 segs = 0;

	if (v->mode == MODE_LONG64) {
		segs = all;
	} else if (v->mode == MODE_PROT16 || v->mode == MODE_PROT32) {
		for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++)
			segs |= flat_segment(v, seg) ? BIT(seg) : 0;
	}
	v->flat = (segs & all) == all;
	if (v->mode != MODE_LONG64)
		segs &= ~BIT(SEG_CS);
	v->flat_segs = segs;
}

void vcpu_derive(struct vcpu *v)
{
	static const u64 ip_mask[] = {
		[MODE_REAL] = 0xffff,	    [MODE_VM86] = 0xffff,  [MODE_PROT16] = 0xffff,
		[MODE_PROT32] = 0xffffffff, [MODE_LONG64] = ~0ull,
	};

	v->mode = mode_of(v);
	v->ip_mask = ip_mask[v->mode];
	if (v->mode == MODE_REAL)
		v->cpl = 0;
	else if (v->mode == MODE_VM86)
		v->cpl = 3;
	else
		v->cpl = (v->s.seg[SEG_SS].attr & ATTR_DPL) >> ATTR_DPL_SHIFT;
	derive_flat(v);
	mmu_rights_changed(v);
}

int raise_exc(struct vcpu *v, enum vector vector)
{
	v->exc = (struct exception){ .vector = (u8)vector };
	return EXC;
}

int raise_err(struct vcpu *v, enum vector vector, u32 error)
{
	bool has_error = protected_mode(v);

	v->exc = (struct exception){ .vector = (u8)vector,
				     .has_error = has_error,
				     .error = has_error ? error : 0 };
	return EXC;
}

int raise_pf(struct vcpu *v, u64 address, u32 error)
{
	v->exc = (struct exception){
		.vector = PF, .has_error = true, .error = error, .cr2 = address
	};
	return EXC;
}

static size_t vcpu_size(void)
{
	return ALIGN_UP(sizeof(struct vcpu), (size_t)sysconf(_SC_PAGESIZE));
}

/* SIZE bytes of addresses, VCPU_BELOW_LARGE below a boundary of large pages. */
static void *reserve(size_t size)
{
	size_t more = size + VCPU_LARGE;
	u8 *area = mmap(NULL, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	u8 *at;

	if (area == MAP_FAILED)
		return area;
	at = (u8 *)ALIGN_UP((uintptr_t)area + VCPU_BELOW_LARGE, VCPU_LARGE) - VCPU_BELOW_LARGE;
	if (at > area)
		munmap(area, (size_t)(at - area));
	if (at + size < area + more)
		munmap(at + size, (size_t)(area + more - at) - size);
	return at;
}

struct vcpu *vcpu_new(int *fd)
{
	struct vcpu *v = MAP_FAILED;

	*fd = memfd_create("swbt-vcpu", MFD_CLOEXEC);
	if (*fd < 0)
		return NULL;
	if (!ftruncate(*fd, (off_t)vcpu_size()))
		v = reserve(vcpu_size());
	if (v != MAP_FAILED && mmap(v, vcpu_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				    *fd, 0) != MAP_FAILED)
		return v;
	if (v != MAP_FAILED)
		munmap(v, vcpu_size());
	close(*fd);
	return NULL;
}

void vcpu_free(struct vcpu *v)
{
	munmap(v, vcpu_size());
}
