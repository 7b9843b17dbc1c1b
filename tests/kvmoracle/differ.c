/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/differ.h"

#include "backends/swbt/vcpu.h"
#include "tests/kvmoracle/known.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DR7_RESERVED 0xd000ull

static const char *const endings[] = {
	[END_HALT] = "halted",	   [END_TRIPLE_FAULT] = "triple fault",
	[END_TIMEOUT] = "endless", [END_REFUSED] = "a failure",
	[END_OTHER] = "stopped",
};

/* What neither side can know, or what the way of getting the state makes. */
static void normalize(struct cpu_state *s, u64 flags)
{
	const u64 all = s->xcr0 | 3;

	s->rflags &= ~flags;
	memset(s->xsave + 6, 0, 18); /* FOP, FIP, FDP: the host's, for what ran natively */
	memcpy(s->xsave + 512, &all, 8);
	memset(s->xsave + 28, 0, 4);
	for (unsigned int n = 0; n < NR_SEG; n++)
		if (s->seg[n].attr & ATTR_UNUSABLE && !(s->seg[n].selector & ~3))
			s->seg[n].selector = 0; /* QEMU drops its RPL on the way to CPL 3 */
	/* Intel's null selectors clear the base of FS and GS, and so do QEMU's AMD processors. */
	for (unsigned int n = SEG_FS; n <= SEG_GS; n++)
		if (known_emulated() && s->seg[n].attr & ATTR_UNUSABLE)
			s->seg[n].base = 0;
	if (known_emulated())
		s->dr7 &= ~DR7_RESERVED; /* QEMU keeps them, though they read as zero */
	if (!(s->seg[SEG_LDT].selector & ~3))
		s->seg[SEG_LDT] = (struct segment){ .attr = ATTR_UNUSABLE };
	/* KVM makes G up from the limit, for AMD's processors. */
	for (unsigned int n = 0; n < NR_SEG; n++)
		if (n != SEG_CS)
			s->seg[n].attr = (s->seg[n].attr & ~ATTR_G) |
					 (s->seg[n].limit > 0xfffff ? ATTR_G : 0);
	/* HLT drops the shadow, but KVM's software emulation of SVM keeps what was in the VMCB. */
	s->ev.sti_shadow = s->ev.movss_shadow = false;
}

static const u8 *page_of(const struct ko_case *c, const struct outcome *o, u32 page)
{
	for (unsigned int n = 0; n < o->nr_dirty; n++)
		if (o->dirty[n].page == page)
			return o->dirty[n].bytes;
	return c->world.bytes + page;
}

/* The aligned double word that N is in. */
static u32 word_at(const u8 *page, u32 n)
{
	u32 value;

	memcpy(&value, page + (n & ~3u), 4);
	return value;
}

u32 differ_memory(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  u32 from)
{
	for (u32 at = from; at < W_END; at++) {
		const u8 *x = page_of(c, a, at & ~4095u), *y = page_of(c, b, at & ~4095u);
		u32 n = at & 4095;

		if (x == y)
			at |= 4095;
		else if (x[n] != y[n] && (x[n] ^ y[n]) & ~known_memory_mask(c, a, at) &&
			 !known_word(c, a, at, x, y))
			return at;
	}
	return W_END;
}

static bool memory_differs(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, char *text, size_t len)
{
	u32 at = differ_memory(c, a, b, 0);

	if (at == W_END)
		return false;
	snprintf(text, len, "memory at %" PRIx32 " is %08" PRIx32 ", kvm has %08" PRIx32, at & ~3u,
		 word_at(page_of(c, b, at & ~4095u), at & 4095),
		 word_at(page_of(c, a, at & ~4095u), at & 4095));
	return true;
}

void differ_print_memory(const struct ko_case *c, const struct outcome *a, const struct outcome *b)
{
	for (u32 at = 0; (at = differ_memory(c, a, b, at)) < W_END; at = (at | 3) + 1)
		printf("%05" PRIx32 "  kvm %08" PRIx32 "  swbt %08" PRIx32 "\n", at & ~3u,
		       word_at(page_of(c, a, at & ~4095u), at & 4095),
		       word_at(page_of(c, b, at & ~4095u), at & 4095));
}

