/* SPDX-License-Identifier: MIT */
/*
 * The run loop. One turn: give the guest what waits for it, KVM_RUN, look the exit up, answer it,
 * and account it just before the next KVM_RUN. An exit to a device costs that one system call.
 *
 * KVM finishes an instruction with I/O only at the next KVM_RUN: until then its registers are those
 * of before (reads) or after (writes). kvm_complete brings the vCPU to an instruction boundary.
 */
#include "backends/kvm/kvm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { GO_ON = 16 }; /* beside enum run_result: enter the guest again */

/* Reasons to return in the middle of an instruction. */
#define HALF_DONE                                                          \
	(BIT(KVM_EXIT_IO) | BIT(KVM_EXIT_MMIO) | BIT(KVM_EXIT_HYPERCALL) | \
	 BIT(KVM_EXIT_X86_RDMSR) | BIT(KVM_EXIT_X86_WRMSR))

static inline u64 tsc(void)
{
	return __builtin_ia32_rdtsc();
}

void kvm_kick(struct vm *vm, void *context)
{
	(void)context;
	__atomic_store_n(&kvm_of(vm)->run->immediate_exit, 1, __ATOMIC_RELAXED);
}

/* Note what trap this is; its cycles are known when it is accounted. */
static inline struct trap_event *trap_begin(struct vm *vm, enum trap_cause cause, u64 addr,
					    unsigned int size, bool write)
{
	struct trap_event *e = trap_event_next(&vm->traps);
	struct kvm *kvm = kvm_of(vm);
	struct kvm_run *run = kvm->run;

	kvm->cause = cause;
	e->tsc = kvm->left;
	e->addr = addr;
	e->value = 0;
	e->rip = unlikely(run->kvm_valid_regs) ? run->s.regs.regs.rip : 0;
	e->cause = (u8)cause;
	e->size = (u8)size;
	e->write = write;
	return e;
}

static inline void account(struct vm *vm, struct kvm *kvm)
{
	u64 cycles = tsc() - kvm->left;

	trap_event_next(&vm->traps)->cycles = cycles > UINT32_MAX ? UINT32_MAX : (u32)cycles;
	trap_add(&vm->traps, kvm->cause, cycles);
	trap_event_done(&vm->traps);
	kvm->unaccounted = false;
}

void kvm_account(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);

	if (kvm->unaccounted)
		account(vm, kvm);
}

static u64 guest_rip(struct kvm *kvm)
{
	struct kvm_regs regs;

	return ioctl(kvm->vcpu, KVM_GET_REGS, &regs) ? 0 : regs.rip;
}

static void give_up(struct vm *vm)
{
	trap_begin(vm, TRAP_OTHER, 0, 0, false);
	vm_stop(vm, STOP_UNHANDLED, 0);
}

static inline u64 mask_of(unsigned int size)
{
	return size >= 8 ? ~0ull : BIT64(size * 8) - 1;
}

static void on_io(struct vm *vm, struct kvm *kvm)
{
	struct kvm_run *run = kvm->run;
	bool out = run->io.direction == KVM_EXIT_IO_OUT;
	unsigned int size = run->io.size, port = run->io.port;
	u8 *data = (u8 *)run + run->io.data_offset;
	struct trap_event *e = trap_begin(vm, out ? TRAP_PORT_OUT : TRAP_PORT_IN, port, size, out);
	u32 value;

	if (unlikely(run->io.count != 1)) {
		if (out)
			bus_write_rep(&vm->pc.pio, port, data, size, run->io.count);
		else
			bus_read_rep(&vm->pc.pio, port, data, size, run->io.count);
		return;
	}
	/* The kernel's buffer is a page of its own, so four bytes can always be moved. */
	if (out) {
		memcpy(&value, data, sizeof(value));
		e->value = value & mask_of(size);
		bus_write(&vm->pc.pio, port, e->value, size);
	} else {
		e->value = bus_read(&vm->pc.pio, port, size);
		value = (u32)e->value;
		memcpy(data, &value, sizeof(value));
	}
}

/* Accesses of 3, 5, 6 or 7 bytes: parts of a wider one that crosses a page. The bus takes powers
 * of two; cut at natural boundaries, as a memory controller would. */
static void mmio_odd(struct vm *vm, u64 addr, u8 *data, unsigned int len, bool write)
{
	while (len) {
		unsigned int size = 8;
		u64 value = 0;

		while (size > len || addr % size)
			size /= 2;
		if (write) {
			memcpy(&value, data, size);
			bus_write(&vm->pc.mmio, addr, value, size);
		} else {
			value = bus_read(&vm->pc.mmio, addr, size);
			memcpy(data, &value, size);
		}
		addr += size;
		data += size;
		len -= size;
	}
}

