/* SPDX-License-Identifier: MIT */
/*
 * What only the host kernel saw, into vm->traps. README.md, "What is counted", has the rules in
 * words; view_* below are those rules.
 */
#include "backends/kvm/kvm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the kernel saw each cause; only those in `known` mean anything. */
struct view {
	u64 count[TRAP_NR];
	u32 known;
};

/* Statistics of a vCPU that a rule uses. */
static const char *const stat_names[NR_KVM_STAT] = {
	[STAT_IRQ] = "irq_exits",
	[STAT_IRQ_WINDOW] = "irq_window_exits",
	[STAT_NMI_WINDOW] = "nmi_window_exits",
	[STAT_HYPERCALLS] = "hypercalls",
	[STAT_HALT] = "halt_exits",
	[STAT_PF_TAKEN] = "pf_taken",
	[STAT_PF_EMULATE] = "pf_emulate",
	[STAT_PF_MMIO] = "pf_mmio_spte_created",
	[STAT_PF_GUEST] = "pf_guest",
};

static bool parameter_is_on(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = 0;
	close(fd);
	return c == 'Y' || c == '1';
}

static bool stat_known(const struct kvm_stats *s, enum kvm_stat id)
{
	return s->of_vcpu.fd >= 0 && s->stat[id] >= 0;
}

static u64 stat_value(const struct kvm_stats *s, enum kvm_stat id)
{
	return stat_known(s, id) ? statfile_value(&s->of_vcpu, (u32)s->stat[id]) : 0;
}

static u64 minus(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

static void know(struct view *v, enum trap_cause cause, u64 count)
{
	v->count[cause] = count;
	v->known |= BIT(cause);
}

/* From the statistics alone. */
static void view_stats(const struct kvm *kvm, struct view *v)
{
	const struct kvm_stats *s = &kvm->stats;

	if (stat_known(s, STAT_IRQ))
		know(v, TRAP_INTERRUPT, stat_value(s, STAT_IRQ));
	if (stat_known(s, STAT_IRQ_WINDOW) && stat_known(s, STAT_NMI_WINDOW))
		know(v, TRAP_IRQ_WINDOW,
		     stat_value(s, STAT_IRQ_WINDOW) + stat_value(s, STAT_NMI_WINDOW));
	if (stat_known(s, STAT_HYPERCALLS))
		know(v, TRAP_HYPERCALL, stat_value(s, STAT_HYPERCALLS));
	/* It does not count PAUSE, which is the same cause. */
	if (stat_known(s, STAT_HALT) && kvm->no_pause_exits)
		know(v, TRAP_HLT, stat_value(s, STAT_HALT));
}

/* Better, where there are tracepoints. */
static void view_tracepoints(const struct kvm *kvm, struct view *v)
{
	static const u8 seen[] = { TRAP_CR,	   TRAP_MSR,	   TRAP_CPUID,	    TRAP_HLT,
				   TRAP_DESC,	   TRAP_FLAGS,	   TRAP_FAR,	    TRAP_SYSCALL,
				   TRAP_EXCEPTION, TRAP_INTERRUPT, TRAP_IRQ_WINDOW, TRAP_HYPERCALL,
				   TRAP_OTHER,	   TRAP_PORT_IN,   TRAP_PORT_OUT,   TRAP_MMIO };
	const struct tracepoints *tp = &kvm->stats.tp;
	u64 listed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		know(v, seen[i], 0);
	for (unsigned int i = 0; i < tp->nr_rows; i++) {
		u64 n = tp->value[NR_TP_SPECIAL + i];

		listed += n;
		if (tp->row[i].cause >= 0)
			v->count[tp->row[i].cause] += n;
	}
	v->count[TRAP_OTHER] += minus(tp->value[TP_TOTAL], listed);
	v->count[TRAP_PORT_IN] = tp->value[TP_PIO_IN];
	v->count[TRAP_PORT_OUT] = tp->value[TP_PIO_OUT];
	v->count[TRAP_MMIO] += tp->value[TP_MMIO];
}

/*
 * Faults on guest-physical memory that the guest never sees. With nested paging a fault that led
 * to emulation was the first access to an MMIO page; with shadow paging such a one may also be a
 * write to a guest page table, and some of the faults were the guest's own.
 */
static void view_faults(const struct kvm *kvm, struct view *v)
{
	const struct kvm_stats *s = &kvm->stats;
	u64 guest = s->tdp ? 0 : stat_value(s, STAT_PF_GUEST);

	if (stat_known(s, STAT_PF_TAKEN) && stat_known(s, STAT_PF_EMULATE) &&
	    stat_known(s, STAT_PF_MMIO)) {
		u64 mmio = stat_value(s, s->tdp ? STAT_PF_EMULATE : STAT_PF_MMIO);

		know(v, TRAP_HIDDEN_FAULT, minus(stat_value(s, STAT_PF_TAKEN), mmio + guest));
	} else if (s->has_tp) {
		const struct tracepoints *tp = &s->tp;
		u64 faults = tracepoints_value(tp, "npf") + tracepoints_value(tp, "page_fault") +
			     tracepoints_value(tp, "ept_violation");

		know(v, TRAP_HIDDEN_FAULT, minus(faults, guest));
	}
	v->count[TRAP_EXCEPTION] += guest;
}

/* What KVM_RUN's returns alone show completely, and with true times. */
static u32 seen_by_us(const struct kvm *kvm)
{
	u32 ports = BIT(TRAP_PORT_IN) | BIT(TRAP_PORT_OUT) | BIT(TRAP_MMIO);

	/* With its irqchip the kernel answers some ports and pages itself. */
	if (!kvm->user_irqchip)
		return 0;
	return ports | (kvm->no_pause_exits ? BIT(TRAP_HLT) : 0);
}

static void set_masks(struct vm *vm, u32 known)
{
	const struct kvm *kvm = kvm_of(vm);
	u32 timed = BIT(TRAP_PORT_IN) | BIT(TRAP_PORT_OUT) | BIT(TRAP_MMIO);

	if (kvm->user_irqchip)
		timed |= BIT(TRAP_HLT);
	vm->traps.counted = known | seen_by_us(kvm);
	vm->traps.timed = timed & vm->traps.counted;
}

void kvm_sync_traps(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_stats *s = &kvm->stats;
	struct view v = { .known = 0 };
	bool fresh = statfile_read(&s->of_vcpu) == 0;

	kvm_account(vm);
	if (fresh)
		view_stats(kvm, &v);
	if (s->has_tp && tracepoints_read(&s->tp) == 0)
		view_tracepoints(kvm, &v);
	view_faults(kvm, &v);
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		struct trap_counter *c = &vm->traps.c[i];
		u64 alone = minus(v.count[i], c->count - s->folded[i]);

		/* A return of KVM_RUN is the second half of something that the kernel counted. What
		 * it counted beyond those never reached us. Counters never go back. */
		if (!(v.known & BIT(i)) || alone <= s->folded[i])
			continue;
		c->count += alone - s->folded[i];
		s->folded[i] = alone;
	}
	set_masks(vm, v.known);
}

