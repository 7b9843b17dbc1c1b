/* SPDX-License-Identifier: MIT */
/*
 * Architectural state of the vCPU, out and in. Between an exit and the next KVM_RUN an instruction
 * may be half done, so both directions start with kvm_complete.
 */
#include "backends/kvm/kvm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XSAVE_LEGACY_FREE 464 /* bytes 464-511 belong to software; the kernel writes there */
#define XSAVE_LEGACY_END  512
#define XSAVE_MIN	  576

#define DB_VECTOR 1
#define PF_VECTOR 14
#define DR6_FIXED 0xffff0ff0ull

static const struct {
	u32 number;
	size_t offset;
	u64 reset;
	const char *name;
} msrs[] = {
#define MSR(field, number, name, reset) \
	{ number, offsetof(struct cpu_state, msr.field), reset, name },
#include "common/msr.def"
#undef MSR
};

union msr_list {
	struct kvm_msrs head;
	u8 room[sizeof(struct kvm_msrs) + ARRAY_SIZE(msrs) * sizeof(struct kvm_msr_entry)];
};

static u64 *msr_field(struct cpu_state *s, size_t i)
{
	return (u64 *)((char *)s + msrs[i].offset);
}

static const size_t seg_at[NR_SEG] = {
	[SEG_ES] = offsetof(struct kvm_sregs, es),   [SEG_CS] = offsetof(struct kvm_sregs, cs),
	[SEG_SS] = offsetof(struct kvm_sregs, ss),   [SEG_DS] = offsetof(struct kvm_sregs, ds),
	[SEG_FS] = offsetof(struct kvm_sregs, fs),   [SEG_GS] = offsetof(struct kvm_sregs, gs),
	[SEG_LDT] = offsetof(struct kvm_sregs, ldt), [SEG_TR] = offsetof(struct kvm_sregs, tr),
};

static struct kvm_segment *kvm_seg(struct kvm_sregs *k, unsigned int i)
{
	return (struct kvm_segment *)((char *)k + seg_at[i]);
}

/* Where each general register is in struct kvm_regs, in the order of enum gpr. */
static const size_t gpr_at[NR_GPR] = {
	offsetof(struct kvm_regs, rax), offsetof(struct kvm_regs, rcx),
	offsetof(struct kvm_regs, rdx), offsetof(struct kvm_regs, rbx),
	offsetof(struct kvm_regs, rsp), offsetof(struct kvm_regs, rbp),
	offsetof(struct kvm_regs, rsi), offsetof(struct kvm_regs, rdi),
	offsetof(struct kvm_regs, r8),	offsetof(struct kvm_regs, r9),
	offsetof(struct kvm_regs, r10), offsetof(struct kvm_regs, r11),
	offsetof(struct kvm_regs, r12), offsetof(struct kvm_regs, r13),
	offsetof(struct kvm_regs, r14), offsetof(struct kvm_regs, r15),
};

static u64 *kvm_gpr(struct kvm_regs *k, unsigned int i)
{
	return (u64 *)((char *)k + gpr_at[i]);
}

int kvm_state_init(struct kvm *kvm, struct error *err)
{
	int size = kvm_has(kvm->vm, KVM_CAP_XSAVE2);

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		union msr_list m = { .room = { 0 } };

		m.head.nmsrs = 1;
		m.head.entries[0].index = msrs[i].number;
		if (ioctl(kvm->vcpu, KVM_GET_MSRS, &m.head) == 1)
			kvm->msr_known |= BIT(i);
	}
	kvm->xsave_size = size > XSAVE_AREA ? (u32)size : XSAVE_AREA;
	kvm->xsave = calloc(1, kvm->xsave_size);
	if (!kvm->xsave)
		return fail(err, -ENOMEM, "out of memory for the processor's state");
	return 0;
}

/* ---- out ---- */

static void get_segment(struct segment *s, const struct kvm_segment *k)
{
	s->base = k->base;
	s->limit = k->limit;
	s->selector = k->selector;
	s->attr = (u32)(k->type | k->s << 4 | k->dpl << 5 | k->present << 7 | k->avl << 12 |
			k->l << 13 | k->db << 14 | k->g << 15) |
		  (k->unusable ? ATTR_UNUSABLE : 0);
}