static void on_mmio(struct vm *vm, struct kvm *kvm)
{
	struct kvm_run *run = kvm->run;
	u64 addr = run->mmio.phys_addr;
	unsigned int len = run->mmio.len <= 8 ? run->mmio.len : 8;
	bool write = run->mmio.is_write;
	struct trap_event *e = trap_begin(vm, TRAP_MMIO, addr, len, write);

	if (write) {
		memcpy(&e->value, run->mmio.data, 8);
		e->value &= mask_of(len);
	}
	if (unlikely(len & (len - 1))) {
		mmio_odd(vm, addr, run->mmio.data, len, write);
	} else if (write) {
		bus_write(&vm->pc.mmio, addr, e->value, len);
	} else {
		e->value = bus_read(&vm->pc.mmio, addr, len);
		memcpy(run->mmio.data, &e->value, 8);
	}
}

/* IA32_APIC_BASE comes here only when the kernel has refused it. */
static bool apic_msr(const struct kvm *kvm, u32 msr)
{
	return kvm->user_irqchip && msr != MSR_APIC_BASE;
}

static void on_rdmsr(struct vm *vm, struct kvm *kvm)
{
	struct kvm_run *run = kvm->run;
	u32 msr = run->msr.index;
	struct trap_event *e = trap_begin(vm, TRAP_MSR, msr, 8, false);
	int r = apic_msr(kvm, msr) ? lapic_rdmsr(&vm->pc.lapic, msr, &e->value) : -ENOENT;

	run->msr.data = e->value;
	run->msr.error = r != 0;
	kvm->unknown_msrs += r == -ENOENT;
}

static void on_wrmsr(struct vm *vm, struct kvm *kvm)
{
	struct kvm_run *run = kvm->run;
	u32 msr = run->msr.index;
	struct trap_event *e = trap_begin(vm, TRAP_MSR, msr, 8, true);
	int r = -ENOENT;

	e->value = run->msr.data;
	if (apic_msr(kvm, msr))
		r = lapic_wrmsr(&vm->pc.lapic, msr, run->msr.data);
	run->msr.error = r != 0;
	kvm->unknown_msrs += r == -ENOENT;
}

static void on_hlt(struct vm *vm, struct kvm *kvm)
{
	trap_begin(vm, TRAP_HLT, 0, 0, false);
	kvm->halted = true;
}

static void on_irq_window(struct vm *vm, struct kvm *kvm)
{
	(void)kvm;
	trap_begin(vm, TRAP_IRQ_WINDOW, 0, 0, false);
}

static void on_intr(struct vm *vm, struct kvm *kvm)
{
	(void)kvm;
	trap_begin(vm, TRAP_INTERRUPT, 0, 0, false);
}

/* CR8 was lowered. Its value has reached our APIC already, as at every exit. */
static void on_set_tpr(struct vm *vm, struct kvm *kvm)
{
	trap_begin(vm, TRAP_CR, 8, 8, true)->value = kvm->run->cr8;
}

/* None is offered to the guest by CPUID, so it gets what a host without any would say. */
static void on_hypercall(struct vm *vm, struct kvm *kvm)
{
	trap_begin(vm, TRAP_HYPERCALL, kvm->run->hypercall.nr, 0, false);
	kvm->run->hypercall.ret = (u64)-1000; /* KVM_ENOSYS */
}

/* AMD leaves the guest's state undefined here, and the kernel answers with an INIT: tell whoever
 * looks at the registers that these are not the ones that died. */
static void note_lost_state(struct vm *vm, struct kvm *kvm)
{
	struct kvm_sregs sregs;

	if (guest_rip(kvm) == 0xfff0 && !ioctl(kvm->vcpu, KVM_GET_SREGS, &sregs) &&
	    sregs.cs.base == 0xffff0000)
		fail(&vm->error, -EIO,
		     "the registers at the triple fault are lost: AMD processors do not keep them, "
		     "and the host kernel has reset the vCPU");
}

static void on_shutdown(struct vm *vm, struct kvm *kvm)
{
	trap_begin(vm, TRAP_OTHER, 0, 0, false);
	note_lost_state(vm, kvm);
	vm_stop(vm, STOP_TRIPLE_FAULT, 0);
}

static void on_system_event(struct vm *vm, struct kvm *kvm)
{
	u32 type = kvm->run->system_event.type;

	trap_begin(vm, TRAP_OTHER, type, 0, false);
	if (type == KVM_SYSTEM_EVENT_SHUTDOWN) {
		vm_stop(vm, STOP_POWEROFF, 0);
	} else if (type == KVM_SYSTEM_EVENT_RESET) {
		vm_stop(vm, STOP_RESET, 0);
	} else {
		fail(&vm->error, -EIO, "kvm: system event %u at rip %#" PRIx64, type,
		     guest_rip(kvm));
		give_up(vm);
	}
}

