/* SPDX-License-Identifier: MIT */
#include "tests/oracle/compare.h"

#include "backends/swbt/emulate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static u64 undefined_flags(const struct insn *i)
{
	static const struct {
		const char *mnemonic;
		u64 flags;
	} table[] = {
#define UNDEFINED(mnemonic, flags) { mnemonic, flags },
#include "tests/oracle/undefined_flags.def"
#undef UNDEFINED
	};
	const char *name = insn_mnemonic(i);

	for (size_t n = 0; n < ARRAY_SIZE(table); n++)
		if (!strcmp(table[n].mnemonic, name))
			return table[n].flags;
	return 0;
}

/* A near call to a non-canonical address that cannot push either: which of the two faults it is,
 * differs between vendors. */
static bool order_differs(const struct test_case *c, const struct outcome *a,
			  const struct outcome *b)
{
	return c->insn.class == INSN_EMULATE && c->insn.emulate == EMU_call &&
	       a->vector != NO_EXCEPTION && b->vector != NO_EXCEPTION;
}

static bool stores_environment(const struct insn *i)
{
	const char *name = insn_mnemonic(i);

	return !strcmp(name, "fnstenv") || !strcmp(name, "fnsave");
}

/* Microcode touches the parts of an x87 environment in an order of its own. */
static bool any_cr2(const struct insn *i)
{
	const char *name = insn_mnemonic(i);

	return stores_environment(i) || !strcmp(name, "fldenv") || !strcmp(name, "frstor");
}

/* Bytes of an x87 environment in memory that hold the last instruction's pointers. */
static void ignore_pointers(const struct test_case *c, const struct outcome *a, struct outcome *b)
{
	bool wide = c->insn.mem_size != 14 && c->insn.mem_size != 94;
	u64 ea, from, len = wide ? 16 : 8;
	static struct vcpu v; /* for its registers */

	if (!stores_environment(&c->insn))
		return;
	memcpy(v.s.gpr, c->before.gpr, sizeof(v.s.gpr));
	ea = insn_ea(&c->insn, &v, c->before.rip);
	if (c->insn.mem_seg == SEG_GS)
		ea += GS_BASE;
	from = ea + (wide ? 12 : 6) - DATA;
	if (from < DATA_SIZE && len <= DATA_SIZE - from)
		memcpy(b->data + from, a->data + from, len);
}

/* Registers as they are: a component that is in its initial state may have anything in memory. */
static void normalize(u8 *x, const struct world *w)
{
	u64 present;

	memcpy(&present, x + 512, 8);
	if (!(present & 1)) {
		memset(x, 0, 24);
		memset(x + 32, 0, 128);
		x[0] = 0x7f;
		x[1] = 0x03;
	}
	for (unsigned int n = 1; n < ARRAY_SIZE(w->component); n++)
		if (!(present & BIT64(n)) && w->component[n].size)
			memset(x + w->component[n].offset, 0, w->component[n].size);
	memset(x + 5, 0, 19); /* reserved, FOP, FIP, FDP */
	memset(x + 28, 0, 4); /* MXCSR_MASK */
	for (unsigned int n = 0; n < 8; n++)
		memset(x + 42 + n * 16, 0, 6);
}

static int differ(char *text, size_t len, const char *what, u64 a, u64 b)
{
	snprintf(text, len, "%s is %" PRIx64 ", host has %" PRIx64, what, b, a);
	return 1;
}

static int compare_bytes(const u8 *a, const u8 *b, u32 size, const char *what, char *text,
			 size_t len)
{
	for (u32 n = 0; n < size; n += 8) {
		u64 x = 0, y = 0;
		char where[40];

		memcpy(&x, a + n, size - n < 8 ? size - n : 8);
		memcpy(&y, b + n, size - n < 8 ? size - n : 8);
		if (x == y)
			continue;
		snprintf(where, sizeof(where), "%s+%x", what, n);
		return differ(text, len, where, x, y);
	}
	return 0;
}

static int compare_fpu(const struct world *w, const u8 *a, const u8 *b, char *text, size_t len)
{
	static const char *const names[] = {
		"x87", "xmm", "ymm", "", "", "k", "zmm-high", "zmm16"
	};
	u8 x[XSAVE_AREA], y[XSAVE_AREA];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	normalize(x, w);
	normalize(y, w);
	for (unsigned int n = 0; n < ARRAY_SIZE(w->component); n++)
		if (compare_bytes(x + w->component[n].offset, y + w->component[n].offset,
				  w->component[n].size, names[n], text, len))
			return 1;
	return 0;
}

int compare(const struct test_case *c, const struct world *w, const struct outcome *a,
	    const struct outcome *b, char *text, size_t len)
{
	static const char *const names[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"
	};
	u64 flags = COMPARE_FLAGS & ~undefined_flags(&c->insn);
	struct outcome copy = *b;

	for (unsigned int n = 1; n < c->nr; n++)
		flags &= ~undefined_flags(&c->insns[n]);

	if (a->vector != b->vector)
		return order_differs(c, a, b)
			       ? 0
			       : differ(text, len, "exception", a->vector, b->vector);
	if (a->r.rip != b->r.rip)
		return differ(text, len, "rip", a->r.rip, b->r.rip);
	if (a->vector == PF && a->cr2 != b->cr2 && !any_cr2(&c->insn))
		return differ(text, len, "cr2", a->cr2, b->cr2);
	/* Of addresses in its own half Linux tells a process less than the CPU said, and elsewhere
	 * something may be mapped there. */
	if (a->vector != NO_EXCEPTION && a->error != b->error &&
	    (a->vector != PF || a->cr2 - CODE < DATA + DATA_SIZE + 4096 - CODE))
		return differ(text, len, "error code", a->error, b->error);
	for (unsigned int n = 0; n < NR_GPR; n++)
		if (a->r.gpr[n] != b->r.gpr[n])
			return differ(text, len, names[n], a->r.gpr[n], b->r.gpr[n]);
	if ((a->r.rflags ^ b->r.rflags) & flags)
		return differ(text, len, "rflags", a->r.rflags & flags, b->r.rflags & flags);
	if (compare_fpu(w, a->r.xsave, b->r.xsave, text, len))
		return 1;
	ignore_pointers(c, a, &copy);
	return compare_bytes(a->data, copy.data, DATA_SIZE, "memory", text, len);
}