static int get_regs(struct kvm *kvm, struct cpu_state *s)
{
	struct kvm_sregs k;
	struct kvm_regs r;

	if (ioctl(kvm->vcpu, KVM_GET_REGS, &r) || ioctl(kvm->vcpu, KVM_GET_SREGS, &k))
		return -1;
	for (unsigned int i = 0; i < NR_GPR; i++)
		s->gpr[i] = *kvm_gpr(&r, i);
	s->rip = r.rip;
	s->rflags = r.rflags;
	for (unsigned int i = 0; i < NR_SEG; i++)
		get_segment(&s->seg[i], kvm_seg(&k, i));
	s->gdt = (struct table_reg){ k.gdt.base, k.gdt.limit };
	s->idt = (struct table_reg){ k.idt.base, k.idt.limit };
	s->cr0 = k.cr0;
	s->cr2 = k.cr2;
	s->cr3 = k.cr3;
	s->cr4 = k.cr4;
	s->cr8 = k.cr8;
	s->efer = k.efer;
	s->apic_base = k.apic_base;
	return 0;
}

static int get_debug(struct kvm *kvm, struct cpu_state *s)
{
	struct kvm_debugregs d;

	if (ioctl(kvm->vcpu, KVM_GET_DEBUGREGS, &d))
		return -1;
	for (unsigned int i = 0; i < 4; i++)
		s->dr[i] = d.db[i];
	s->dr6 = d.dr6;
	s->dr7 = d.dr7;
	return 0;
}

static int get_msrs(struct kvm *kvm, struct cpu_state *s)
{
	union msr_list m = { .room = { 0 } };
	u32 n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		if (kvm->msr_known & BIT(i))
			m.head.entries[m.head.nmsrs++].index = msrs[i].number;
	if (ioctl(kvm->vcpu, KVM_GET_MSRS, &m.head) != (int)m.head.nmsrs)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		*msr_field(s, i) =
			kvm->msr_known & BIT(i) ? m.head.entries[n++].data : msrs[i].reset;
	return 0;
}

/* Bytes of the XSAVE image that the guest's processor has. */
static u32 guest_xsave_size(struct vm *vm)
{
	const struct cpuid_leaf *l = cpuid_find(&vm->cpuid, 0xd, 0);
	u32 size = l && l->ecx > XSAVE_MIN ? l->ecx : XSAVE_MIN;

	return size > XSAVE_AREA ? XSAVE_AREA : size;
}

static int get_fpu(struct vm *vm, struct cpu_state *s)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_xcrs xcrs;

	s->xcr0 = 1;
	if (kvm->has_xcrs) {
		if (ioctl(kvm->vcpu, KVM_GET_XCRS, &xcrs))
			return -1;
		for (u32 i = 0; i < xcrs.nr_xcrs && i < KVM_MAX_XCRS; i++)
			if (xcrs.xcrs[i].xcr == 0)
				s->xcr0 = xcrs.xcrs[i].value;
	}
	if (ioctl(kvm->vcpu, kvm->xsave_size > XSAVE_AREA ? KVM_GET_XSAVE2 : KVM_GET_XSAVE,
		  kvm->xsave))
		return -1;
	s->xsave_size = guest_xsave_size(vm);
	memset(s->xsave, 0, sizeof(s->xsave));
	memcpy(s->xsave, kvm->xsave, s->xsave_size);
	memset(s->xsave + XSAVE_LEGACY_FREE, 0, XSAVE_LEGACY_END - XSAVE_LEGACY_FREE);
	return 0;
}

static u64 payload(const struct cpu_state *s, const struct kvm_vcpu_events *e)
{
	if (e->exception_has_payload)
		return e->exception_payload;
	/* Already where the guest will look for it. */
	if (e->exception.nr == PF_VECTOR)
		return s->cr2;
	return e->exception.nr == DB_VECTOR ? (s->dr6 ^ DR6_FIXED) & 0x1e00f : 0;
}

