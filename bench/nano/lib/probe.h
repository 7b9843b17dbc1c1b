/* SPDX-License-Identifier: MIT */
/*
 * What a snippet of ../../snippets.def finds at EBP: offsets into an area of IO_SIZE bytes, zero
 * but for what is named here, below 4 GiB, aligned to a page. Shared by the guest that runs
 * snippets and by the process that runs them natively.
 */
#ifndef NANO_PROBE_H
#define NANO_PROBE_H

/* Out: EAX, ECX and EDX (in 64-bit mode the whole registers) at the end. */
#define IO_A 0x00
#define IO_C 0x08
#define IO_D 0x10

/* In: where the stack pointer must be at the end, and selectors. */
#define IO_SP	 0x18
#define IO_CS	 0x20 /* a flat code segment: the kernel's, or with SNIPPET_USER the user's */
#define IO_SS	 0x24 /* flat data, DPL 3 */
#define IO_BASED 0x28 /* data whose base is this area, DPL 3 */
#define IO_KCODE 0x2c /* flat code, DPL 0 */
#define IO_MAGIC 0x30 /* PROBE_MAGIC, to be found through IO_BASED */
#define IO_KDATA 0x34 /* flat data, DPL 0 */
#define IO_LDT	 0x38
#define IO_TSS	 0x3c

/* Room for operands; images for LGDT and LIDT; a far pointer; an XSAVE area. */
#define IO_SCRATCH 0x40
#define IO_GDTR	   0x50
#define IO_IDTR	   0x60
#define IO_FAR	   0x70
#define IO_XSAVE   0x400
#define IO_SIZE	   0x2000

/* For who runs the snippet. */
#define IO_VECTOR      0xc0 /* of the exception or interrupt that ended it; PROBE_NONE: none */
#define IO_ERROR       0xc4
#define IO_RESUME      0xc8 /* far pointer to its last part, which stores the results */
#define IO_GLUE	       0xd0 /* stack pointer of the caller */
#define IO_AFTER_CS    0xd8 /* CS and RFLAGS after it, as an interrupt gate pushed them */
#define IO_AFTER_FLAGS 0xe0

#define PROBE_MAGIC 0x5e6
#define PROBE_NONE  0xffff
/* As a vector: the guest's entry of SYSCALL or SYSENTER was reached. */
#define PROBE_ENTRY 0x100

/* What a snippet wants. */
#define SNIPPET_IF    1	 /* interrupts on before it; else off */
#define SNIPPET_USER  2	 /* IO_CS is a code segment of DPL 3 */
#define SNIPPET_TIME  4	 /* EAX is a time stamp: not its value counts but whether it can be true */
#define SNIPPET_TIMER 8	 /* a timer interrupt shall come */
#define SNIPPET_TS    16 /* CR0.TS set */

#define SNIPPET_CPL3 64 /* for who runs it: at CPL 3 */

/* Of the guest: which exceptions push an error code, the vector that ends a run, the selector of
 * 16-bit code. */
#define PROBE_WITH_ERROR 0x60227d00
#define PROBE_END	 0x82
#define PROBE_SEL_16	 0x60
#define PROBE_USER_CS	 0xdb /* flat, 32 bits; Linux has nothing there, so that to load it traps */
#define PROBE_USER_CS_64 0xeb
#define PROBE_USER_SS	 0xe3

/* Features that a snippet needs, above those flags: one of the list, 0: none. */
#define SNIPPET_NEEDS_SHIFT 8
#define SNIPPET_NEEDS(name) ((unsigned int)PROBE_##name << SNIPPET_NEEDS_SHIFT)

/* F(name, leaf, subleaf, register: 0 EAX to 3 EDX, bit) of CPUID. */
/* clang-format off */
#define PROBE_FEATURES                                                                             \
	F(SEP, 1, 0, 3, 11) F(FXSR, 1, 0, 3, 24) F(XSAVE, 1, 0, 2, 26)                             \
	F(FSGSBASE, 7, 0, 1, 0) F(INVPCID, 7, 0, 1, 10) F(SMAP, 7, 0, 1, 20) F(RDPID, 7, 0, 2, 22) \
	F(XSAVEOPT, 0xd, 1, 0, 0) F(XSAVEC, 0xd, 1, 0, 1)                                          \
	F(SYSCALL, 0x80000001, 0, 3, 11) F(RDTSCP, 0x80000001, 0, 3, 27)
/* clang-format on */

#ifndef __ASSEMBLER__
enum probe_feature {
	PROBE_NOTHING,
#define F(name, leaf, sub, reg, bit) PROBE_##name,
	PROBE_FEATURES
#undef F
};
#endif

#endif