static const char *value_text(const struct cpu_state *s, const char *field)
{
	static char buf[2][2048];
	static unsigned int turn;
	char *b = buf[turn++ % 2];
	static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr" };
	static const char *const gprs[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"
	};
	static const struct {
		const char *name;
		size_t at;
	} words[] = {
#define WORD(f) { #f, offsetof(struct cpu_state, f) }
		WORD(rip),
		WORD(rflags),
		WORD(cr0),
		WORD(cr2),
		WORD(cr3),
		WORD(cr4),
		WORD(efer),
		WORD(dr6),
		WORD(dr7),
#define MSR(f, number, msr_name, reset) WORD(msr.f),
#include "common/msr.def"
#undef MSR
	};

	b[0] = '\0';
	for (unsigned int n = 0; n < NR_SEG; n++)
		if (!strcmp(field, names[n]))
			snprintf(b, 2048, "%04x base %" PRIx64 " limit %x attr %x",
				 s->seg[n].selector, s->seg[n].base, s->seg[n].limit,
				 s->seg[n].attr);
	for (unsigned int n = 0; n < NR_GPR; n++)
		if (!strcmp(field, gprs[n]))
			snprintf(b, 2048, "%" PRIx64, s->gpr[n]);
	for (size_t n = 0; n < ARRAY_SIZE(words); n++)
		if (!strcmp(field, words[n].name))
			snprintf(b, 2048, "%" PRIx64,
				 *(const u64 *)((const char *)s + words[n].at));
	return b;
}

/* The first field in which they differ, or NULL; TEXT says how. */
static const char *first_difference(const struct ko_case *c, const struct outcome *a,
				    const struct outcome *b, char *text, size_t len)
{
	const u64 both = RFLAGS_VIF | RFLAGS_VIP; /* QEMU's IRET does not load them */
	struct cpu_state x = a->after, y = b->after;
	const char *field;

	if (a->ending != b->ending) {
		snprintf(text, len, "%s (vector %d) %s, kvm: %s (vector %d) %s", endings[b->ending],
			 outcome_vector(b), b->what, endings[a->ending], outcome_vector(a),
			 a->what);
		return "ending";
	}
	if (a->ending == END_TIMEOUT || a->ending == END_REFUSED)
		return NULL;
	if (a->ending == END_HALT) {
		if (outcome_vector(a) != outcome_vector(b)) {
			snprintf(text, len, "vector %d at %" PRIx64 ", kvm has %d at %" PRIx64,
				 outcome_vector(b), y.rip, outcome_vector(a), x.rip);
			return "vector";
		}
		normalize(&x, known_flags(c, a));
		normalize(&y, known_flags(c, a));
		if (c->part == PART_SEQUENCE)
			x.rflags = (x.rflags & ~both) | (y.rflags & both);
		/* Flags that were popped, without RF. */
		for (unsigned int n = 0; n < NR_GPR && c->part == PART_SEQUENCE; n++)
			if (!((x.gpr[n] ^ y.gpr[n]) & ~RFLAGS_RF))
				x.gpr[n] = y.gpr[n];
		field = cpu_state_differs(&x, &y);
		if (field) {
			snprintf(text, len, "%s is %s, kvm has %s (vector %d)", field,
				 value_text(&y, field), value_text(&x, field), outcome_vector(a));
			return field;
		}
	}
	return memory_differs(c, a, b, text, len) ? "memory" : NULL;
}

bool differ(const struct ko_case *c, const struct outcome *a, const struct outcome *b, char *text,
	    size_t len, const char **excuse)
{
	const char *field = first_difference(c, a, b, text, len);

	*excuse = field ? known(c, a, b, field) : NULL;
	return field && !*excuse;
}