static int get_events(struct vm *vm, struct cpu_state *s)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events e;
	struct cpu_events *ev = &s->ev;

	if (ioctl(kvm->vcpu, KVM_GET_VCPU_EVENTS, &e))
		return -1;
	if (!kvm->user_irqchip && ioctl(kvm->vcpu, KVM_GET_MP_STATE, &mp))
		return -1;
	memset(ev, 0, sizeof(*ev));
	if (e.exception.injected || e.exception.pending) {
		ev->exception_pending = true;
		ev->exception = e.exception.nr;
		ev->exception_has_error = e.exception.has_error_code;
		ev->exception_error = ev->exception_has_error ? e.exception.error_code : 0;
		ev->exception_payload = payload(s, &e);
	}
	ev->interrupt_injected = e.interrupt.injected;
	ev->interrupt_soft = e.interrupt.injected && e.interrupt.soft;
	ev->interrupt = e.interrupt.injected ? e.interrupt.nr : 0;
	ev->nmi_pending = e.nmi.pending || vm->nmi;
	ev->nmi_injected = e.nmi.injected;
	ev->nmi_masked = e.nmi.masked;
	/* SVM has one shadow for both and the kernel reports it as both. */
	ev->sti_shadow = e.interrupt.shadow & KVM_X86_SHADOW_INT_STI;
	ev->movss_shadow = e.interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS;
	ev->halted = kvm->halted || mp.mp_state == KVM_MP_STATE_HALTED;
	return 0;
}

int kvm_get_state(struct vm *vm, struct cpu_state *s, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);
	int r;

	r = kvm_complete(vm);
	if (r)
		return fail(err, r, "%s", vm->error.text);
	memset(s, 0, sizeof(*s));
	if (get_regs(kvm, s))
		return kvm_fail(err, "reading registers");
	if (get_debug(kvm, s))
		return kvm_fail(err, "KVM_GET_DEBUGREGS");
	if (get_msrs(kvm, s))
		return kvm_fail(err, "KVM_GET_MSRS");
	if (get_fpu(vm, s))
		return kvm_fail(err, "reading FPU state");
	if (get_events(vm, s))
		return kvm_fail(err, "KVM_GET_VCPU_EVENTS");
	return 0;
}

/* ---- in ---- */

static void set_segment(struct kvm_segment *k, const struct segment *s)
{
	*k = (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->attr & ATTR_TYPE,
		.s = !!(s->attr & ATTR_S),
		.dpl = (s->attr & ATTR_DPL) >> ATTR_DPL_SHIFT,
		.present = !!(s->attr & ATTR_P),
		.avl = !!(s->attr & ATTR_AVL),
		.l = !!(s->attr & ATTR_L),
		.db = !!(s->attr & ATTR_DB),
		.g = !!(s->attr & ATTR_G),
		.unusable = !!(s->attr & ATTR_UNUSABLE),
	};
}

static int set_sregs(struct kvm *kvm, const struct cpu_state *s)
{
	struct kvm_sregs k = {
		.gdt = { .base = s->gdt.base, .limit = s->gdt.limit },
		.idt = { .base = s->idt.base, .limit = s->idt.limit },
		.cr0 = s->cr0,
		.cr2 = s->cr2,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.cr8 = s->cr8,
		.efer = s->efer,
		.apic_base = s->apic_base,
	};

	for (unsigned int i = 0; i < NR_SEG; i++)
		set_segment(kvm_seg(&k, i), &s->seg[i]);
	return ioctl(kvm->vcpu, KVM_SET_SREGS, &k);
}

static int set_regs(struct kvm *kvm, const struct cpu_state *s)
{
	struct kvm_regs r = { .rip = s->rip, .rflags = s->rflags };

	for (unsigned int i = 0; i < NR_GPR; i++)
		*kvm_gpr(&r, i) = s->gpr[i];
	return ioctl(kvm->vcpu, KVM_SET_REGS, &r);
}

static int set_debug(struct kvm *kvm, const struct cpu_state *s)
{
	struct kvm_debugregs d = { .dr6 = s->dr6, .dr7 = s->dr7 };

	for (unsigned int i = 0; i < 4; i++)
		d.db[i] = s->dr[i];
	return ioctl(kvm->vcpu, KVM_SET_DEBUGREGS, &d);
}

/* 0, or a negative errno with ERR filled: a list stops at the MSR that the kernel refuses. */
static int set_msrs(struct kvm *kvm, const struct cpu_state *s, struct error *err)
{
	union msr_list m = { .room = { 0 } };
	const char *names[ARRAY_SIZE(msrs)];
	int done;

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		if (!(kvm->msr_known & BIT(i)))
			continue;
		names[m.head.nmsrs] = msrs[i].name;
		m.head.entries[m.head.nmsrs++] = (struct kvm_msr_entry){
			.index = msrs[i].number,
			.data = *msr_field((struct cpu_state *)s, i),
		};
	}
	done = ioctl(kvm->vcpu, KVM_SET_MSRS, &m.head);
	if (done < 0)
		return kvm_fail(err, "KVM_SET_MSRS");
	if (done < (int)m.head.nmsrs)
		return fail(err, -EINVAL, "kvm: the host does not take %#llx for MSR %s",
			    (unsigned long long)m.head.entries[done].data, names[done]);
	return 0;
}

