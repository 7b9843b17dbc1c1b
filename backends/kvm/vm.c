/* SPDX-License-Identifier: MIT */
#include "backends/backends.h"
#include "backends/kvm/kvm.h"
#include "common/sandbox.h"

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What we cannot do without; each is in every kernel since 5.10. */
static const struct {
	unsigned int cap;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY" },
	{ KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "SET_IDENTITY_MAP_ADDR" },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID" },
	{ KVM_CAP_IRQCHIP, "IRQCHIP" },
	{ KVM_CAP_PIT2, "PIT2" },
	{ KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING" },
	{ KVM_CAP_USER_NMI, "USER_NMI" },
	{ KVM_CAP_MP_STATE, "MP_STATE" },
	{ KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS" },
	{ KVM_CAP_DEBUGREGS, "DEBUGREGS" },
	{ KVM_CAP_XSAVE, "XSAVE" },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
	{ KVM_CAP_SYNC_REGS, "SYNC_REGS" },
	{ KVM_CAP_EXCEPTION_PAYLOAD, "EXCEPTION_PAYLOAD" },
	{ KVM_CAP_X86_USER_SPACE_MSR, "X86_USER_SPACE_MSR" },
	{ KVM_CAP_X86_MSR_FILTER, "X86_MSR_FILTER" },
};

int kvm_has(int fd, unsigned int cap)
{
	int r = ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return r > 0 ? r : 0;
}

int kvm_fail(struct error *err, const char *what)
{
	int code = -errno;

	return fail(err, code, "kvm: %s: %s", what, strerror(-code));
}

/* Open /dev/kvm and see that it is what we were written for: a descriptor, or negative errno. */
static int open_dev(struct error *err)
{
	int version, fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == EACCES)
		return fail(err, -EACCES,
			    "no permission to open /dev/kvm; join its group (usually: adduser "
			    "$USER kvm, then log in again)");
	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		return fail(err, -ENODEV,
			    "no hardware virtualization here (no /dev/kvm): enable VT-x or SVM in "
			    "the firmware and load kvm_intel or kvm_amd, or use tests/rig/run");
	if (fd < 0)
		return kvm_fail(err, "open /dev/kvm");
	version = ioctl(fd, KVM_GET_API_VERSION, 0ul);
	if (version != KVM_API_VERSION) {
		close(fd);
		return fail(err, -EPROTO, "/dev/kvm speaks API version %d, we need %d", version,
			    KVM_API_VERSION);
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (kvm_has(fd, needed[i].cap))
			continue;
		close(fd);
		return fail(err, -EOPNOTSUPP,
			    "this kernel's KVM has no KVM_CAP_%s; use Linux 5.10 or later",
			    needed[i].name);
	}
	return fd;
}

/* CPUID Fn0000_0001 ECX.VMX or Fn8000_0001 ECX.SVM. */
static bool has_extension(void)
{
	u32 a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d) && c & BIT(5))
		return true;
	return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & BIT(2);
}

/*
 * A KVM without VMX and SVM below it (PVM on some clouds) is software itself: it runs kernels that
 * were written for it, but not every guest, and what it costs is not what hardware costs.
 */
static int kvm_probe(struct error *err)
{
	int fd = open_dev(err);

	if (fd < 0)
		return fd;
	close(fd);
	if (!has_extension() && !getenv("FVBENCH_SOFTWARE_KVM"))
		return fail(
			err, -EOPNOTSUPP,
			"there is a /dev/kvm, but the processor shows neither VMX nor SVM: this "
			"KVM is software (PVM?), which cannot run every guest; use tests/rig/run, "
			"or set FVBENCH_SOFTWARE_KVM=1 to try it");
	return 0;
}

static int enable_cap(int fd, unsigned int cap, u64 arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	return ioctl(fd, KVM_ENABLE_CAP, &enable);
}

/*
 * Make the VM more like a plain PC, as far as the kernel can. None of these is essential, and
 * refusing one is not an error.
 */
