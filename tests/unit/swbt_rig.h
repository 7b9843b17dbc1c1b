/* SPDX-License-Identifier: MIT */
/* A machine without a run loop for the tests of swbt: RAM, one vCPU, a device that keeps a log. */
#ifndef FVB_TESTS_SWBT_RIG_H
#define FVB_TESTS_SWBT_RIG_H

#include "backends/swbt/mmu.h"

#define RIG_RAM	   (8 * MiB)
#define RIG_DEVICE 0xd0000000u /* two pages; a byte reads as its offset plus 1 */
#define RIG_LOG	   16

/* Paging modes. */
enum rig_paging { RIG_OFF, RIG_32, RIG_PAE, RIG_LONG, RIG_COMPAT };

struct rig_access {
	u64 offset, value;
	unsigned int size;
	bool write;
};

struct rig {
	struct vm vm;
	struct vcpu v;
	unsigned int nr; /* accesses to the device */
	struct rig_access log[RIG_LOG];
	u64 seed; /* state of rig_random */
};

/* A machine at reset, or NULL if the host has no memory. MAXPHYADDR is 40, and there are 1 GiB
 * pages and PSE-36, until the test says otherwise and calls mmu_init. */
struct rig *rig_up(void);
void rig_down(struct rig *r);

/* Flat protected mode at CPL 0 with PAGING, and CR3 = TABLES; the TLB is empty. */
void rig_enter(struct rig *r, enum rig_paging paging, u64 tables);
void rig_cpl(struct rig *r, unsigned int cpl);

/* Guest-physical memory of SIZE bytes; the address is the test's own, so it is always RAM. */
u64 rig_get(struct rig *r, u64 gpa, unsigned int size);
void rig_put(struct rig *r, u64 gpa, u64 value, unsigned int size);

/* Translate for ACCESS: the guest-physical address, or ~0 and the exception in v.exc. */
u64 rig_translate(struct rig *r, u64 linear, u32 access);

/* The last exception was VECTOR, with ERROR as its error code or (then 0) with none. */
bool rig_raised(const struct rig *r, enum vector vector, bool has_error, u32 error);

/* A whole machine of swbt with MEM bytes of RAM; ENGINE NULL: the default. Without it, the test
 * ends. */
struct vm *rig_vm(const char *engine, u64 mem);

/* VM's state for comparison: without the places where the host executed the last x87 instruction.
 */
void rig_state(struct vm *vm, struct cpu_state *s);

/* ENTER(BASE), the way into translated code, with the host's trap flag set: SIGTRAP after each
 * instruction, until a handler clears the flag. */
static inline void rig_single_step(void (*enter)(u8 *base), u8 *base)
{
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; call *%1"
			 : "+D"(base)
			 : "r"(enter)
			 : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc", "memory");
}

/* The same numbers on every run. */
u64 rig_random(struct rig *r);

#endif
