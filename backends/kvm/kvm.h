/* SPDX-License-Identifier: MIT */
/*
 * The kvm backend's own state, and what its files ask of each other. Nothing outside this folder
 * and its tests includes it. The API is Documentation/virt/kvm/api.rst of the Linux kernel.
 */
#ifndef FVB_KVM_H
#define FVB_KVM_H

#include "backends/kvm/statfile.h"
#include "backends/kvm/tracepoint.h"
#include "common/vm.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

/* Statistics of a vCPU that the accounting uses; their names are in stats.c. */
enum kvm_stat {
	STAT_IRQ,
	STAT_IRQ_WINDOW,
	STAT_NMI_WINDOW,
	STAT_HYPERCALLS,
	STAT_HALT,
	STAT_PF_TAKEN,
	STAT_PF_EMULATE,
	STAT_PF_MMIO,
	STAT_PF_GUEST,
	NR_KVM_STAT
};

struct kvm_stats {
	struct statfile of_vm, of_vcpu;
	int stat[NR_KVM_STAT]; /* indices into of_vcpu, negative where it has none */
	bool tdp;	       /* nested paging is on */
	bool has_tp;	       /* tp is open */
	struct tracepoints tp;
	u64 folded[TRAP_NR]; /* part of vm->traps.c[].count: what the kernel alone saw */
};

struct kvm {
	int dev, vm, vcpu; /* file descriptors, -1 when not open */
	struct kvm_run *run;
	size_t run_size;
	bool user_irqchip;
	bool has_xcrs;	     /* the host has XSAVE */
	bool no_pause_exits; /* PAUSE never exits */
	u32 xsave_size;	     /* bytes that the kernel's XSAVE image takes, at least XSAVE_AREA */
	void *xsave;	     /* room for one */
	u32 msr_known;	     /* BIT(n): the host has entry n of msr.def */

	/* The trap being handled: from KVM_RUN's return until just before the next one. */
	u64 left; /* TSC at that return */
	enum trap_cause cause;
	bool unaccounted; /* handled, but not in vm->traps yet */
	bool half_done;	  /* the next KVM_RUN finishes the instruction that caused it */

	bool halted;	/* HLT came to us and nothing woke the guest yet; user irqchip only */
	u64 apic_base;	/* as last seen in run->apic_base */
	u32 gsi_levels; /* as last told to the in-kernel irqchip */
	u64 unknown_msrs;
	struct kvm_stats stats;
};

static inline struct kvm *kvm_of(const struct vm *vm)
{
	return vm->priv;
}

/* vm.c: does the kernel know capability CAP? FD is /dev/kvm or the VM. */
int kvm_has(int fd, unsigned int cap);
/* fail() with "WHAT: errno text" and -errno. */
int kvm_fail(struct error *err, const char *what);

/* mem.c: RAM as memory slots, and the pages that VMX wants below 4 GiB. */
int kvm_mem_init(struct vm *vm, struct error *err);
size_t kvm_read_virtual(struct vm *vm, u64 gva, void *buf, size_t len);

/* vcpu.c: the virtual processor. */
int kvm_vcpu_init(struct vm *vm, struct error *err);
void kvm_vcpu_fini(struct vm *vm);
int kvm_cpuid_filter(struct cpuid_table *table, struct error *err);
u64 kvm_guest_tsc(struct vm *vm);

/* state.c: its architectural state. kvm_state_init comes before the first get or set. */
int kvm_state_init(struct kvm *kvm, struct error *err);
int kvm_get_state(struct vm *vm, struct cpu_state *state, struct error *err);
int kvm_set_state(struct vm *vm, const struct cpu_state *state, struct error *err);

/* exit.c: the run loop and what happens at each exit. */
int kvm_run(struct vm *vm);
void kvm_kick(struct vm *vm, void *context);
/* Let the instruction whose I/O was handled last finish, without running another one. 0, or a
 * negative errno with vm->error filled. */
int kvm_complete(struct vm *vm);
/* Put the trap that was handled last into vm->traps. */
void kvm_account(struct vm *vm);

/* irq.c: both kinds of interrupt controllers. irq_init comes before the vCPU exists. */
int kvm_irq_init(struct vm *vm, struct error *err);
int kvm_irq_init_vcpu(struct vm *vm, struct error *err);
int kvm_irq_line(struct vm *vm, unsigned int gsi, int level);
/* Pass the NMI pin's pulse on. 0, or a negative errno with vm->error filled. */
int kvm_irq_nmi(struct vm *vm);
/* User irqchip: there is an interrupt, and KVM would take it now. */
static inline bool kvm_irq_ready(const struct vm *vm)
{
	const struct kvm *kvm = kvm_of(vm);

	return vm->pc.intr && kvm->user_irqchip && kvm->run->ready_for_interrupt_injection &&
	       kvm->run->if_flag;
}

/* User irqchip, INTR pending or a window asked for: give the guest an interrupt if it can take one
 * now, else ask for a window. No instruction may be half done when it can. 0, or a negative errno
 * with vm->error filled. */
int kvm_irq_inject(struct vm *vm);
/* User irqchip: the guest wrote IA32_APIC_BASE; tell our APIC. */
void kvm_irq_pull_base(struct vm *vm);

/* stats.c: counters of the host kernel. Failing to open them is not an error. */
void kvm_stats_init(struct vm *vm);
void kvm_stats_fini(struct vm *vm);
void kvm_sync_traps(struct vm *vm);
void kvm_counters(struct vm *vm, void (*fn)(void *arg, const char *name, u64 value), void *arg);

#endif
