/* SPDX-License-Identifier: MIT */
/* Facts about what the host offers to run and measure guests with. */
#include "bench/facts.h"

#include "backends/swbt/direct/compat.h"
#include "backends/swbt/direct/transport.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PR_SET_SYSCALL_USER_DISPATCH_ 59

static enum fact_level say(char *text, enum fact_level level, const char *what)
{
	snprintf(text, FACT_TEXT, "%s", what);
	return level;
}

static enum fact_level yes_no(char *text, bool yes)
{
	return say(text, yes ? FACT_FINE : FACT_MISSING, yes ? "yes" : "no");
}

static bool cpuid_bit(u32 leaf, unsigned int reg, unsigned int bit)
{
	u32 r[4] = { 0 };

	return __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]) && r[reg] & BIT(bit);
}

static int open_kvm(void)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

static enum fact_level get_kvm(char *text)
{
	int fd = open_kvm(), version;

	if (fd < 0) {
		snprintf(text, FACT_TEXT, "no: %s", strerror(errno));
		return FACT_MISSING;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	snprintf(text, FACT_TEXT, "yes, API version %d", version);
	return version == KVM_API_VERSION ? FACT_FINE : FACT_MISSING;
}

static const struct {
	int cap;
	const char *name;
} kvm_caps[] = {
	/* those that not every kernel of today has */
	{ KVM_CAP_X86_USER_SPACE_MSR, "MSR exits" },
	{ KVM_CAP_X86_MSR_FILTER, "MSR filter" },
	{ KVM_CAP_SYNC_REGS, "register sync" },
#ifdef KVM_CAP_BINARY_STATS_FD
	{ KVM_CAP_BINARY_STATS_FD, "statistics" },
#endif
};

static enum fact_level get_caps(char *text)
{
	int fd = open_kvm();
	size_t len = 0;

	if (fd < 0)
		return FACT_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(kvm_caps) && len < FACT_TEXT; i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)kvm_caps[i].cap) <= 0)
			len += (size_t)snprintf(text + len, FACT_TEXT - len, "%s%s",
						len ? ", " : "lacks ", kvm_caps[i].name);
	close(fd);
	return len ? FACT_MISSING
		   : say(text, FACT_FINE, "MSR exits and filter, register sync, statistics");
}

static enum fact_level get_extension(char *text)
{
	if (cpuid_bit(1, 2, 5))
		return say(text, FACT_FINE, "VMX (Intel VT-x)");
	if (cpuid_bit(0x80000001, 2, 2))
		return say(text, FACT_FINE, "SVM (AMD-V)");
	return say(text, FACT_MISSING, "none that CPUID shows");
}

/* A yes/no parameter of kvm_intel or kvm_amd, whichever is loaded. */
static enum fact_level kvm_parameter(char *text, const char *intel, const char *amd)
{
	char path[128], flag[8];

	snprintf(path, sizeof(path), "/sys/module/kvm_intel/parameters/%s", intel);
	if (!fact_line(path, flag, sizeof(flag))) {
		snprintf(path, sizeof(path), "/sys/module/kvm_amd/parameters/%s", amd);
		if (!fact_line(path, flag, sizeof(flag)))
			return FACT_UNKNOWN;
	}
	return yes_no(text, flag[0] == 'Y' || flag[0] == '1');
}

static enum fact_level get_paging(char *text)
{
	return kvm_parameter(text, "ept", "npt");
}

static enum fact_level get_nested(char *text)
{
	return kvm_parameter(text, "nested", "nested");
}

/* The low byte of IDT base's upper half tells Linux's dummy (ffff_ffff_ffff_0000h) from a table. */
static int sidt_is_dummy(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) idt = { 0, 0 };

	asm volatile("sidt %0" : "=m"(idt));
	return idt.base == 0xffffffffffff0000ull && idt.limit == 0;
}

static enum fact_level get_umip(char *text)
{
	int r;

	if (!cpuid_bit(7, 2, 2))
		return say(text, FACT_FINE, "no: SGDT, SIDT, SLDT, SMSW, STR run at CPL 3");
	r = fact_in_child(sidt_is_dummy);
	if (r < 0)
		return say(text, FACT_FINE, "on: they end in a signal at CPL 3");
	return say(text, FACT_FINE,
		   r ? "on: at CPL 3 Linux emulates them with dummy values"
		     : "offered, but off: SGDT, SIDT, SLDT, SMSW, STR run at CPL 3");
}

static enum fact_level get_fsgsbase(char *text)
{
	/* HWCAP2_FSGSBASE: the kernel has set CR4.FSGSBASE. */
	return yes_no(text, cpuid_bit(7, 1, 0) && getauxval(AT_HWCAP2) & 2);
}

static enum fact_level get_invariant(char *text)
{
	return yes_no(text, cpuid_bit(0x80000007, 3, 8));
}

static enum fact_level get_bmi2(char *text)
{
	return yes_no(text, cpuid_bit(7, 1, 8));
}

