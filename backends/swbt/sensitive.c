/* SPDX-License-Identifier: MIT */
#include "backends/swbt/sensitive.h"

#include "backends/swbt/emulate.h"

const struct sensitive_row sensitive_rows[] = {
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note) \
	{ #m, SENSITIVE_##legacy, SENSITIVE_##long, umip, note },
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
};

const unsigned int sensitive_nr = ARRAY_SIZE(sensitive_rows);

const struct sensitive_row *sensitive_row(const struct insn *i)
{
	return i->sensitive ? &sensitive_rows[i->sensitive - 1] : NULL;
}

static bool emulated_by(const struct insn *i, enum emulate_id id)
{
	return i->class == INSN_EMULATE && i->emulate == id;
}

bool sensitive_traps(const struct insn *i)
{
	const struct sensitive_row *row = sensitive_row(i);

	if (!row)
		return false;
	switch (i->mode == MODE_LONG64 ? row->wide : row->legacy) {
	case SENSITIVE_GP:
	case SENSITIVE_UD:
	case SENSITIVE_IOPL:
	case SENSITIVE_IOMAP:
		return true;
	case SENSITIVE_BIT:
		return emulated_by(i, EMU_rdtsc) || emulated_by(i, EMU_rdtscp);
	default:
		return false;
	}
}

bool sensitive_enters_host(const struct insn *i)
{
	return emulated_by(i, EMU_int_n) || emulated_by(i, EMU_int3) || emulated_by(i, EMU_int1) ||
	       emulated_by(i, EMU_syscall);
}

bool sensitive_transfers_far(const struct insn *i)
{
	return emulated_by(i, EMU_ret_far) || emulated_by(i, EMU_iret) ||
	       emulated_by(i, EMU_call_far) || emulated_by(i, EMU_jmp_far);
}

/* RDSSP is a NOP to guests, but not to a host with shadow stacks. */
static bool reads_shadow_stack(const struct insn *i)
{
	return insn_is_hint(i) && (i->raw[i->modrm_at] >> 3 & 7) == 1;
}

bool sensitive_runs_natively(const struct insn *i)
{
	if (i->sensitive)
		return sensitive_traps(i);
	return i->class != INSN_UNDEFINED && !reads_shadow_stack(i);
}
