/* SPDX-License-Identifier: MIT */
#include "common/cpu_state.h"

#include <cpuid.h>
#include <inttypes.h>
#include <string.h>

/* Offsets in the XSAVE area, standard format. SDM vol. 1, sections 10.5.1 and 13.4. */
enum {
	XSAVE_FCW = 0,
	XSAVE_FTW = 4,	    /* one bit a register, 1: not empty */
	XSAVE_POINTERS = 6, /* FOP, FIP, FDP */
	XSAVE_MXCSR = 24,
	XSAVE_ST = 32,
	XSAVE_XMM = 160,
	XSAVE_BV = 512,
	XSAVE_EXTENDED = 576,
};

#define XSTATE_X87 BIT64(0)
#define XSTATE_SSE BIT64(1)

void cpu_state_reset(struct cpu_state *s)
{
	static const u16 x87_control = 0x0040;
	static const u32 mxcsr = 0x1f80;
	static const u64 xstate_bv = XSTATE_X87;

	memset(s, 0, sizeof(*s));
	s->rip = 0xfff0;
	s->rflags = RFLAGS_FIXED;
	s->gpr[RDX] = 0x600; /* family 6; what firmware sees before it asks CPUID */
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		s->seg[i] = segment_real(0, i == SEG_CS);
	s->seg[SEG_CS].selector = 0xf000;
	s->seg[SEG_CS].base = 0xffff0000;
	s->seg[SEG_LDT] = (struct segment){ .limit = 0xffff, .attr = ATTR_P | 2 };
	s->seg[SEG_TR] = (struct segment){ .limit = 0xffff, .attr = ATTR_P | 11 };
	s->gdt.limit = s->idt.limit = 0xffff;
	s->cr0 = CR0_CD | CR0_NW | CR0_ET;
	s->xcr0 = XSTATE_X87;
	s->apic_base = 0xfee00000 | APIC_BASE_ENABLE | APIC_BASE_BSP;
	s->dr6 = 0xffff0ff0;
	s->dr7 = 0x400;
#define MSR(field, number, name, reset) s->msr.field = (reset);
#include "common/msr.def"
#undef MSR
	/* Eight zeros on the x87 stack, none of them empty: not the state that FNINIT makes. */
	memcpy(s->xsave + XSAVE_FCW, &x87_control, sizeof(x87_control));
	s->xsave[XSAVE_FTW] = 0xff;
	memcpy(s->xsave + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(s->xsave + XSAVE_BV, &xstate_bv, sizeof(xstate_bv));
	s->xsave_size = XSAVE_EXTENDED;
}

struct segment segment_flat(u16 selector, u32 attr)
{
	return (struct segment){ .limit = 0xffffffff, .attr = attr, .selector = selector };
}

struct segment segment_real(u16 selector, bool code)
{
	return (struct segment){ .base = (u32)selector << 4,
				 .limit = 0xffff,
				 .attr = ATTR_P | ATTR_S | (code ? 11 : 3),
				 .selector = selector };
}

static const char *const gpr_name[NR_GPR] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
					      "rsi", "rdi", "r8",  "r9",  "r10", "r11",
					      "r12", "r13", "r14", "r15" };
static const char *const seg_name[NR_SEG] = { "es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr" };

struct bit_name {
	u64 bit;
	const char *name;
};

