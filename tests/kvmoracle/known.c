/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/known.h"

#include "backends/swbt/emulate.h"
#include "common/hostkind.h"

#include <stdio.h>
#include <string.h>

/* Whose handler SYSENTER goes to: setup.c, state_msrs(). */
#define SYSENTER_VECTOR 0xf0

int outcome_vector(const struct outcome *o)
{
	u64 at = o->after.rip + o->after.seg[SEG_CS].base - 1;

	if (o->ending != END_HALT || at < W_HANDLERS || at >= W_HANDLERS + 0x1000)
		return NO_VECTOR;
	return (int)(at - W_HANDLERS) / HANDLER_SIZE;
}

bool known_emulated(void)
{
	static int known = -1;

	if (known < 0)
		known = !strcmp(host_kind(), "emulated");
	return known;
}

/* ---- predicates of known.def ---------------------------------------------------------------- */

/* Does long mode's first frame go where there is no memory? */
static bool stack_is_gone(const struct ko_case *c)
{
	u64 at = c->before.gpr[RSP] - 40;

	return c->before.efer & EFER_LMA && !(c->before.seg[SEG_CS].selector & 3) &&
	       (at >= W_DATA_END || at - W_PML4 < W_KSTACK - W_PML4);
}

static bool known_limits(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			 const char *field)
{
	int vector = outcome_vector(b);

	if (c->before.seg[SEG_CS].attr & ATTR_L && c->before.efer & EFER_LMA)
		return false;
	/* What ran, or did not, before no frame could be pushed any more. */
	if (!strcmp(field, "memory") && stack_is_gone(c))
		return c->part == PART_SINGLE && a->ending == END_TRIPLE_FAULT;
	/* A jump beyond the limit, and what became of it. */
	if (strcmp(field, "vector") && strcmp(field, "ending"))
		return c->part == PART_SINGLE && vector == GP && outcome_vector(a) == GP;
	return vector == SS || vector == GP || b->ending == END_TRIPLE_FAULT || vector == DF;
}

static bool known_alignment(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	(void)a;
	return !strcmp(field, "vector") && c->insn.mem_aligned && outcome_vector(b) == GP;
}

static bool known_vex16(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	return !strcmp(field, "vector") && c->insn.mode == MODE_PROT16 &&
	       c->insn.encoding == ENC_VEX && outcome_vector(a) == UD && outcome_vector(b) != UD;
}

static bool known_mmx_fault(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	int vector = outcome_vector(a);

	(void)b;
	return !strncmp(field, "x87", 3) && c->insn.fpu == FPU_MMX && c->insn.has_mem &&
	       (vector == PF || vector == GP || vector == SS);
}

static bool known_no_ac(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	(void)c;
	(void)a;
	return !strcmp(field, "vector") && outcome_vector(b) == AC;
}

static bool known_stack_canonical(const struct ko_case *c, const struct outcome *a,
				  const struct outcome *b, const char *field)
{
	(void)c;
	return !strcmp(field, "vector") && outcome_vector(a) == GP && outcome_vector(b) == SS &&
	       b->after.efer & EFER_LMA;
}

