/* SPDX-License-Identifier: MIT */
/*
 * A small 64-bit kernel of handlers for tests of direct execution: a test's code runs in it under
 * an engine and under the step engine, and both must end alike, down to the last byte of RAM (and
 * so to each accessed and dirty bit).
 */
#ifndef FVB_TESTS_DIRECT_RIG_H
#define FVB_TESTS_DIRECT_RIG_H

#include "backends/swbt/direct/direct.h"

/* Linear addresses; below 4 MiB these are the guest-physical ones. Supervisor's, unless it says
 * otherwise. Code begins at DR_CODE with RSP = DR_STACK and R15 = where handlers are to resume. */
#define DR_RAM	  (8 * MiB)
#define DR_PML4	  0x10000u
#define DR_PT	  0x13000u /* of the first 2 MiB: one entry a page */
#define DR_LIST	  0x20000u /* what handlers have seen: struct direct_seen */
#define DR_STACK  0x40000u
#define DR_KERNEL 0x50000u  /* stack of handlers that come from CPL 3 */
#define DR_CODE	  0x100000u /* supervisor's and user's, two pages each */
#define DR_USER	  0x102000u
#define DR_DATA	  0x110000u /* 16 pages, supervisor's */
#define DR_UDATA  0x120000u /* 16 pages, user's */
#define DR_RO	  0x130000u /* read only, supervisor's */
#define DR_NX	  0x131000u /* not executable */
#define DR_HOLE	  0x132000u /* nothing */
#define DR_USTACK 0x130000u /* the end of DR_UDATA's */
#define DR_LARGE  0x200000u /* 2 MiB, one page */
#define DR_APIC	  0xfee00000u

/* Selectors; those of user code are not the host's. */
#define DR_CS  0x08
#define DR_SS  0x10
#define DR_UCS 0x43
#define DR_USS 0x4b

struct direct_seen {
	u64 vector, error, rip, cr2, cs;
};

/* A machine of ENGINE with CODE loaded, and USER (may be NULL) at DR_USER. Interrupts are off. */
struct vm *direct_rig(const char *engine, const u8 *code, size_t len, const u8 *user,
		      size_t user_len);
/* What --direct-transport is for machines from now on. */
extern const char *direct_transport;

/* A test with each transport in turn. */
#define DR_TEST(test)                                           \
	static void test##_once(void);                          \
	static void test(void)                                  \
	{                                                       \
		for (unsigned int n = 0; transports[n]; n++) {  \
			direct_transport = transports[n]->name; \
			test##_once();                          \
		}                                               \
	}                                                       \
	static void test##_once(void)

/* Let it run until OUT to port 0xf4. direct_kicks: with kicks all the time. */
void direct_go(struct vm *vm);
extern bool direct_kicks;

/* The code that ends a run. */
#define DR_END "\n movl $0, %eax\n outl %eax, $0xf4\n 1: jmp 1b\n"

#define DR_ASM(name, text)                                                               \
	extern const u8 name[], name##_end[];                                            \
	__asm__(".pushsection .rodata\n.code64\n" #name ":\n" text "\n" #name "_end:\n." \
		"popsection")

/* Run CODE (and USER) under ENGINE and under step; compare. The machine of ENGINE, to be looked at
 * and destroyed; its steps are in v->instructions. */
struct vm *direct_pair(const char *engine, const u8 *code, size_t len, const u8 *user,
		       size_t user_len);
#define DR_PAIR(engine, name) direct_pair(engine, name, (size_t)(name##_end - name), NULL, 0)
#define DR_PAIR_USER(engine, name, user) \
	direct_pair(engine, name, (size_t)(name##_end - name), user, (size_t)(user##_end - user))

/* How many exceptions handlers have seen, and the Nth. */
unsigned int direct_seen(struct vm *vm);
struct direct_seen direct_nth(struct vm *vm, unsigned int n);

#endif
