/* SPDX-License-Identifier: MIT */
#include "backends/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MSR_TSC 0x10

#define MAX_CPUID 256 /* entries that a kernel may report as supported */

union cpuid2 {
	struct kvm_cpuid2 head;
	u8 room[sizeof(struct kvm_cpuid2) + MAX_CPUID * sizeof(struct kvm_cpuid_entry2)];
};

/* Leaves that describe caches, topology or other hypervisors hold no features to compare. */
static bool holds_features(u32 function)
{
	return function == 1 || function == 7 || function == 0xd ||
	       (function >= 0x80000001 && function <= 0x80000008 &&
		!(function >= 0x80000002 && function <= 0x80000006));
}

int kvm_cpuid_filter(struct cpuid_table *table, struct error *err)
{
	union cpuid2 *c = calloc(1, sizeof(*c));
	struct cpuid_table supported = { .nr = 0 };
	int r = 0, dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (!c || dev < 0) {
		r = kvm_fail(err, "open /dev/kvm");
		goto out;
	}
	c->head.nent = MAX_CPUID;
	if (ioctl(dev, KVM_GET_SUPPORTED_CPUID, &c->head)) {
		r = kvm_fail(err, "KVM_GET_SUPPORTED_CPUID");
		goto out;
	}
	for (u32 i = 0; i < c->head.nent && supported.nr < CPUID_MAX; i++) {
		const struct kvm_cpuid_entry2 *e = &c->head.entries[i];

		if (!holds_features(e->function))
			continue;
		supported.leaf[supported.nr++] = (struct cpuid_leaf){
			.function = e->function,
			.index = e->index,
			.indexed = e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = e->eax,
			.ebx = e->ebx,
			.ecx = e->ecx,
			.edx = e->edx,
		};
	}
	/* X2APIC and TSC_DEADLINE are not the kernel's to say: whichever APIC is used has both, and
	 * cpuid_intersect knows that. */
	cpuid_intersect(table, &supported);
out:
	if (dev >= 0)
		close(dev);
	free(c);
	return r;
}

static int set_cpuid(struct vm *vm, struct error *err)
{
	union cpuid2 *c = calloc(1, sizeof(*c));
	int r = 0;

	_Static_assert(CPUID_MAX <= MAX_CPUID, "the model fits");
	if (!c)
		return fail(err, -ENOMEM, "out of memory for CPUID");
	for (unsigned int i = 0; i < vm->cpuid.nr; i++) {
		const struct cpuid_leaf *l = &vm->cpuid.leaf[i];

		c->head.entries[c->head.nent++] = (struct kvm_cpuid_entry2){
			.function = l->function,
			.index = l->index,
			.flags = l->indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = l->eax,
			.ebx = l->ebx,
			.ecx = l->ecx,
			.edx = l->edx,
		};
	}
	if (ioctl(kvm_of(vm)->vcpu, KVM_SET_CPUID2, &c->head))
		r = kvm_fail(err, "KVM_SET_CPUID2");
	free(c);
	return r;
}

static int map_run(struct kvm *kvm, struct error *err)
{
	int size = ioctl(kvm->dev, KVM_GET_VCPU_MMAP_SIZE, 0ul);
	void *p;

	if (size < (int)sizeof(*kvm->run))
		return kvm_fail(err, "KVM_GET_VCPU_MMAP_SIZE");
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, kvm->vcpu, 0);
	if (p == MAP_FAILED)
		return kvm_fail(err, "mmap of the vCPU");
	kvm->run = p;
	kvm->run_size = (size_t)size;
	return 0;
}

/* MSRs that KVM makes out of nothing (paravirtual clock and the like) are for guests that CPUID
 * offers them to; ours are to meet #GP, as on hardware. Old kernels cannot do it. */
static void hide_paravirt(struct kvm *kvm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 } };

	ioctl(kvm->vcpu, KVM_ENABLE_CAP, &cap);
}

int kvm_vcpu_init(struct vm *vm, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);
	struct cpu_state *reset;
	int r;

	kvm->vcpu = ioctl(kvm->vm, KVM_CREATE_VCPU, 0ul);
	if (kvm->vcpu < 0)
		return kvm_fail(err, "KVM_CREATE_VCPU");
	r = map_run(kvm, err);
	if (!r)
		r = set_cpuid(vm, err);
	if (!r)
		r = kvm_irq_init_vcpu(vm, err);
	if (r)
		return r;
	hide_paravirt(kvm);
	kvm->apic_base = vm->pc.lapic.base;
	kvm->has_xcrs = kvm_has(kvm->vm, KVM_CAP_XCRS);
	r = kvm_state_init(kvm, err);
	if (r)
		return r;
	/* The kernel's idea of reset differs in small things (DX, MSRs) between versions. */
	reset = malloc(sizeof(*reset));
	if (!reset)
		return fail(err, -ENOMEM, "out of memory for the processor's state");
	cpu_state_reset(reset);
	r = kvm_set_state(vm, reset, err);
	free(reset);
	return r;
}

void kvm_vcpu_fini(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);

	if (kvm->run)
		munmap(kvm->run, kvm->run_size);
	if (kvm->vcpu >= 0)
		close(kvm->vcpu);
	free(kvm->xsave);
	kvm->run = NULL;
	kvm->vcpu = -1;
}

/* A new vCPU's TSC starts at zero, and the guest may write it: only the kernel knows it. */
u64 kvm_guest_tsc(struct vm *vm)
{
	union {
		struct kvm_msrs head;
		u8 room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} m = { .room = { 0 } };
	struct kvm_msr_entry *tsc = &m.head.entries[0];

	m.head.nmsrs = 1;
	tsc->index = MSR_TSC;
	return ioctl(kvm_of(vm)->vcpu, KVM_GET_MSRS, &m.head) == 1 ? tsc->data : 0;
}