static bool is_prefix(u8 byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
	       (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
}

static bool known_lock(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		       const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	/* Not by C's insn: what LOCK makes invalid was not decoded. */
	while (p < c->bytes + INSN_MAX && *p != 0xf0 && is_prefix(*p))
		p++;
	return p < c->bytes + INSN_MAX && *p == 0xf0 && !strcmp(field, "vector") &&
	       outcome_vector(b) == UD;
}

static bool is(const struct ko_case *c, const char *mnemonic)
{
	return c->insn.mnemonic && !strcmp(insn_mnemonic(&c->insn), mnemonic);
}

static bool known_movbe16(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	(void)a;
	(void)b;
	(void)field;
	return is(c, "movbe") && c->insn.mode != MODE_PROT32 && c->insn.mode != MODE_LONG64;
}

static bool known_sysret_vif(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	u64 bits = a->after.rflags ^ b->after.rflags;

	return is(c, "sysret") && !strcmp(field, "rflags") && !(bits & ~(RFLAGS_VIF | RFLAGS_VIP));
}

static bool refused_state(const struct outcome *a)
{
	return a->ending == END_REFUSED && strstr(a->what, "refused the guest's state");
}

static bool known_sysenter(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	int vector = outcome_vector(a);

	if (!is(c, "sysenter") || outcome_vector(b) != UD || !(c->before.efer & EFER_LMA))
		return false;
	if (!strcmp(field, "ending"))
		return c->insn.mode != MODE_LONG64 && refused_state(a);
	return !strcmp(field, "vector") &&
	       vector == (c->before.msr.sysenter_cs ? SYSENTER_VECTOR : GP);
}

static bool known_sysexit(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	return is(c, "sysexit") && !strcmp(field, "vector") && outcome_vector(a) != UD &&
	       outcome_vector(b) == UD && c->before.efer & EFER_LMA;
}

static bool known_kvm_emulation(const struct ko_case *c, const struct outcome *a,
				const struct outcome *b, const char *field)
{
	(void)b;
	if (a->ending == END_REFUSED)
		return strstr(a->what, "internal error 1") != NULL;
	return !strcmp(field, "vector") && outcome_vector(a) == UD && !(c->before.cr0 & CR0_PG);
}

static bool known_icebp(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	return is(c, "int1") && outcome_vector(a) == UD && outcome_vector(b) == DB &&
	       !strcmp(field, "vector");
}

static bool known_fxsr_order(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	int kvm = outcome_vector(a), swbt = outcome_vector(b);

	if (strcmp(field, "vector") || c->insn.fpu == FPU_NONE)
		return false;
	return (swbt == UD && (kvm == NM || !(c->before.cr4 & CR4_OSFXSR))) ||
	       (swbt == NM && is(c, "emms")) ||
	       ((swbt == NM || swbt == UD) && !strncmp(insn_mnemonic(&c->insn), "cvt", 3) &&
		c->before.cr0 & (CR0_TS | CR0_EM));
}

static bool known_canonical(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	int vector = outcome_vector(a);

	if (is(c, "ret") && !strcmp(field, "ending")) /* RSP has moved */
		return c->before.efer & EFER_LMA && outcome_vector(b) == GP;
	if (!(c->before.efer & EFER_LMA) || outcome_vector(b) != GP ||
	    !(is(c, "call") || is(c, "ret") || is(c, "jmp")))
		return false;
	if (!strcmp(field, "vector"))
		return vector == DB && c->before.rflags & RFLAGS_TF;
	return vector == GP && (!strcmp(field, "memory") || !strcmp(field, "rsp"));
}

static bool known_rex_order(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	(void)b;
	(void)field;
	if (c->insn.mode != MODE_LONG64)
		return false;
	for (; p < c->bytes + c->insn.opcode_at; p++)
		if (p[0] >> 4 == 4 && p + 1 < c->bytes + c->insn.opcode_at)
			return is_prefix(p[1]);
	return false;
}

static bool known_x87_fault(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	(void)a;
	return !strncmp(field, "x87", 3) && c->insn.fpu == FPU_X87 && outcome_vector(b) == PF;
}

static bool known_sti_step(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	(void)a;
	return is(c, "sti") && c->before.rflags & RFLAGS_TF && outcome_vector(b) == DB &&
	       !strcmp(field, "vector");
}

static bool known_syscall_flags(const struct ko_case *c, const struct outcome *a,
				const struct outcome *b, const char *field)
{
	return is(c, "syscall") && !strcmp(field, "rflags") &&
	       !((a->after.rflags ^ b->after.rflags) & ~RFLAGS_ARITH);
}

static bool known_rex_mmx(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	(void)a;
	(void)b;
	(void)field;
	return c->insn.mode == MODE_LONG64 && c->insn.encoding == ENC_LEGACY && c->insn.rex & 5 &&
	       (c->insn.fpu == FPU_MMX || !strncmp(insn_mnemonic(&c->insn), "cvt", 3));
}

static bool known_adx(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		      const char *field)
{
	(void)a;
	(void)b;
	return !strcmp(field, "rflags") && (is(c, "adox") || is(c, "adcx"));
}

static bool known_enter(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	if (!is(c, "enter") || outcome_vector(a) == PF || outcome_vector(b) != PF)
		return false;
	return !strcmp(field, "vector") ||
	       (!strcmp(field, "ending") && a->ending == END_TRIPLE_FAULT);
}

static bool known_arpl(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		       const char *field)
{
	return is(c, "arpl") && !strcmp(field, "vector") && outcome_vector(a) == PF &&
	       outcome_vector(b) != PF;
}

static bool known_cmps_order(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	return c->insn.class == INSN_EMULATE && c->insn.emulate == EMU_cmps &&
	       !strcmp(field, "cr2") && outcome_vector(a) == PF && outcome_vector(b) == PF;
}

static bool known_lss_step(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	return is(c, "lss") && !strcmp(field, "vector") && outcome_vector(a) != DB &&
	       outcome_vector(b) == DB && c->before.rflags & RFLAGS_TF;
}

static bool known_outs_step(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	return c->insn.class == INSN_EMULATE && c->insn.emulate == EMU_outs &&
	       !strcmp(field, "vector") && outcome_vector(a) != DB && outcome_vector(b) == DB &&
	       c->before.rflags & RFLAGS_TF;
}

static bool known_dr6_hits(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	(void)c;
	return !strcmp(field, "dr6") && !((a->after.dr6 ^ b->after.dr6) & ~0xfull) &&
	       !(b->after.dr6 & 0xf);
}

static bool known_clflush(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	int swbt = outcome_vector(b);

	return (is(c, "clflush") || is(c, "clflushopt") || is(c, "clwb")) &&
	       !strcmp(field, "vector") && outcome_vector(a) != swbt &&
	       (swbt == PF || swbt == GP || swbt == SS);
}

static bool known_pop_group(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	while (p < c->bytes + INSN_MAX - 2 && is_prefix(*p))
		p++;
	return p[0] == 0x8f && p[1] & 0x38 && !strcmp(field, "vector") && outcome_vector(b) == UD;
}

static bool known_cr2_byte(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	return (is(c, "fbld") || is(c, "fbstp") || is(c, "maskmovq") || is(c, "maskmovdqu")) &&
	       !strcmp(field, "cr2") && outcome_vector(a) == PF && outcome_vector(b) == PF;
}

static bool known_dr_upper(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	const u8 *op = c->insn.raw + c->insn.opcode_at;
	bool to_dr = op[0] == 0x23 || (op[0] == 0x0f && op[1] == 0x23);

	return to_dr && c->insn.mode != MODE_LONG64 && c->before.efer & EFER_LMA &&
	       !strcmp(field, "vector") && outcome_vector(a) == GP && outcome_vector(b) != GP;
}

static bool known_rotate_fault(const struct ko_case *c, const struct outcome *a,
			       const struct outcome *b, const char *field)
{
	return (is(c, "rcl") || is(c, "rcr")) && c->insn.mem_write && !strcmp(field, "rflags") &&
	       outcome_vector(a) == PF && outcome_vector(b) == PF &&
	       !((a->after.rflags ^ b->after.rflags) & ~(RFLAGS_CF | RFLAGS_OF));
}

static bool known_pusha_order(const struct ko_case *c, const struct outcome *a,
			      const struct outcome *b, const char *field)
{
	return (is(c, "pusha") || is(c, "pushad") || is(c, "pushaw")) && !strcmp(field, "cr2") &&
	       outcome_vector(a) == PF && outcome_vector(b) == PF;
}

static bool known_dr45_order(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	const u8 *op = c->insn.raw + c->insn.opcode_at;

	op += *op == 0x0f;
	return (*op == 0x21 || *op == 0x23) && c->before.seg[SEG_CS].selector & 3 &&
	       c->before.cr4 & BIT64(3) /* DE */ && !strcmp(field, "vector") &&
	       outcome_vector(a) == GP && outcome_vector(b) == UD;
}

static bool known_vex_b32(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	(void)b;
	(void)field;
	if (c->insn.encoding != ENC_VEX || c->insn.mode == MODE_LONG64)
		return false;
	while (is_prefix(*p))
		p++;
	return p[0] == 0xc4 && (!(p[1] & 0x20) || !(p[2] & 0x40));
}

static bool known_vex_mmx(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	while (p < c->bytes + INSN_MAX - 3 && is_prefix(*p))
		p++;
	return ((p[0] == 0xc5 && !(p[1] & 3)) || (p[0] == 0xc4 && !(p[2] & 3))) &&
	       !c->insn.mnemonic && !strcmp(field, "vector") && outcome_vector(b) == UD;
}

static bool known_vex_em(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			 const char *field)
{
	(void)b;
	return c->insn.encoding == ENC_VEX && c->insn.fpu == FPU_AVX && c->before.cr0 & CR0_EM &&
	       !strcmp(field, "vector") && outcome_vector(a) == UD;
}

static bool known_hlt_step(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	(void)c;
	(void)b;
	(void)field;
	return a->ending == END_HALT && a->after.ev.exception_pending &&
	       a->after.ev.exception == DB && a->after.ev.exception_payload == DR6_BS;
}

static bool known_rig_hangs(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	(void)c;
	(void)b;
	return !strcmp(field, "ending") && a->ending == END_TIMEOUT;
}

static struct {
	const char *name;
	bool (*is)(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		   const char *field);
	bool emulated;
	unsigned int times;
} table[] = {
#define KNOWN(name, only_emulated, why) { #name, known_##name, only_emulated, 0 },
#include "tests/kvmoracle/known.def"
#undef KNOWN
};

const char *known(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  const char *field)
{
	for (size_t n = 0; n < ARRAY_SIZE(table); n++)
		if ((!table[n].emulated || known_emulated()) && table[n].is(c, a, b, field)) {
			table[n].times++;
			return table[n].name;
		}
	return NULL;
}

void known_print(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(table); n++)
		if (table[n].times)
			printf("%8u %s\n", table[n].times, table[n].name);
}
