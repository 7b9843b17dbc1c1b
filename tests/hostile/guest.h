/* SPDX-License-Identifier: MIT */
/*
 * Guests that try to get at their host. A guest is one of bench/nano's; run() makes its attempts
 * and expect()s what a processor would have done. What happened to the host meanwhile, hostile.c
 * finds out.
 */
#ifndef HOSTILE_GUEST_H
#define HOSTILE_GUEST_H

#include "apic.h"
#include "canary.h"
#include "console.h"
#include "cpu.h"
#include "paging.h"
#include "string.h"
#include "text.h"
#include "xsave.h"

enum { DE, UD = 6, NM = 7, SS = 12, GP, PF, MF = 16, AC, XM = 19, NO_FAULT = 255 };

#define PF_P	0x1u
#define PF_W	0x2u
#define PF_RSVD 0x8u
#define PF_I	0x10u

/* The exception that ended the last attempt, or NO_FAULT. */
extern struct caught {
	u8 vector;
	u64 error, cr2, ip;
} caught;
extern u64 recover_ip, recover_sp;

/* Run the assembly TEXT, which may use rax, rcx, rdx, rsi, rdi, r8 to r11 and vector registers,
 * with A in rdi, B in rsi and N in rcx; an exception ends it and fills `caught`. The value is what
 * rax holds then. */
#define ATTEMPT(text, a, b, n)                                                     \
	({                                                                         \
		u64 a_ = (u64)(a), b_ = (u64)(b), n_ = (u64)(n), r_ = 0;           \
                                                                                   \
		caught.vector = NO_FAULT;                                          \
		asm volatile("leaq 77f(%%rip), %%r11\n\t"                          \
			     "movq %%r11, recover_ip(%%rip)\n\t"                   \
			     "movq %%rsp, recover_sp(%%rip)\n\t" text "\n77:\tcld" \
			     : "+D"(a_), "+S"(b_), "+c"(n_), "+a"(r_)              \
			     :                                                     \
			     : "rdx", "r8", "r9", "r10", "r11", "memory", "cc");   \
		recover_ip = 0;                                                    \
		attempt_regs = (struct attempt_regs){ a_, b_, n_ };                \
		r_;                                                                \
	})

/* rdi, rsi, rcx after the last attempt. */
extern struct attempt_regs {
	u64 a, b, n;
} attempt_regs;

/* Take all exceptions; each guest's setup calls it. Turns on AVX and AVX-512 where there are. */
void guest_init(void);
extern u32 vector_bytes; /* widest vector register: 16, 32 or 64 */

/* "wide" is on the command line: the host executes vector instructions on memory that is none, and
 * fetches from it (KVM gives up on such a guest). */
extern bool wide;

/* One kind of access: SIZE bytes at ADDRESS; loads put them in `loaded`, stores take them from
 * `stored`. */
struct access {
	const char *name;
	u32 size;
	bool write, vector;
	void (*run)(u64 address);
};
extern const struct access accesses[];
extern const unsigned int nr_accesses;
extern u8 loaded[64], stored[64];

/* Can this one be made on this CPU, or, with DEVICE, on memory that is none? */
bool access_possible(const struct access *a, bool device);

/* expect() with the access's name and the address in the reason. */
void expect_at(const struct access *a, u64 address, const char *what, u64 got, u64 want);

/* Places in the host's own address space: each mapping's first byte, middle and last 8 bytes, the
 * canaries; handed over as the Multiboot module. */
extern const u64 *targets;
#define IDENTITY_END 0x100000000ull /* below it the guest has mapped everything */
extern u32 nr_targets;

/* First physical address above RAM; how many bits addresses have. */
extern u64 ram_end;
extern u32 physical_bits;

/* Map the page of linear address ADDRESS with this entry, beside the identity map; the last such
 * page is forgotten. ADDRESS must be canonical and not lie in the first 4 GiB. */
void map_linear(u64 address, u64 entry);
void unmap_linear(void);

u64 noise(void); /* the same numbers in each run */

#endif