static void tune_vm(struct kvm *kvm)
{
	int bits;

	/* Yielding on PAUSE is for lock holders on other vCPUs, and there are none. Without it
	 * every exit for waiting is a HLT, and we see all of those. */
	bits = kvm_has(kvm->vm, KVM_CAP_X86_DISABLE_EXITS);
	if (bits & KVM_X86_DISABLE_EXITS_PAUSE)
		kvm->no_pause_exits = !enable_cap(kvm->vm, KVM_CAP_X86_DISABLE_EXITS,
						  KVM_X86_DISABLE_EXITS_PAUSE);
	/* Zero: the rate that the host has now. The default is what it took the rate for when KVM
	 * was loaded; if the clock was calibrated better since, the kernel would scale or correct
	 * the guest's TSC, and without hardware for that the TSC jumps at every entry. Kernels
	 * since 5.16 know this, whatever KVM_CAP_VM_TSC_CONTROL says. */
	ioctl(kvm->vm, KVM_SET_TSC_KHZ, 0ul);
	/* Do not edit the other vendor's hypercall instruction in guest memory. */
	bits = kvm_has(kvm->vm, KVM_CAP_DISABLE_QUIRKS2);
	if (bits & KVM_X86_QUIRK_FIX_HYPERCALL_INSN)
		enable_cap(kvm->vm, KVM_CAP_DISABLE_QUIRKS2, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
}

static int create_vm(struct kvm *kvm, struct error *err)
{
	/* A pending signal can interrupt the creation of a VM. */
	do
		kvm->vm = ioctl(kvm->dev, KVM_CREATE_VM, 0ul);
	while (kvm->vm < 0 && errno == EINTR);
	if (kvm->vm < 0)
		return kvm_fail(err, "KVM_CREATE_VM");
	/* Pending and injected exceptions told apart, CR2 and DR6 left alone until delivery. */
	if (enable_cap(kvm->vm, KVM_CAP_EXCEPTION_PAYLOAD, 1))
		return kvm_fail(err, "KVM_CAP_EXCEPTION_PAYLOAD");
	tune_vm(kvm);
	return 0;
}

/* destroy undoes this from any point. The order matters to the kernel: what belongs to the VM
 * before the vCPU, the interrupt controllers first of all. */
static int kvm_create(struct vm *vm, struct error *err)
{
	struct kvm *kvm = calloc(1, sizeof(*kvm));
	int r;

	if (vm->account)
		vm->account->parts = ACCOUNT_COMMON | BIT(ACCOUNT_GUEST) | BIT(ACCOUNT_DISPATCH);
	vm->priv = kvm;
	if (!kvm)
		return fail(err, -ENOMEM, "out of memory for the kvm backend");
	kvm->vm = kvm->vcpu = -1;
	kvm->stats.of_vm.fd = kvm->stats.of_vcpu.fd = -1;
	kvm->user_irqchip = vm->config.irqchip == IRQCHIP_USER;
	r = kvm->dev = open_dev(err);
	if (r < 0)
		return r;
	r = create_vm(kvm, err);
	if (!r)
		r = kvm_mem_init(vm, err);
	if (!r)
		r = kvm_irq_init(vm, err);
	if (!r)
		r = kvm_vcpu_init(vm, err);
	if (!r)
		kvm_stats_init(vm);
	return r;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void kvm_destroy(struct vm *vm)
{
	struct kvm *kvm = kvm_of(vm);

	if (!kvm)
		return;
	kvm_stats_fini(vm);
	kvm_vcpu_fini(vm);
	close_fd(kvm->vm);
	close_fd(kvm->dev);
	free(kvm);
	vm->priv = NULL;
}

/* Requests of KVM's own type, whichever: they reach no further than our descriptors. */
static const struct sandbox_rule *kvm_syscalls(struct vm *vm)
{
	static const struct sandbox_rule rules[] = {
		{ __NR_ioctl, 1, 0xff00, KVMIO << 8 },
		{ .syscall = __NR_pread64 }, /* statistics */
		SANDBOX_END,
	};

	(void)vm;
	return rules;
}

const struct backend kvm_backend = {
	.name = "kvm",
	.hardware = true,
	.summary = "hardware virtualization through the host's /dev/kvm",
	.probe = kvm_probe,
	.cpuid_filter = kvm_cpuid_filter,
	.create = kvm_create,
	.destroy = kvm_destroy,
	.run = kvm_run,
	.kick = kvm_kick,
	.get_state = kvm_get_state,
	.set_state = kvm_set_state,
	.irq_line = kvm_irq_line,
	.guest_tsc = kvm_guest_tsc,
	.read_virtual = kvm_read_virtual,
	.sync_traps = kvm_sync_traps,
	.counters = kvm_counters,
	.syscalls = kvm_syscalls,
};