static const struct bit_name rflags_bits[] = {
	{ BIT64(0), "CF" },  { BIT64(2), "PF" },   { BIT64(4), "AF" },	 { BIT64(6), "ZF" },
	{ BIT64(7), "SF" },  { RFLAGS_TF, "TF" },  { RFLAGS_IF, "IF" },	 { BIT64(10), "DF" },
	{ BIT64(11), "OF" }, { BIT64(14), "NT" },  { BIT64(16), "RF" },	 { BIT64(17), "VM" },
	{ BIT64(18), "AC" }, { BIT64(19), "VIF" }, { BIT64(20), "VIP" }, { BIT64(21), "ID" },
	{ 0, NULL },
};
static const struct bit_name cr0_bits[] = {
	{ CR0_PE, "PE" }, { CR0_MP, "MP" }, { CR0_EM, "EM" }, { CR0_TS, "TS" },
	{ CR0_ET, "ET" }, { CR0_NE, "NE" }, { CR0_WP, "WP" }, { CR0_AM, "AM" },
	{ CR0_NW, "NW" }, { CR0_CD, "CD" }, { CR0_PG, "PG" }, { 0, NULL },
};
static const struct bit_name cr4_bits[] = {
	{ BIT64(0), "VME" },
	{ BIT64(1), "PVI" },
	{ BIT64(2), "TSD" },
	{ BIT64(3), "DE" },
	{ CR4_PSE, "PSE" },
	{ CR4_PAE, "PAE" },
	{ BIT64(6), "MCE" },
	{ CR4_PGE, "PGE" },
	{ BIT64(8), "PCE" },
	{ CR4_OSFXSR, "OSFXSR" },
	{ CR4_OSXMMEXCPT, "OSXMMEXCPT" },
	{ CR4_UMIP, "UMIP" },
	{ BIT64(12), "LA57" },
	{ CR4_FSGSBASE, "FSGSBASE" },
	{ CR4_PCIDE, "PCIDE" },
	{ CR4_OSXSAVE, "OSXSAVE" },
	{ CR4_SMEP, "SMEP" },
	{ CR4_SMAP, "SMAP" },
	{ BIT64(22), "PKE" },
	{ 0, NULL },
};
static const struct bit_name efer_bits[] = {
	{ EFER_SCE, "SCE" }, { EFER_LME, "LME" }, { EFER_LMA, "LMA" },
	{ EFER_NXE, "NXE" }, { 0, NULL },
};

static void print_bits(FILE *f, u64 value, const struct bit_name *bits)
{
	const char *space = "";

	fputs(" [", f);
	for (; bits->name; bits++) {
		if (!(value & bits->bit))
			continue;
		fprintf(f, "%s%s", space, bits->name);
		space = " ";
	}
	fputc(']', f);
}

static const char *mode_name(const struct cpu_state *s)
{
	if (!(s->cr0 & CR0_PE))
		return "real mode";
	if (s->rflags & BIT64(17))
		return "virtual-8086 mode";
	if ((s->efer & EFER_LMA) && (s->seg[SEG_CS].attr & ATTR_L))
		return "64-bit mode";
	return s->seg[SEG_CS].attr & ATTR_DB ? "32-bit protected mode" : "16-bit protected mode";
}

static void print_registers(const struct cpu_state *s, FILE *f)
{
	static const u8 order[NR_GPR] = { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP,
					  R8,  R9,  R10, R11, R12, R13, R14, R15 };
	unsigned int cpl = s->cr0 & CR0_PE ? (s->seg[SEG_SS].attr & ATTR_DPL) >> ATTR_DPL_SHIFT : 0;

	fprintf(f, "%s, privilege level %u, paging %s%s\n", mode_name(s), cpl,
		s->cr0 & CR0_PG ? "on" : "off", s->ev.halted ? ", halted" : "");
	fprintf(f, "rip %016" PRIx64 "  rflags %08" PRIx64, s->rip, s->rflags);
	print_bits(f, s->rflags, rflags_bits);
	fputc('\n', f);
	for (unsigned int i = 0; i < NR_GPR; i++)
		fprintf(f, "%-3s %016" PRIx64 "%s", gpr_name[order[i]], s->gpr[order[i]],
			i % 4 == 3 ? "\n" : "  ");
}

static void print_segments(const struct cpu_state *s, FILE *f)
{
	for (unsigned int i = 0; i < NR_SEG; i++) {
		const struct segment *g = &s->seg[i];

		fprintf(f, "%-3s %04x  base %016" PRIx64 "  limit %08x  attributes %04x%s\n",
			seg_name[i], g->selector, g->base, g->limit, g->attr & 0xffff,
			g->attr & ATTR_UNUSABLE ? " (null)" : "");
	}
	fprintf(f, "gdt       base %016" PRIx64 "  limit %04x\n", s->gdt.base, s->gdt.limit);
	fprintf(f, "idt       base %016" PRIx64 "  limit %04x\n", s->idt.base, s->idt.limit);
}

static void print_control(const struct cpu_state *s, FILE *f)
{
	fprintf(f, "cr0 %08" PRIx64, s->cr0);
	print_bits(f, s->cr0, cr0_bits);
	fprintf(f, "  cr2 %016" PRIx64 "  cr3 %016" PRIx64 "  cr8 %" PRIx64 "\n", s->cr2, s->cr3,
		s->cr8);
	fprintf(f, "cr4 %08" PRIx64, s->cr4);
	print_bits(f, s->cr4, cr4_bits);
	fprintf(f, "  efer %04" PRIx64, s->efer);
	print_bits(f, s->efer, efer_bits);
	fprintf(f, "\nxcr0 %" PRIx64 "  apic_base %" PRIx64 "  dr6 %08" PRIx64 "  dr7 %08" PRIx64,
		s->xcr0, s->apic_base, s->dr6, s->dr7);
	for (unsigned int i = 0; i < 4; i++)
		if (s->dr7 >> (2 * i) & 3)
			fprintf(f, "  dr%u %016" PRIx64, i, s->dr[i]);
	fputc('\n', f);
}

