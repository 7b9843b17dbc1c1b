/* SPDX-License-Identifier: MIT */
/* Single instructions as functions. */
#ifndef NANO_X86_H
#define NANO_X86_H

#include "nano.h"

#define CR0_MP	       (1ul << 1)
#define CR0_EM	       (1ul << 2)
#define CR0_WP	       (1ul << 16)
#define CR0_PG	       (1ul << 31)
#define CR4_PSE	       (1ul << 4)
#define CR4_PAE	       (1ul << 5)
#define CR4_PGE	       (1ul << 7)
#define CR4_OSFXSR     (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_OSXSAVE    (1ul << 18)
#define FLAGS_IF       (1ul << 9)

#define MSR_APIC_BASE	   0x1b
#define MSR_PAT		   0x277
#define MSR_TSC_DEADLINE   0x6e0
#define MSR_X2APIC	   0x800
#define MSR_EFER	   0xc0000080
#define MSR_STAR	   0xc0000081
#define MSR_LSTAR	   0xc0000082
#define MSR_SFMASK	   0xc0000084
#define MSR_GS_BASE	   0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

static inline u8 inb(u16 port)
{
	u8 v;

	asm volatile("inb %w1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline void outb(u16 port, u8 v)
{
	asm volatile("outb %0, %w1" : : "a"(v), "Nd"(port));
}

static inline void outl(u16 port, u32 v)
{
	asm volatile("outl %0, %w1" : : "a"(v), "Nd"(port));
}

static inline u32 mmio_read(uintptr_t addr)
{
	u32 v;

	asm volatile("movl %1, %0" : "=r"(v) : "m"(*(volatile u32 *)addr));
	return v;
}

static inline void mmio_write(uintptr_t addr, u32 v)
{
	asm volatile("movl %1, %0" : "=m"(*(volatile u32 *)addr) : "r"(v));
}

/* The time stamp: nothing before it is still running, nothing after it has begun. */
static inline u64 tsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

struct cpuid {
	u32 a, b, c, d;
};

static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

#define CONTROL_REGISTER(reg)                                          \
	static inline uword read_##reg(void)                           \
	{                                                              \
		uword v;                                               \
                                                                       \
		asm volatile("mov %%" #reg ", %0" : "=r"(v));          \
		return v;                                              \
	}                                                              \
	static inline void write_##reg(uword v)                        \
	{                                                              \
		asm volatile("mov %0, %%" #reg : : "r"(v) : "memory"); \
	}
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
#ifdef __x86_64__
CONTROL_REGISTER(cr8)
#endif
CONTROL_REGISTER(dr7)

static inline uword read_flags(void)
{
	uword v;

	asm volatile("pushf; pop %0" : "=r"(v));
	return v;
}

static inline void invlpg(void *addr)
{
	asm volatile("invlpg %0" : : "m"(*(char *)addr) : "memory");
}

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

static inline void sti(void)
{
	asm volatile("sti" : : : "memory");
}

/* One 4-byte load that the compiler must do here. */
static inline u32 load(const void *addr)
{
	u32 v;

	asm volatile("movl %1, %0" : "=r"(v) : "m"(*(const u32 *)addr) : "memory");
	return v;
}

static inline void store(void *addr, u32 v)
{
	asm volatile("movl %1, %0" : "=m"(*(u32 *)addr) : "r"(v) : "memory");
}

#endif
