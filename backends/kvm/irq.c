/* SPDX-License-Identifier: MIT */
#include "backends/kvm/kvm.h"

#include <errno.h>
#include <string.h>

#define NR_GSI 24

#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define LVT_EXTINT     0x00700u
#define LVT_MASKED     0x10000u

/*
 * MSR accesses that fail in the kernel come to us: to be given to our APIC, or to be counted
 * before they raise #GP. TSC_DEADLINE is the one that the kernel would swallow without its own
 * APIC, so it is denied; the x2APIC range cannot be filtered and fails by itself.
 */
static int init_msr_exits(struct kvm *kvm, struct error *err)
{
	u8 deny = 0;
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL |
			  KVM_MSR_EXIT_REASON_FILTER },
	};
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = {
			.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
			.base = MSR_TSC_DEADLINE,
			.nmsrs = 1,
			.bitmap = &deny,
		},
	};

	if (ioctl(kvm->vm, KVM_ENABLE_CAP, &cap))
		return kvm_fail(err, "KVM_CAP_X86_USER_SPACE_MSR");
	if (kvm->user_irqchip && ioctl(kvm->vm, KVM_X86_SET_MSR_FILTER, &filter))
		return kvm_fail(err, "KVM_X86_SET_MSR_FILTER");
	return 0;
}

static void route(struct kvm_irq_routing *r, u32 gsi, u32 chip, u32 pin)
{
	r->entries[r->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/* The wires of a PC: ISA IRQ n to 8259 input n and I/O APIC pin n, but IRQ 0 to pin 2, and IRQ 2
 * is the cascade. The kernel's default has IRQ 0 on pin 0. */
static int init_routing(struct kvm *kvm, struct error *err)
{
	union {
		struct kvm_irq_routing table;
		u8 room[sizeof(struct kvm_irq_routing) +
			(16 + NR_GSI) * sizeof(struct kvm_irq_routing_entry)];
	} r = { .room = { 0 } };

	for (u32 gsi = 0; gsi < NR_GSI; gsi++) {
		if (gsi == 2)
			continue;
		if (gsi < 16)
			route(&r.table, gsi,
			      gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
		route(&r.table, gsi, KVM_IRQCHIP_IOAPIC, gsi == 0 ? 2 : gsi);
	}
	if (ioctl(kvm->vm, KVM_SET_GSI_ROUTING, &r.table))
		return kvm_fail(err, "KVM_SET_GSI_ROUTING");
	return 0;
}

/* Firmware's choice of level-triggered inputs is in the board's own 8259 pair, which is idle. */
static int init_elcr(struct vm *vm, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);

	for (u32 i = 0; i < 2; i++) {
		struct kvm_irqchip chip = { .chip_id = i };

		if (!vm->pc.pic.chip[i].elcr)
			continue;
		if (ioctl(kvm->vm, KVM_GET_IRQCHIP, &chip))
			return kvm_fail(err, "KVM_GET_IRQCHIP");
		chip.chip.pic.elcr = vm->pc.pic.chip[i].elcr;
		if (ioctl(kvm->vm, KVM_SET_IRQCHIP, &chip))
			return kvm_fail(err, "KVM_SET_IRQCHIP");
	}
	return 0;
}

int kvm_irq_init(struct vm *vm, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int r = init_msr_exits(kvm, err);

	if (r || kvm->user_irqchip)
		return r;
	if (ioctl(kvm->vm, KVM_CREATE_IRQCHIP, 0ul))
		return kvm_fail(err, "KVM_CREATE_IRQCHIP");
	r = init_routing(kvm, err);
	if (!r)
		r = init_elcr(vm, err);
	if (!r && ioctl(kvm->vm, KVM_CREATE_PIT2, &pit))
		return kvm_fail(err, "KVM_CREATE_PIT2");
	return r;
}

/* Firmware leaves the boot processor in virtual wire mode, the 8259 pair on LINT0; our own APIC
 * starts like this, and there is no firmware to do it for the kernel's. */
int kvm_irq_init_vcpu(struct vm *vm, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);
	u32 lint0 = LVT_EXTINT, lint1 = LVT_MASKED;
	struct kvm_lapic_state lapic;

	if (kvm->user_irqchip)
		return 0;
	if (ioctl(kvm->vcpu, KVM_GET_LAPIC, &lapic))
		return kvm_fail(err, "KVM_GET_LAPIC");
	memcpy(lapic.regs + APIC_LVT_LINT0, &lint0, sizeof(lint0));
	memcpy(lapic.regs + APIC_LVT_LINT1, &lint1, sizeof(lint1));
	if (ioctl(kvm->vcpu, KVM_SET_LAPIC, &lapic))
		return kvm_fail(err, "KVM_SET_LAPIC");
	return 0;
}

int kvm_irq_line(struct vm *vm, unsigned int gsi, int level)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_irq_level line = { .irq = gsi, .level = !!level };

	/* Devices say every level they compute; the board does so before there is a VM. */
	if (gsi >= NR_GSI)
		return -EINVAL;
	if (!kvm || !!(kvm->gsi_levels & BIT(gsi)) == !!level)
		return 0;
	kvm->gsi_levels ^= BIT(gsi);
	return ioctl(kvm->vm, KVM_IRQ_LINE, &line) ? -errno : 0;
}

int kvm_irq_nmi(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);

	vm->nmi = false;
	kvm->halted = false;
	if (ioctl(kvm->vcpu, KVM_NMI, 0ul))
		return kvm_fail(&vm->error, "KVM_NMI");
	return 0;
}

int kvm_irq_inject(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);
	struct kvm_run *run = kvm->run;

	if (kvm_irq_ready(vm)) {
		int vector = pc_intr_ack(vm);
		struct kvm_interrupt irq = { .irq = (u32)vector };

		if (vector >= 0 && ioctl(kvm->vcpu, KVM_INTERRUPT, &irq))
			return kvm_fail(&vm->error, "KVM_INTERRUPT");
		if (vector >= 0) {
			/* True again only after the guest ran; nobody else resets it. */
			run->ready_for_interrupt_injection = 0;
			kvm->halted = false;
		}
	}
	run->request_interrupt_window = vm->pc.intr;
	return 0;
}

void kvm_irq_pull_base(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);

	kvm->apic_base = kvm->run->apic_base;
	/* The kernel has accepted this value by the same rules as our APIC has. */
	lapic_wrmsr(&vm->pc.lapic, MSR_APIC_BASE, kvm->apic_base);
}
