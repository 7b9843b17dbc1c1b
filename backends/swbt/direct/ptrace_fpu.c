/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/ptrace_fpu.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define LEGACY	      3ull /* x87 and SSE */
#define SSE	      2ull
#define MXCSR_AT      24
#define MXCSR_DEFAULT 0x1f80u
#define LEGACY_SIZE   512 /* where they are in the XSAVE image, and */
#define HEADER_AT     512 /* which components are present */
#define FPU_MAX	      (16 * KiB)

static int get_image(struct ptrace_fpu *f, pid_t pid)
{
	struct iovec v = { f->image, f->regset == NT_PRFPREG ? LEGACY_SIZE : f->size };

	if (ptrace(PTRACE_GETREGSET, pid, f->regset, &v))
		return -errno;
	if (f->regset != NT_PRFPREG)
		f->size = v.iov_len;
	return 0;
}

/* A host without XSAVE has the image of FXSAVE, which lacks the header. */
static int get_first_image(struct ptrace_fpu *f, pid_t pid)
{
	const u64 present = LEGACY;
	int r;

	f->regset = NT_X86_XSTATE;
	r = get_image(f, pid);
	if (r != -ENODEV)
		return r;
	f->regset = NT_PRFPREG;
	f->size = HEADER_AT + 64;
	memcpy(f->image + HEADER_AT, &present, sizeof(present));
	return get_image(f, pid);
}

int ptrace_fpu_get(struct ptrace_fpu *f, pid_t pid, void *xsave, size_t size)
{
	int r = get_image(f, pid);

	if (!r)
		memcpy(xsave, f->image, size < f->size ? size : f->size);
	return r;
}

static void copy_part(struct ptrace_fpu *f, const u8 *from, size_t size, u32 at, u32 len)
{
	if (at + len <= size && at + len <= f->size)
		memcpy(f->image + at, from + at, len);
}

/* Components that are not the guest's (PKRU) stay what they were when the image was read last. */
int ptrace_fpu_set(struct ptrace_fpu *f, pid_t pid, const void *xsave, size_t size, u64 fpu_mask)
{
	const u8 *from = xsave;
	struct iovec v;
	u64 present, theirs;
	u32 mxcsr;

	memcpy(&theirs, from + HEADER_AT, 8);
	memcpy(&present, f->image + HEADER_AT, 8);
	memcpy(&mxcsr, from + MXCSR_AT, 4);
	fpu_mask |= LEGACY;
	present = (present & ~fpu_mask) | (theirs & fpu_mask);
	/* The kernel takes MXCSR only together with registers. */
	if (mxcsr != MXCSR_DEFAULT)
		present |= SSE;
	copy_part(f, from, size, 0, LEGACY_SIZE);
	for (size_t n = 0; n < ARRAY_SIZE(f->part); n++)
		copy_part(f, from, size, f->part[n].at, f->part[n].len);
	memcpy(f->image + HEADER_AT, &present, 8);
	v = (struct iovec){ f->image, f->regset == NT_PRFPREG ? LEGACY_SIZE : f->size };
	return ptrace(PTRACE_SETREGSET, pid, f->regset, &v) ? -errno : 0;
}

int ptrace_fpu_init(struct ptrace_fpu *f, pid_t pid)
{
	static const u8 components[] = { 2, 5, 6, 7 }; /* AVX, AVX-512 */
	u32 a, b, c, d;

	f->size = FPU_MAX;
	f->image = aligned_alloc(64, FPU_MAX);
	if (!f->image)
		return -ENOMEM;
	memset(f->image, 0, FPU_MAX);
	for (size_t n = 0; n < ARRAY_SIZE(components); n++)
		if (__get_cpuid_count(0xd, components[n], &a, &b, &c, &d) && a)
			f->part[n].at = b, f->part[n].len = a;
	return get_first_image(f, pid);
}

void ptrace_fpu_fini(struct ptrace_fpu *f)
{
	free(f->image);
	f->image = NULL;
}