static void print_events(const struct cpu_events *e, FILE *f)
{
	if (e->exception_pending) {
		fprintf(f, "exception %u pending", e->exception);
		if (e->exception_has_error)
			fprintf(f, ", error code %#x", e->exception_error);
		fprintf(f, ", payload %#" PRIx64 "\n", e->exception_payload);
	}
	if (e->interrupt_injected)
		fprintf(f, "%s %#x being delivered\n",
			e->interrupt_soft ? "software interrupt" : "interrupt", e->interrupt);
	if (e->nmi_pending || e->nmi_injected || e->nmi_masked)
		fprintf(f, "NMI%s%s%s\n", e->nmi_pending ? " pending" : "",
			e->nmi_injected ? " being delivered" : "", e->nmi_masked ? " masked" : "");
	if (e->sti_shadow || e->movss_shadow)
		fprintf(f, "interrupts held off by%s%s\n", e->sti_shadow ? " STI" : "",
			e->movss_shadow ? " MOV SS" : "");
}

void cpu_state_print(const struct cpu_state *s, FILE *f)
{
	print_registers(s, f);
	print_segments(s, f);
	print_control(s, f);
	print_events(&s->ev, f);
}

struct field {
	const char *name;
	u16 offset, size;
	u64 mask; /* bits that are compared */
};

#define MEMBER(type, m) offsetof(type, m), sizeof(((type *)NULL)->m)
#define FIELD(m)                                       \
	{                                              \
#m, MEMBER(struct cpu_state, m), ~0ull \
	}
#define GPR(r, name)                                          \
	{                                                     \
		name, MEMBER(struct cpu_state, gpr[r]), ~0ull \
	}

/* DR6: only B0-B3, BD, BS and BT exist everywhere. */
#define DR6_BITS 0xe00full

static const struct field fields[] = {
	FIELD(rip),
	FIELD(rflags),
	GPR(RAX, "rax"),
	GPR(RCX, "rcx"),
	GPR(RDX, "rdx"),
	GPR(RBX, "rbx"),
	GPR(RSP, "rsp"),
	GPR(RBP, "rbp"),
	GPR(RSI, "rsi"),
	GPR(RDI, "rdi"),
	GPR(R8, "r8"),
	GPR(R9, "r9"),
	GPR(R10, "r10"),
	GPR(R11, "r11"),
	GPR(R12, "r12"),
	GPR(R13, "r13"),
	GPR(R14, "r14"),
	GPR(R15, "r15"),
	FIELD(gdt.base),
	FIELD(gdt.limit),
	FIELD(idt.base),
	FIELD(idt.limit),
	FIELD(cr0),
	FIELD(cr2),
	FIELD(cr3),
	FIELD(cr4),
	FIELD(cr8),
	FIELD(efer),
	FIELD(xcr0),
	FIELD(apic_base),
	FIELD(dr[0]),
	FIELD(dr[1]),
	FIELD(dr[2]),
	FIELD(dr[3]),
	{ "dr6", MEMBER(struct cpu_state, dr6), DR6_BITS },
	FIELD(dr7),
#define MSR(field, number, name, reset) FIELD(msr.field),
#include "common/msr.def"
#undef MSR
	FIELD(ev.exception_pending),
	FIELD(ev.interrupt_injected),
	FIELD(ev.nmi_pending),
	FIELD(ev.nmi_injected),
	FIELD(ev.nmi_masked),
	FIELD(ev.sti_shadow),
	FIELD(ev.movss_shadow),
	FIELD(ev.halted),
};

/* Meaningless unless the flag before them is set. */
static const struct field exception_fields[] = {
	FIELD(ev.exception),
	FIELD(ev.exception_has_error),
	FIELD(ev.exception_payload),
};
static const struct field exception_error_fields[] = {
	FIELD(ev.exception_error),
};
static const struct field interrupt_fields[] = {
	FIELD(ev.interrupt),
	FIELD(ev.interrupt_soft),
};

static u64 field_value(const struct cpu_state *s, const struct field *f)
{
	u64 v = 0;

	memcpy(&v, (const u8 *)s + f->offset, f->size);
	return v & f->mask;
}

