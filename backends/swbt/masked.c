/* SPDX-License-Identifier: MIT */
#include "backends/swbt/masked.h"
#include "backends/swbt/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE	4096u
#define WINDOWS 4u

/* Protections do not change while the machine runs (common/sandbox.def): there is a window of two
 * pages for each case. */
struct masked {
	u8 *pages; /* window n: the first page is there if BIT(0) of n, the second if BIT(1) */
	struct mem_op op[2]; /* the operand's part in each */
};

static u8 *window(const struct masked *m, unsigned int n)
{
	return m->pages + n * 2 * PAGE;
}

int masked_init(struct vcpu *v)
{
	struct masked *m = aligned_alloc(64, ALIGN_UP(sizeof(*m), 64));

	if (!m)
		return -ENOMEM;
	v->masked = m;
	m->pages = mmap(NULL, WINDOWS * 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->pages == MAP_FAILED)
		return -errno;
	for (unsigned int n = 0; n < WINDOWS * 2; n++)
		if (n / 2 & BIT(n % 2) &&
		    mprotect(m->pages + n * PAGE, PAGE, PROT_READ | PROT_WRITE))
			return -errno;
	return 0;
}

void masked_fini(struct vcpu *v)
{
	struct masked *m = v->masked;

	if (!m)
		return;
	if (m->pages != MAP_FAILED)
		munmap(m->pages, WINDOWS * 2 * PAGE);
	free(m);
	v->masked = NULL;
}

bool masked_may_suppress(const struct insn *i)
{
	u8 opcode = i->raw[i->opcode_at];

	if (i->encoding == ENC_EVEX)
		return i->raw[i->opcode_at - 1] & 7;
	/* VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ: map 0F 38. */
	return i->encoding == ENC_VEX && i->opcode_at >= 3 && i->raw[i->opcode_at - 3] == 0xc4 &&
	       (i->raw[i->opcode_at - 2] & 0x1f) == 2 &&
	       ((opcode >= 0x2c && opcode <= 0x2f) || opcode == 0x8c || opcode == 0x8e);
}

static void copy(u8 *dst, const u8 *src, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

int masked_run(struct vcpu *v, const struct insn *i, const struct thunk *t, u64 ea)
{
	u32 access = (u32)ACC_READ | (i->mem_write ? ACC_WRITE : 0);
	struct masked *m = v->masked;
	u64 linear, fault;
	u8 *mem, *pages;
	u32 len[2];
	bool there[2] = { false, false };
	int r = mem_linear(v, i->mem_seg, ea, i->mem_size, access, &linear);

	/* In 64-bit mode no more can be wrong than that it is not canonical, as with a page. */
	if (v->mode == MODE_LONG64)
		linear = ea + (i->mem_seg >= SEG_FS ? v->s.seg[i->mem_seg].base : 0);
	else if (r)
		return r;
	len[0] = PAGE - linear % PAGE < i->mem_size ? PAGE - linear % PAGE : i->mem_size;
	len[1] = i->mem_size - len[0];
	for (unsigned int n = 0; n < 2; n++)
		there[n] = len[n] && !mem_prepare_linear(v, linear + (n ? len[0] : 0), len[n],
							 access, &m->op[n]);
	pages = window(m, there[0] | (unsigned int)there[1] << 1);
	mem = pages + linear % PAGE;
	for (unsigned int n = 0; n < 2; n++)
		if (there[n])
			copy(n ? pages + PAGE : mem, m->op[n].data, len[n]);
	r = thunk_try(v, t, mem, &fault);
	if (r == -EFAULT) {
		fault = linear + (fault - (uintptr_t)mem);
		r = mem_prepare_linear(v, fault, 1, i->mem_write ? ACC_WRITE : ACC_READ, &m->op[0]);
		if (r && v->exc.vector == GP && i->mem_seg == SEG_SS)
			raise_err(v, SS, 0);
		/* A guest that changed the page table meanwhile does not exist: one thread. */
		return r ? r : raise_pf(v, fault, 0);
	}
	for (unsigned int n = 0; !r && i->mem_write && n < 2; n++) {
		if (!there[n])
			continue;
		copy(m->op[n].data, n ? pages + PAGE : mem, len[n]);
		mem_commit(v, &m->op[n]);
	}
	return r;
}
