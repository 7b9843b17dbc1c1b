/* SPDX-License-Identifier: MIT */
/* The rows of sensitive.def, and what they say of a decoded instruction. */
#ifndef FVB_SWBT_SENSITIVE_H
#define FVB_SWBT_SENSITIVE_H

#include "backends/swbt/decode.h"

/* The columns `legacy` and `long` of sensitive.def, which explains them. */
enum sensitive_how {
	SENSITIVE_GP,
	SENSITIVE_UD,
	SENSITIVE_IOPL,
	SENSITIVE_IOMAP,
	SENSITIVE_BIT,
	SENSITIVE_SILENT,
	SENSITIVE_NONE,
};

struct sensitive_row {
	const char *mnemonic;
	u8 legacy, wide; /* enum sensitive_how, in 16- and 32-bit code; in 64-bit code */
	bool umip;
	const char *note; /* what CPL 3 gets wrong */
};

extern const struct sensitive_row sensitive_rows[];
extern const unsigned int sensitive_nr;

/* The row of I, or NULL if it is not sensitive. */
const struct sensitive_row *sensitive_row(const struct insn *i);

/* Is I certain to trap at CPL 3, in the mode it was decoded for, as direct execution sets the host
 * up: IOPL 0, no port in the bitmap, RDTSC and RDTSCP disabled (PR_SET_TSC)? What hangs on other
 * control bits is not certain. False of what is not sensitive. */
bool sensitive_traps(const struct insn *i);

/* Does I, which fails silently by the table, enter the host's kernel nonetheless, with RIP behind
 * it, so that the monitor hears of it? INT n, INT3, INT1, SYSCALL. */
bool sensitive_enters_host(const struct insn *i);

/* CALL, JMP and RET to another segment, IRET: at CPL 3 they fault for every selector that the host
 * has not given to its programs. */
bool sensitive_transfers_far(const struct insn *i);

/* Would it make no difference to I that it runs natively at CPL 3? It does the same there, or
 * traps. The state of the FPU is another matter (fpu.h). */
bool sensitive_runs_natively(const struct insn *i);

#endif