static void on_fail_entry(struct vm *vm, struct kvm *kvm)
{
	fail(&vm->error, -EIO,
	     "kvm: the processor refused the guest's state: hardware reason %#llx on CPU %u, "
	     "rip %#" PRIx64,
	     (unsigned long long)kvm->run->fail_entry.hardware_entry_failure_reason,
	     kvm->run->fail_entry.cpu, guest_rip(kvm));
	give_up(vm);
}

static void on_hardware(struct vm *vm, struct kvm *kvm)
{
	fail(&vm->error, -EIO,
	     "kvm: the host kernel does not know hardware exit reason %#llx, rip %#" PRIx64,
	     (unsigned long long)kvm->run->hw.hardware_exit_reason, guest_rip(kvm));
	give_up(vm);
}

static const char *const internal_errors[] = {
	[KVM_INTERNAL_ERROR_EMULATION] = "instruction it cannot emulate",
	[KVM_INTERNAL_ERROR_SIMUL_EX] = "simultaneous exceptions",
	[KVM_INTERNAL_ERROR_DELIVERY_EV] = "exit while an event was being delivered",
	[KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "unexpected hardware exit",
};

struct text {
	char s[224];
	int n;
};

static void append(struct text *t, const char *format, u64 value)
{
	if (t->n < (int)sizeof(t->s) - 24)
		t->n += snprintf(t->s + t->n, sizeof(t->s) - (size_t)t->n, format, value);
}

static void on_internal_error(struct vm *vm, struct kvm *kvm)
{
	struct kvm_run *run = kvm->run;
	u32 nr = run->internal.ndata, sub = run->internal.suberror, first = 0;
	const char *name = sub < ARRAY_SIZE(internal_errors) ? internal_errors[sub] : NULL;
	struct text t = { .n = 0 };

	/* Its first words are flags, size and bytes of the instruction when the kernel says so. */
	if (sub == KVM_INTERNAL_ERROR_EMULATION && nr >= 3 &&
	    run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		append(&t, ", instruction bytes", 0);
		for (u8 i = 0; i < run->emulation_failure.insn_size && i < 15; i++)
			append(&t, " %02" PRIx64, run->emulation_failure.insn_bytes[i]);
		first = 3;
	}
	if (nr > ARRAY_SIZE(run->internal.data))
		nr = ARRAY_SIZE(run->internal.data);
	for (u32 i = first; i < nr; i++)
		append(&t, i == first ? ", data %" PRIx64 : " %" PRIx64, run->internal.data[i]);
	fail(&vm->error, -EIO, "kvm: internal error %u (%s) at rip %#" PRIx64 "%s", sub,
	     name ? name : "unnamed", guest_rip(kvm), t.s);
	give_up(vm);
}

static void on_unhandled(struct vm *vm, struct kvm *kvm);

static const struct kvm_return {
	const char *name;
	void (*handle)(struct vm *vm, struct kvm *kvm);
} returns[] = {
#define RETURN(number, text, handler) [number] = { text, on_##handler },
#include "backends/kvm/exits.def"
};

static void on_unhandled(struct vm *vm, struct kvm *kvm)
{
	u32 reason = kvm->run->exit_reason;
	const char *name = reason < ARRAY_SIZE(returns) ? returns[reason].name : NULL;

	fail(&vm->error, -EIO, "kvm: exit reason %u (%s) at rip %#" PRIx64 " has no handler",
	     reason, name ? name : "unnamed", guest_rip(kvm));
	give_up(vm);
}

static inline void dispatch(struct vm *vm, struct kvm *kvm)
{
	u32 reason = kvm->run->exit_reason;

	if (likely(reason == KVM_EXIT_IO))
		on_io(vm, kvm);
	else if (reason < ARRAY_SIZE(returns) && returns[reason].handle)
		returns[reason].handle(vm, kvm);
	else
		on_unhandled(vm, kvm);
	kvm->unaccounted = true;
	kvm->half_done = reason < 32 && BIT(reason) & HALF_DONE;
}

/* KVM_RUN itself failed. */
static int run_failed(struct vm *vm, struct kvm *kvm)
{
	int code = -errno;

	if (code == -EAGAIN) /* an INIT or the like was taken; nothing to do for us */
		return GO_ON;
	if (code != -EINTR)
		return fail(&vm->error, code, "kvm: KVM_RUN: %s at rip %#" PRIx64, strerror(-code),
			    guest_rip(kvm));
	trap_begin(vm, TRAP_INTERRUPT, 0, 0, false);
	kvm->unaccounted = true;
	return RUN_KICKED;
}

/* What the guest did to CR8 and IA32_APIC_BASE without asking us, into our APIC. */
static inline void pull_apic(struct vm *vm, struct kvm *kvm)
{
	if (unlikely(kvm->run->cr8 != lapic_get_cr8(&vm->pc.lapic)))
		lapic_set_cr8(&vm->pc.lapic, kvm->run->cr8);
	if (unlikely(kvm->run->apic_base != kvm->apic_base))
		kvm_irq_pull_base(vm);
}

static inline int enter(struct vm *vm, struct kvm *kvm)
{
	enum account_part before;
	int r;

	if (kvm->user_irqchip)
		kvm->run->cr8 = lapic_get_cr8(&vm->pc.lapic);
	if (likely(kvm->unaccounted))
		account(vm, kvm);
	kvm->half_done = false;
	before = account_enter(vm->account, ACCOUNT_GUEST);
	r = ioctl(kvm->vcpu, KVM_RUN, 0ul);
	kvm->left = tsc();
	account_leave(vm->account, before);
	if (kvm->user_irqchip)
		pull_apic(vm, kvm);
	return r;
}

/* Interrupts and NMI before an entry: GO_ON, RUN_HALTED, or negative errno. */
static inline int deliver(struct vm *vm, struct kvm *kvm)
{
	int r;

	if (unlikely(vm->nmi)) {
		r = kvm_irq_nmi(vm);
		if (r)
			return r;
	}
	if (!kvm->user_irqchip)
		return GO_ON;
	if (unlikely(vm->pc.intr || kvm->run->request_interrupt_window)) {
		r = kvm_irq_inject(vm);
		if (r)
			return r;
	}
	if (unlikely(kvm->halted)) {
		if (!vm->pc.intr || !kvm->run->if_flag)
			return RUN_HALTED;
		kvm->halted = false;
	}
	return GO_ON;
}

/*
 * The second half of an instruction may raise an exception: #GP for an MSR, #DB after a single
 * step, a page fault of a string's next element. The kernel delivers that and forgets an interrupt
 * that we queued before, so the second half comes first; then the kernel says anew whether it
 * would take one. immediate_exit goes as in kvm_run: the next turn looks at attention.
 */
static int finish_instruction(struct vm *vm, struct kvm *kvm)
{
	int r = kvm_complete(vm);

	__atomic_store_n(&kvm->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	return r ? r : GO_ON;
}

static inline int turn(struct vm *vm, struct kvm *kvm)
{
	int r;

	if (unlikely(atomic_load_explicit(&vm->attention, memory_order_relaxed)))
		return vm->stop.kind == STOP_NONE ? RUN_KICKED : RUN_STOPPED;
	if (unlikely(kvm->half_done && kvm_irq_ready(vm)))
		return finish_instruction(vm, kvm);
	r = deliver(vm, kvm);
	if (unlikely(r != GO_ON))
		return r;
	if (unlikely(enter(vm, kvm)))
		return run_failed(vm, kvm);
	dispatch(vm, kvm);
	return GO_ON;
}

/*
 * A kick sets attention, then immediate_exit. We clear the latter before we look at the former, so
 * a kick is seen either here or by KVM_RUN, whenever it comes.
 */
int kvm_run(struct vm *vm)
{
	enum account_part before = account_enter(vm->account, ACCOUNT_DISPATCH);
	struct kvm *kvm = kvm_of(vm);
	int r;

	__atomic_store_n(&kvm->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	/* Registers in struct kvm_run cost the kernel time at each exit; only logs want rip. */
	kvm->run->kvm_valid_regs = vm->traps.log ? KVM_SYNC_X86_REGS : 0;
	do
		r = turn(vm, kvm);
	while (likely(r == GO_ON));
	/* An interrupt of the host is accounted when the guest is entered again: what the machine
	 * does about it is its cost. Time asleep or stopped is nobody's. */
	if (kvm->unaccounted && kvm->cause != TRAP_INTERRUPT)
		account(vm, kvm);
	account_leave(vm->account, before);
	return r;
}

int kvm_complete(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);

	/* A string instruction or an access that crosses pages may have more I/O to do; the kernel
	 * ends it after 1024 rounds at most. */
	for (;;) {
		__atomic_store_n(&kvm->run->immediate_exit, 1, __ATOMIC_RELAXED);
		if (enter(vm, kvm)) {
			if (errno == EINTR)
				return 0;
			return run_failed(vm, kvm) < 0 ? -EIO : 0;
		}
		dispatch(vm, kvm);
		account(vm, kvm);
	}
}
