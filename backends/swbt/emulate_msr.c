/* SPDX-License-Identifier: MIT */
/* RDMSR and WRMSR. SDM vol. 4; APM vol. 2 appendix A. What KVM answers, a guest finds here too. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/segment.h"

#include <stddef.h>

enum {
	MSR_TSC = 0x10,
	MSR_EFER = 0xc0000080,
	MSR_FS_BASE = 0xc0000100,
	MSR_GS_BASE = 0xc0000101,
	MSR_TSC_AUX = 0xc0000103
};

/* How a plain register behaves. */
enum kind {
	STORED,	   /* any value, kept in struct cpu_state */
	ADDRESS,   /* kept, must be canonical */
	CONSTANT,  /* reads as VALUE, writes of anything are ignored */
	READ_ONLY, /* reads as VALUE, writes #GP */
};

static const struct msr_row {
	u32 first, last;
	u8 kind;
	u16 offset; /* in struct cpu_state */
	u64 value;
} rows[] = {
#define AT(field) offsetof(struct cpu_state, msr.field)
	{ 0x174, 0x174, STORED, AT(sysenter_cs), 0 },
	{ 0x175, 0x175, ADDRESS, AT(sysenter_esp), 0 },
	{ 0x176, 0x176, ADDRESS, AT(sysenter_eip), 0 },
	{ 0x1a0, 0x1a0, STORED, AT(misc_enable), 0 },
	{ 0x2ff, 0x2ff, STORED, AT(mtrr_def_type), 0 },
	{ 0xc0000081, 0xc0000081, STORED, AT(star), 0 },
	{ 0xc0000082, 0xc0000082, ADDRESS, AT(lstar), 0 },
	{ 0xc0000083, 0xc0000083, ADDRESS, AT(cstar), 0 },
	{ 0xc0000084, 0xc0000084, STORED, AT(sfmask), 0 },
	{ 0xc0000102, 0xc0000102, ADDRESS, AT(kernel_gs_base), 0 },
	{ 0xc0000103, 0xc0000103, STORED, AT(tsc_aux), 0 },
#undef AT
	{ 0x00, 0x01, CONSTANT, 0, 0 },		  /* machine check address and type (P5) */
	{ 0x17, 0x17, READ_ONLY, 0, 0 },	  /* platform id */
	{ 0x2a, 0x2a, CONSTANT, 0, 0 },		  /* EBL_CR_POWERON */
	{ 0x2c, 0x2c, READ_ONLY, 0, 1ull << 24 }, /* EBC_FREQUENCY_ID */
	{ 0x3a, 0x3a, READ_ONLY, 0, 1 },	  /* feature control: locked, nothing on */
	{ 0x3b, 0x3b, CONSTANT, 0, 0 },		  /* TSC_ADJUST */
	{ 0x79, 0x79, CONSTANT, 0, 0 },		  /* microcode update */
	{ 0x8b, 0x8b, CONSTANT, 0, 0x100000000 }, /* its revision */
	{ 0xcd, 0xcd, READ_ONLY, 0, 3 },	  /* bus frequency */
	{ 0xce, 0xce, READ_ONLY, 0, 0 },	  /* platform info */
	{ 0xfe, 0xfe, READ_ONLY, 0, 0x508 },	  /* MTRRcap: 8 variable, fixed, WC */
	{ 0x140, 0x140, READ_ONLY, 0, 0 },	  /* MISC_FEATURES_ENABLES */
	{ 0x179, 0x179, READ_ONLY, 0, 0 },	  /* MCG_CAP: no banks */
	{ 0x17a, 0x17b, CONSTANT, 0, 0 },	  /* MCG_STATUS, MCG_CTL */
	{ 0x186, 0x187, CONSTANT, 0, 0 },	  /* event selects: no counters are shown */
	{ 0x198, 0x198, READ_ONLY, 0, 1000ull << 40 | 4ull << 8 }, /* PERF_STATUS */
	{ 0x1d9, 0x1d9, CONSTANT, 0, 0 },			   /* DEBUGCTL */
	{ 0x200, 0x20f, CONSTANT, 0, 0 },			   /* variable MTRRs */
	{ 0x250, 0x250, CONSTANT, 0, 0x0606060606060606 },	   /* fixed MTRRs: write-back */
	{ 0x258, 0x259, CONSTANT, 0, 0x0606060606060606 },
	{ 0x268, 0x26f, CONSTANT, 0, 0x0606060606060606 },
	{ 0xc0010010, 0xc0010010, CONSTANT, 0, 0 },	    /* SYSCFG */
	{ 0xc0010015, 0xc0010015, CONSTANT, 0, 0x1000000 }, /* HWCR: TSC runs at P0 */
	{ 0xc001001a, 0xc001001a, CONSTANT, 0, 0 },	    /* TOP_MEM */
	{ 0xc001001d, 0xc001001d, CONSTANT, 0, 0 },	    /* TOP_MEM2 */
	{ 0xc001001f, 0xc001001f, CONSTANT, 0, 0 },	    /* NB_CFG */
	{ 0xc0010055, 0xc0010055, CONSTANT, 0, 0 },	    /* INT_PENDING_MSG */
	{ 0xc0010112, 0xc0010113, CONSTANT, 0, 0 },	    /* SMM address and mask */
	{ 0xc0010114, 0xc0010114, READ_ONLY, 0, BIT64(4) }, /* VM_CR: SVM off */
	{ 0xc0010140, 0xc0010141, CONSTANT, 0, 0 },	    /* OSVW */
	{ 0xc001102a, 0xc001102a, CONSTANT, 0, 0 },	    /* BU_CFG2 */
	{ 0xc0011020, 0xc0011020, CONSTANT, 0, 0 },	    /* LS_CFG */
	{ 0xc0011022, 0xc0011022, CONSTANT, 0, 0 },	    /* DC_CFG */
	{ 0xc0011029, 0xc0011029, CONSTANT, 0, 2 },	    /* DE_CFG: LFENCE serializes */
};