static const char *fields_differ(const struct cpu_state *a, const struct cpu_state *b,
				 const struct field *f, unsigned int nr)
{
	for (; nr; nr--, f++)
		if (field_value(a, f) != field_value(b, f))
			return f->name;
	return NULL;
}

static const char *segments_differ(const struct cpu_state *a, const struct cpu_state *b)
{
	for (unsigned int i = 0; i < NR_SEG; i++) {
		const struct segment *x = &a->seg[i], *y = &b->seg[i];
		bool null = x->attr & y->attr & ATTR_UNUSABLE;
		/* 64-bit mode uses the bases of FS and GS whatever the selector. */
		bool base = !null || ((i == SEG_FS || i == SEG_GS) && (a->efer & EFER_LMA));

		if (x->selector != y->selector || (base && x->base != y->base) ||
		    (!null && (x->limit != y->limit || x->attr != y->attr)))
			return seg_name[i];
	}
	return NULL;
}

static u64 xstate_bv(const struct cpu_state *s)
{
	u64 bv;

	memcpy(&bv, s->xsave + XSAVE_BV, sizeof(bv));
	return bv;
}

/* LEN bytes at OFFSET of state component BIT; a component in its initial state is all zeros,
 * whatever the area holds there. */
static bool component_differs(const struct cpu_state *a, const struct cpu_state *b, u64 bit,
			      u32 offset, u32 len)
{
	static const u8 zeros[XSAVE_AREA];
	const u8 *x = xstate_bv(a) & bit ? a->xsave + offset : zeros;
	const u8 *y = xstate_bv(b) & bit ? b->xsave + offset : zeros;

	return memcmp(x, y, len) != 0;
}

static const char *x87_differs(const struct cpu_state *a, const struct cpu_state *b)
{
	/* FNINIT's, for a component in its initial state. */
	static const u8 initial[XSAVE_ST] = { 0x7f, 0x03 };
	const u8 *x = xstate_bv(a) & XSTATE_X87 ? a->xsave : initial;
	const u8 *y = xstate_bv(b) & XSTATE_X87 ? b->xsave : initial;

	if (memcmp(x, y, XSAVE_FTW + 1))
		return "x87 control";
	if (x[XSAVE_FTW] &&
	    memcmp(x + XSAVE_POINTERS, y + XSAVE_POINTERS, XSAVE_MXCSR - XSAVE_POINTERS))
		return "x87 pointers";
	for (u32 at = XSAVE_ST; at < XSAVE_XMM; at += 16)
		if (component_differs(a, b, XSTATE_X87, at, 10))
			return "x87 registers";
	return NULL;
}

static const char *xsave_differs(const struct cpu_state *a, const struct cpu_state *b)
{
	u64 used = xstate_bv(a) | xstate_bv(b);
	const char *name = x87_differs(a, b);
	u32 size, offset, ecx, edx;

	if (name)
		return name;
	if (memcmp(a->xsave + XSAVE_MXCSR, b->xsave + XSAVE_MXCSR, 4))
		return "mxcsr";
	if (component_differs(a, b, XSTATE_SSE, XSAVE_XMM, 16 * 16))
		return "xmm";
	/* Where the others lie differs between processors: CPUID leaf 0xd of this host says. */
	for (unsigned int i = 2; i < 63; i++) {
		if (!(used & BIT64(i)))
			continue;
		if (!__get_cpuid_count(0xd, i, &size, &offset, &ecx, &edx) ||
		    offset < XSAVE_EXTENDED || offset > XSAVE_AREA || size > XSAVE_AREA - offset)
			return "xsave components";
		if (component_differs(a, b, BIT64(i), offset, size))
			return i == 2 ? "ymm" : "xsave components";
	}
	return NULL;
}

const char *cpu_state_differs(const struct cpu_state *a, const struct cpu_state *b)
{
	const char *name = fields_differ(a, b, fields, ARRAY_SIZE(fields));

	if (!name && a->ev.exception_pending)
		name = fields_differ(a, b, exception_fields, ARRAY_SIZE(exception_fields));
	if (!name && a->ev.exception_pending && a->ev.exception_has_error)
		name = fields_differ(a, b, exception_error_fields,
				     ARRAY_SIZE(exception_error_fields));
	if (!name && a->ev.interrupt_injected)
		name = fields_differ(a, b, interrupt_fields, ARRAY_SIZE(interrupt_fields));
	if (!name)
		name = segments_differ(a, b);
	return name ? name : xsave_differs(a, b);
}