static enum fact_level get_cycles(char *text)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_HW_CPU_CYCLES,
					.exclude_kernel = 1,
					.exclude_hv = 1 };
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	u64 cycles = 0;
	ssize_t n;

	if (fd < 0) {
		snprintf(text, FACT_TEXT, "no: %s",
			 errno == ENOENT ? "the processor shows none" : strerror(errno));
		return FACT_MISSING;
	}
	n = read((int)fd, &cycles, sizeof(cycles));
	close((int)fd);
	return yes_no(text, n == sizeof(cycles) && cycles);
}

static enum fact_level get_paranoid(char *text)
{
	if (!fact_line("/proc/sys/kernel/perf_event_paranoid", text, FACT_TEXT))
		return FACT_UNKNOWN;
	return atoi(text) <= 1 || !geteuid() ? FACT_FINE : FACT_MISSING;
}

static enum fact_level get_tracepoints(char *text)
{
	static const char *const ids[] = { "/sys/kernel/tracing/events/kvm/kvm_exit/id",
					   "/sys/kernel/debug/tracing/events/kvm/kvm_exit/id" };
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		found |= !access(ids[i], R_OK);
	return yes_no(text, found);
}

static enum fact_level get_compat(char *text, u32 what)
{
	return yes_no(text, compat_probe() & what);
}

static enum fact_level get_ia32(char *text)
{
	return get_compat(text, COMPAT_FLAT);
}

static enum fact_level get_ldt(char *text)
{
	return get_compat(text, COMPAT_32);
}

static enum fact_level get_16bit(char *text)
{
	return get_compat(text, COMPAT_16);
}

static int make_cpuid_fault(void)
{
	return (int)syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0;
}

static enum fact_level get_dispatch(char *text)
{
	return yes_no(text, !prctl(PR_SET_SYSCALL_USER_DISPATCH_, 0, 0, 0, 0));
}

/* Nobody has asked for CPUID to fault yet. */
static enum fact_level get_cpuid_faults(char *text)
{
	return yes_no(text, !fact_in_child(make_cpuid_fault));
}

static enum fact_level get_pkeys(char *text)
{
	return yes_no(text, cpuid_bit(7, 2, 4));
}

static enum fact_level get_transports(char *text)
{
	size_t len = 0;

	for (unsigned int n = 0; transports[n]; n++) {
		const char *missing = transports[n]->missing ? transports[n]->missing() : NULL;

		len += (size_t)snprintf(text + len, FACT_TEXT - len, "%s%s%s%s%s", len ? "; " : "",
					transports[n]->name, missing ? " (lacks " : "",
					missing ? missing : "", missing ? ")" : "");
	}
	return FACT_FINE;
}

const struct fact virt_facts[] = {
	{ "dev_kvm", "/dev/kvm", get_kvm,
	  "missing: modprobe kvm-intel or kvm-amd, and switch virtualization on in the firmware or "
	  "the cloud's settings; denied: join group kvm; neither possible: tests/rig/run COMMAND" },
	{ "kvm_caps", "KVM capabilities", get_caps,
	  "Linux 5.10 has what kvm needs, 5.14 the statistics" },
	{ "vt", "VMX or SVM", get_extension,
	  "switch it on in the firmware; inside a VM, ask for nested virtualization" },
	{ "nested_paging", "EPT or NPT", get_paging,
	  "reload the module with ept=1 or npt=1; without it KVM shadows page tables in software" },
	{ "nested", "KVM guests may nest", get_nested, "reload the module with nested=1" },
	{ "umip", "UMIP", get_umip, NULL },
	{ "fsgsbase", "FSGSBASE", get_fsgsbase, "a kernel of 5.9 or later on a processor with it" },
	{ "bmi2", "BMI2", get_bmi2, "processors since 2013 (Intel), 2015 (AMD) have it" },
	{ "invariant_tsc", "invariant TSC", get_invariant,
	  "without it cycles are only comparable at a fixed frequency" },
	{ "ia32", "32-bit user code", get_ia32,
	  "a kernel with CONFIG_IA32_EMULATION; not offered on every cloud guest" },
	{ "ldt", "32-bit LDT segments", get_ldt,
	  "a kernel with CONFIG_IA32_EMULATION and CONFIG_MODIFY_LDT_SYSCALL" },
	{ "ldt16", "16-bit segments", get_16bit, "a kernel with CONFIG_X86_16BIT" },
	{ "dispatch", "syscall user dispatch", get_dispatch, "a kernel of 5.11 or later" },
	{ "cpuid_fault", "CPUID faulting", get_cpuid_faults, NULL },
	{ "pkeys", "protection keys", get_pkeys, NULL },
	{ "transports", "direct execution by", get_transports, NULL },
	{ "perf_cycles", "cycle counter", get_cycles,
	  "sysctl kernel.perf_event_paranoid=1; inside a VM, ask for a virtual PMU" },
	{ "perf_event_paranoid", "perf_event_paranoid", get_paranoid,
	  "sysctl kernel.perf_event_paranoid=1" },
	{ "kvm_tracepoints", "kvm tracepoints", get_tracepoints,
	  "load kvm, mount -t tracefs tracefs /sys/kernel/tracing, and be root" },
	{ NULL, NULL, NULL, NULL },
};