static int set_fpu(struct kvm *kvm, const struct cpu_state *s)
{
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0] = { .xcr = 0, .value = s->xcr0 } };
	u32 size = s->xsave_size < XSAVE_AREA ? s->xsave_size : XSAVE_AREA;

	if (kvm->has_xcrs && ioctl(kvm->vcpu, KVM_SET_XCRS, &xcrs))
		return -1;
	memset(kvm->xsave, 0, kvm->xsave_size);
	memcpy(kvm->xsave, s->xsave, size);
	return ioctl(kvm->vcpu, KVM_SET_XSAVE, kvm->xsave);
}

static int set_events(struct vm *vm, const struct cpu_state *s)
{
	struct kvm *kvm = kvm_of(vm);
	const struct cpu_events *ev = &s->ev;
	struct kvm_vcpu_events e = {
		.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
			 KVM_VCPUEVENT_VALID_PAYLOAD,
		.exception.pending = ev->exception_pending,
		.exception.nr = ev->exception,
		.exception.has_error_code = ev->exception_has_error,
		.exception.error_code = ev->exception_error,
		.interrupt.injected = ev->interrupt_injected,
		.interrupt.soft = ev->interrupt_soft,
		.interrupt.nr = ev->interrupt,
		.interrupt.shadow = (ev->sti_shadow ? KVM_X86_SHADOW_INT_STI : 0) |
				    (ev->movss_shadow ? KVM_X86_SHADOW_INT_MOV_SS : 0),
		.nmi.pending = ev->nmi_pending,
		.nmi.injected = ev->nmi_injected,
		.nmi.masked = ev->nmi_masked,
		.exception_has_payload = ev->exception == PF_VECTOR || ev->exception == DB_VECTOR,
		.exception_payload = ev->exception_payload,
	};

	return ioctl(kvm->vcpu, KVM_SET_VCPU_EVENTS, &e);
}

static int set_run_state(struct vm *vm, const struct cpu_state *s)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_mp_state mp = {
		.mp_state = s->ev.halted ? KVM_MP_STATE_HALTED : KVM_MP_STATE_RUNNABLE,
	};

	vm->nmi = false; /* it is in the vCPU's events now */
	if (!kvm->user_irqchip)
		return ioctl(kvm->vcpu, KVM_SET_MP_STATE, &mp);
	kvm->halted = s->ev.halted && !s->ev.nmi_pending;
	lapic_wrmsr(&vm->pc.lapic, MSR_APIC_BASE, s->apic_base);
	lapic_set_cr8(&vm->pc.lapic, s->cr8);
	kvm->apic_base = s->apic_base;
	return 0;
}

int kvm_set_state(struct vm *vm, const struct cpu_state *state, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);
	int r;

	/* What the old state had under way must not write into the new one. */
	r = kvm_complete(vm);
	if (r)
		return fail(err, r, "%s", vm->error.text);
	/* CPUID and XCR0 limit CR4, registers clear a pending exception: the order matters. */
	if (set_sregs(kvm, state))
		return kvm_fail(err, "KVM_SET_SREGS (control and segment registers)");
	if (set_regs(kvm, state))
		return kvm_fail(err, "KVM_SET_REGS");
	if (set_debug(kvm, state))
		return kvm_fail(err, "KVM_SET_DEBUGREGS");
	if (set_fpu(kvm, state))
		return kvm_fail(err, "KVM_SET_XCRS or KVM_SET_XSAVE (FPU state)");
	r = set_msrs(kvm, state, err);
	if (r)
		return r;
	if (set_events(vm, state))
		return kvm_fail(err, "KVM_SET_VCPU_EVENTS");
	if (set_run_state(vm, state))
		return kvm_fail(err, "KVM_SET_MP_STATE");
	/* struct kvm_run still describes the old state: IF, readiness for interrupts. */
	r = kvm_complete(vm);
	return r ? fail(err, r, "%s", vm->error.text) : 0;
}
