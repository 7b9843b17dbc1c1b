/* SPDX-License-Identifier: MIT */
#include "backends/kvm/kvm.h"

#include <string.h>

/*
 * VMX without "unrestricted guest" needs an identity-mapped page table and three pages of TSS
 * while the guest is in real mode. They lie where the PC has nothing: below the flash window, above
 * the local APIC.
 */
#define IDENTITY_MAP_ADDR 0xfeffc000ull
#define TSS_ADDR	  0xfeffd000ul

int kvm_mem_init(struct vm *vm, struct error *err)
{
	struct kvm *kvm = kvm_of(vm);
	u64 identity = IDENTITY_MAP_ADDR;

	if (ioctl(kvm->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity))
		return kvm_fail(err, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(kvm->vm, KVM_SET_TSS_ADDR, TSS_ADDR))
		return kvm_fail(err, "KVM_SET_TSS_ADDR");
	for (unsigned int i = 0; i < vm->ram.nr; i++) {
		const struct ram_region *r = &vm->ram.region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)(vm->ram.host + r->offset),
		};

		if (ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &slot))
			return kvm_fail(err, "KVM_SET_USER_MEMORY_REGION (guest RAM)");
	}
	return 0;
}

size_t kvm_read_virtual(struct vm *vm, u64 gva, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct kvm_translation tr = { .linear_address = gva + done };
		size_t n = 4096 - (gva + done) % 4096;

		if (n > len - done)
			n = len - done;
		if (ioctl(kvm_of(vm)->vcpu, KVM_TRANSLATE, &tr) || !tr.valid)
			break;
		if (ram_read(&vm->ram, tr.physical_address, (u8 *)buf + done, n))
			break;
		done += n;
	}
	return done;
}
