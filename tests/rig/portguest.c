/* SPDX-License-Identifier: MIT */
/*
 * portguest [N]: the smallest proof that /dev/kvm runs a guest.
 *
 * A real-mode guest writes the bytes "rig" to port 0xe9, then N more bytes to port 0x80, and halts.
 * Prints what came out of port 0xe9; exit status 0 when every expected exit came, and no other.
 * With N, also prints the time for a VM's creation and for one port exit.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LOAD = 0x1000, PAGE = 0x1000 };

/* clang-format off: a line for each instruction */
static const unsigned char code[] = {
	0xba, 0xe9, 0x00,				     /* mov dx, 0xe9 */
	0xb0, 'r',  0xee,				     /* mov al, 'r'; out dx, al */
	0xb0, 'i',  0xee, 0xb0, 'g', 0xee, 0x66, 0x85, 0xc9, /* test ecx, ecx */
	0x74, 0x06,					     /* jz halt */
	0xe6, 0x80,					     /* next: out 0x80, al */
	0x66, 0x49,					     /* dec ecx */
	0x75, 0xfa,					     /* jnz next */
	0xf4,						     /* halt: hlt */
};
/* clang-format on */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int check(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

int main(int argc, char **argv)
{
	long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 0, counted = 0;
	double start = seconds(), created;
	char text[4] = "";
	size_t length = 0;

	int kvm = check(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int version = check(ioctl(kvm, KVM_GET_API_VERSION, 0), "KVM_GET_API_VERSION");
	if (version != KVM_API_VERSION) {
		fprintf(stderr, "KVM API version %d, not %d\n", version, KVM_API_VERSION);
		return 1;
	}
	int vm = check(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	unsigned char *ram =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memcpy(ram, code, sizeof(code));
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = LOAD,
		.memory_size = PAGE,
		.userspace_addr = (unsigned long)ram,
	};
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	int vcpu = check(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	int run_size = check(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	struct kvm_run *run =
		mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED) {
		perror("mmap of the VCPU");
		return 1;
	}
	struct kvm_sregs sregs;
	check(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	struct kvm_regs regs = { .rip = LOAD, .rflags = 2, .rcx = (unsigned long)wanted };
	check(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	created = seconds();

	for (;;) {
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_HLT)
			break;
		if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT) {
			fprintf(stderr, "unexpected exit %u\n", run->exit_reason);
			return 1;
		}
		if (run->io.port == 0xe9 && length < sizeof(text) - 1)
			text[length++] = ((char *)run)[run->io.data_offset];
		else if (run->io.port == 0x80)
			counted++;
	}
	puts(text);
	if (wanted)
		printf("creation %.0f us, port exit %.2f us\n", (created - start) * 1e6,
		       (seconds() - created) / (double)(wanted + 3) * 1e6);
	return strcmp(text, "rig") == 0 && counted == wanted ? 0 : 1;
}
