/* SPDX-License-Identifier: MIT */
#include "backends/swbt/divide.h"
#include "backends/swbt/emulate.h"

/* The dividend, twice as wide as the divisor. */
static void dividend(const struct vcpu *v, u8 size, u64 *high, u64 *low)
{
	*high = size == 1 ? gpr_get(v, RAX, 1, true) : gpr_get(v, RDX, size, false);
	*low = gpr_get(v, RAX, size, false);
}

static u64 divisor(const struct vcpu *v, const struct insn *i, const void *mem)
{
	const struct operand *op = &i->op[0];
	u64 value = 0;

	if (op->type == OPERAND_GPR)
		return gpr_get(v, op->reg, op->size, op->high);
	for (u8 n = 0; n < i->opsize; n++)
		value |= (u64)((const u8 *)mem)[n] << n * 8;
	return value;
}

static u64 quotient(u64 high, u64 low, u64 by)
{
	u64 rest = high, q = low;

	__asm__("divq %2" : "+a"(q), "+d"(rest) : "r"(by) : "cc");
	return q;
}

/* Does HIGH:LOW / BY, each half SIZE bytes, give more than SIZE bytes hold with a sign? */
static bool signed_overflow(u64 high, u64 low, u64 by, u8 size)
{
	unsigned int bits = size * 8u;
	u64 sign = BIT64(bits - 1), mask = sign | (sign - 1), q;
	bool negative = (high ^ by) & sign;

	/* Magnitudes: both wide enough for the most negative number. */
	if (high & sign) {
		low = (0 - low) & mask;
		high = (~high + !low) & mask;
	}
	if (by & sign)
		by = (0 - by) & mask;
	if (high >= by)
		return true;
	if (size == 8)
		q = quotient(high, low, by);
	else
		q = (high << bits | low) / by;
	return q >= sign + negative;
}

bool divide_faults(const struct vcpu *v, const struct insn *i, const void *mem)
{
	u64 by = divisor(v, i, mem), high, low;

	if (!by)
		return true;
	dividend(v, i->opsize, &high, &low);
	if (i->raw[i->modrm_at] & 8)
		return signed_overflow(high, low, by, i->opsize);
	return high >= by;
}