static const struct msr_row *find(u32 msr)
{
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		if (msr >= rows[n].first && msr <= rows[n].last)
			return &rows[n];
	return NULL;
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

static bool is_lapic(u32 msr)
{
	return msr == MSR_APIC_BASE || msr == MSR_TSC_DEADLINE ||
	       (msr >= MSR_X2APIC_FIRST && msr <= 0x8ff);
}

static u64 *slot(struct vcpu *v, const struct msr_row *row)
{
	return (u64 *)((u8 *)&v->s + row->offset);
}

/* MSRs that guests meet; unknown ones #GP(0). 0 or EXC. */
static int read_msr(struct vcpu *v, u32 msr, u64 *value)
{
	const struct msr_row *row;

	switch (msr) {
	case MSR_TSC:
		*value = __builtin_ia32_rdtsc() + v->tsc_offset;
		return 0;
	case 0xe7: /* MPERF */
	case 0xe8: /* APERF */
		*value = __builtin_ia32_rdtsc() + v->tsc_offset;
		return 0;
	case MSR_EFER:
		*value = v->s.efer;
		return 0;
	case MSR_FS_BASE:
		*value = v->s.seg[SEG_FS].base;
		return 0;
	case MSR_GS_BASE:
		*value = v->s.seg[SEG_GS].base;
		return 0;
	case 0x277:
		*value = v->s.msr.pat;
		return 0;
	}
	if (is_lapic(msr))
		return lapic_rdmsr(&v->vm->pc.lapic, msr, value) ? raise_err(v, GP, 0) : 0;
	row = find(msr);
	if (!row)
		return raise_err(v, GP, 0);
	*value = row->kind <= ADDRESS ? *slot(v, row) : row->value;
	return 0;
}

/* Each byte of PAT is a memory type: 0, 1, 4, 5, 6, 7. */
static bool valid_pat(u64 value)
{
	for (unsigned int n = 0; n < 8; n++) {
		u8 type = (u8)(value >> 8 * n);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static int write_msr(struct vcpu *v, u32 msr, u64 value)
{
	const struct msr_row *row;

	switch (msr) {
	case MSR_TSC:
		v->tsc_offset = value - __builtin_ia32_rdtsc();
		return 0;
	case MSR_EFER:
		return set_efer(v, value);
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		if (!canonical(value))
			return raise_err(v, GP, 0);
		v->s.seg[msr == MSR_FS_BASE ? SEG_FS : SEG_GS].base = value;
		return 0;
	case 0x277:
		if (!valid_pat(value))
			return raise_err(v, GP, 0);
		v->s.msr.pat = value;
		return 0;
	/* On AMD's processors these have 32 bits, and the others go nowhere. */
	case 0x175:
	case 0x176:
	case MSR_TSC_AUX:
		if (vendor_is_amd(v))
			value = (u32)value;
		break;
	}
	if (is_lapic(msr))
		return lapic_wrmsr(&v->vm->pc.lapic, msr, value) ? raise_err(v, GP, 0) : 0;
	row = find(msr);
	if (!row || row->kind == READ_ONLY || (row->kind == ADDRESS && !canonical(value)))
		return raise_err(v, GP, 0);
	if (row->kind <= ADDRESS)
		*slot(v, row) = value;
	return 0;
}

enum emulate_result emu_rdmsr(struct vcpu *v, const struct insn *i)
{
	struct trap_event *e = trap_event_next(&v->vm->traps);
	u64 value;

	(void)i;
	if (v->cpl) {
		raise_err(v, GP, 0);
		return EMU_FAULT;
	}
	if (read_msr(v, (u32)v->s.gpr[RCX], &value))
		return EMU_FAULT;
	e->addr = (u32)v->s.gpr[RCX];
	e->value = value;
	e->size = 8;
	gpr_set(v, RAX, 4, false, value);
	gpr_set(v, RDX, 4, false, value >> 32);
	return EMU_NEXT;
}

enum emulate_result emu_wrmsr(struct vcpu *v, const struct insn *i)
{
	struct trap_event *e = trap_event_next(&v->vm->traps);
	u64 value = (u32)v->s.gpr[RAX] | v->s.gpr[RDX] << 32;

	(void)i;
	if (v->cpl) {
		raise_err(v, GP, 0);
		return EMU_FAULT;
	}
	if (write_msr(v, (u32)v->s.gpr[RCX], value))
		return EMU_FAULT;
	e->addr = (u32)v->s.gpr[RCX];
	e->value = value;
	e->size = 8;
	e->write = 1;
	return EMU_NEXT;
}
