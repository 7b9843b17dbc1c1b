/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as instructions see it: segmentation, then paging, then RAM or a device. C side;
 * translated code has its own fast path and comes here when that misses.
 */
#ifndef FVB_SWBT_MEM_H
#define FVB_SWBT_MEM_H

#include "backends/swbt/engine.h"

enum access {
	ACC_READ = 1,
	ACC_WRITE = 2,
	ACC_EXEC = 4,
	ACC_SYSTEM = 8, /* implicit supervisor access: descriptor tables, TSS */
};

/*
 * Segment checks and base: type, limit (expand-down too), null, canonical. *LINEAR is wrapped as
 * the mode has it. Faults as the SDM says: #SS for SS, #GP otherwise. SDM vol. 3A 5.3-5.5, vol.
 * 1 3.3.7.
 */
int mem_linear(struct vcpu *v, enum seg seg, u64 ea, u32 size, u32 access, u64 *linear);

#define MEM_OP_MAX 4096 /* most bytes of one access */

/* SIZE (at most MEM_OP_MAX) bytes at EA of SEG; #AC where CR0.AM, EFLAGS.AC and CPL 3 ask for it
 * and SIZE is 2, 4, 8 or 10 (SDM vol. 3A table 6-7). All checks are made for all bytes before the
 * first is moved. 0 or EXC. */
int mem_read(struct vcpu *v, enum seg seg, u64 ea, void *data, u32 size);
int mem_write(struct vcpu *v, enum seg seg, u64 ea, const void *data, u32 size);

/* The same at a linear address, no segmentation, no #AC; ACCESS may be 0, ACC_SYSTEM or ACC_EXEC.
 * Without long mode addresses wrap at 4 GiB. */
int lin_read(struct vcpu *v, u64 linear, void *data, u32 size, u32 access);
int lin_write(struct vcpu *v, u64 linear, const void *data, u32 size, u32 access);

/* Bytes that lie together in one guest page. */
struct mem_part {
	u64 gpa;
	u8 *host; /* NULL: a device */
	u32 len;
};

/*
 * A memory operand made ready for a native instruction: every check done (#AC too), DATA points at
 * SIZE bytes that the instruction may read and write: the RAM itself where it is contiguous in the
 * host, BUF otherwise (page crossings, devices), filled if ACC_READ was asked. DATA is as aligned
 * as the linear address is, up to 64. mem_commit writes BUF back if ACC_WRITE was; it cannot fault,
 * and must be called after every write. Devices are read once, by mem_prepare, and written once.
 */
struct mem_op {
	u8 *data;
	u64 linear;
	u32 size, access;
	bool bounced;
	struct mem_part part[2];
	unsigned int nr;
	u8 buf[MEM_OP_MAX + 64] __attribute__((aligned(64)));
};
int mem_prepare(struct vcpu *v, enum seg seg, u64 ea, u32 size, u32 access, struct mem_op *op);
int mem_prepare_linear(struct vcpu *v, u64 linear, u32 size, u32 access, struct mem_op *op);
void mem_commit(struct vcpu *v, struct mem_op *op);
/* Have what is going to be written to OP, which is not read, in BUF until mem_commit, wherever the
 * operand lies. */
void mem_bounce(struct mem_op *op);

/* Up to MAX instruction bytes at v->s.rip through CS into BUF; returns how many before the first
 * that faults (then v->exc says how, should the instruction need more). */
u32 mem_fetch(struct vcpu *v, u8 *buf, u32 max);

/* Read from the VM's CPUID what the processor's paging can do; once, before the first access. */
void mmu_init(struct vcpu *v);

/*
 * Paging (mmu.c): translate the page of LINEAR for ACCESS at the current CPL; sets accessed and
 * dirty bits. *ENTRY is valid until the next call. 0 or EXC (#PF, or #GP for non-canonical).
 * SDM vol. 3A ch. 4. All modes: none, 32-bit, PSE, PSE-36, PAE, 4-level; WP, NX, SMEP, SMAP, global
 * pages, PCID, reserved bits.
 */
int mmu_translate(struct vcpu *v, u64 linear, u32 access, struct mmu_tlb_entry **entry);
/* Without side effects and with supervisor rights, for debuggers: gpa or ~0. */
u64 mmu_peek(struct vcpu *v, u64 linear);

/* What the architecture calls flushing: all but global (MOV CR3), everything, one page, what is not
 * global of one PCID. The translator's tables follow through these. */
void mmu_flush(struct vcpu *v, bool global_too);
void mmu_flush_page(struct vcpu *v, u64 linear);
void mmu_flush_pcid(struct vcpu *v, u32 pcid);
/* CR0, CR4 or EFER may have changed: flushes if that voids what is cached. CPL and EFLAGS.AC need
 * no call: the TLB holds the rights for each of their values. */
void mmu_configure(struct vcpu *v);
static inline void mmu_rights_changed(struct vcpu *v)
{
	if (unlikely((v->s.cr0 ^ v->mmu.cr0) | (v->s.cr4 ^ v->mmu.cr4) | (v->s.efer ^ v->mmu.efer)))
		mmu_configure(v);
}
/* PDPTEs of PAE paging are loaded by MOV CR3 (and CR0/CR4 changes), which may fault on them: then
 * EXC, #GP(0), and the registers are as before. SDM vol. 3A 4.4.1. */
int mmu_load_pdptes(struct vcpu *v, u64 cr3);

/* Called with each write to guest RAM before it happens (page-table bits included), so that code
 * translated from there goes. */
static inline void mem_note_write(struct vcpu *v, u64 gpa, u32 len)
{
	if (unlikely(v->code_pages &&
		     (v->code_pages[gpa >> 12] | v->code_pages[(gpa + len - 1) >> 12])))
		v->engine->code_written(v, gpa, len);
}

/* Devices (mmio.c), by guest-physical address; any size, 1, 2, 4 and 8 in one bus access, larger
 * ones by 8 bytes, each its own trap. Takes care of fpu_put and of trap accounting. */
void mmio_read(struct vcpu *v, u64 gpa, void *data, u32 size);
void mmio_write(struct vcpu *v, u64 gpa, const void *data, u32 size);

#endif