void kvm_stats_init(struct vm *vm)
{
	struct kvm_stats *s = &kvm_of(vm)->stats;

	statfile_open(&s->of_vm, kvm_of(vm)->vm);
	statfile_open(&s->of_vcpu, kvm_of(vm)->vcpu);
	for (unsigned int i = 0; i < NR_KVM_STAT; i++)
		s->stat[i] = statfile_find(&s->of_vcpu, stat_names[i]);
	s->tdp = parameter_is_on("/sys/module/kvm_amd/parameters/npt") ||
		 parameter_is_on("/sys/module/kvm_intel/parameters/ept");
	s->has_tp = vm->config.count_exits && tracepoints_open(&s->tp) == 0;
	kvm_sync_traps(vm);
}

void kvm_stats_fini(struct vm *vm)
{
	struct kvm_stats *s = &kvm_of(vm)->stats;

	statfile_close(&s->of_vm);
	statfile_close(&s->of_vcpu);
	if (s->has_tp)
		tracepoints_close(&s->tp);
	s->has_tp = false;
}

static void each_stat(struct statfile *f, void (*fn)(void *arg, const char *name, u64 value),
		      void *arg)
{
	char name[600];

	if (statfile_read(f))
		return;
	for (u32 i = 0; i < f->nr; i++) {
		snprintf(name, sizeof(name), "kvm_stat.%s", statfile_name(f, i));
		fn(arg, name, statfile_value(f, i));
	}
}

void kvm_counters(struct vm *vm, void (*fn)(void *arg, const char *name, u64 value), void *arg)
{
	static const char *const special[NR_TP_SPECIAL] = {
		[TP_TOTAL] = "kvm_exit.total",
		[TP_PIO_IN] = "kvm_pio.in",
		[TP_PIO_OUT] = "kvm_pio.out",
		[TP_MMIO] = "kvm_mmio.access",
	};
	struct kvm *kvm = kvm_of(vm);
	struct tracepoints *tp = &kvm->stats.tp;
	char name[80];

	fn(arg, "kvm.unknown_msr_accesses", kvm->unknown_msrs);
	each_stat(&kvm->stats.of_vm, fn, arg);
	each_stat(&kvm->stats.of_vcpu, fn, arg);
	if (!kvm->stats.has_tp || tracepoints_read(tp))
		return;
	for (unsigned int i = 0; i < NR_TP_SPECIAL; i++)
		fn(arg, special[i], tp->value[i]);
	for (unsigned int i = 0; i < tp->nr_rows; i++) {
		snprintf(name, sizeof(name), "kvm_exit.%s", tp->row[i].name);
		fn(arg, name, tp->value[NR_TP_SPECIAL + i]);
	}
}
