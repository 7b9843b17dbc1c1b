/* SPDX-License-Identifier: MIT */
/*
 * The swbt backend's vCPU: architectural state plus what is derived from it. Every engine, the
 * translator and all C routines work on this one struct.
 *
 * Rules for code that runs on behalf of guest code (decode, mmu, mem, emulate, step, bt):
 *  - It is compiled with -mgeneral-regs-only: the guest's x87/SSE/AVX registers may be live in the
 *    host's. Before anything that may touch vector registers (libc, common/, stdio) call fpu_put().
 *  - A function that can raise a guest exception returns 0, or EXC after filling vcpu->exc. State
 *    is unchanged then, as an instruction that faults must leave it.
 */
#ifndef FVB_SWBT_VCPU_H
#define FVB_SWBT_VCPU_H

#include "common/cpu_state.h"
#include "common/vm.h"

#define EXC 1 /* a guest exception is in vcpu->exc */

/* SDM vol. 3A table 6-1. */
enum vector { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC, MC, XM };

struct exception {
	u8 vector;
	bool has_error;
	u32 error;
	u64 cr2;   /* #PF: the faulting linear address */
	u64 dr6;   /* #DB: bits to set in DR6 */
	bool trap; /* reported after its instruction: rip is already the next one's */
};

/* How code is decoded and addresses are made. Derived from CR0, EFER, RFLAGS.VM and CS. */
enum cpu_mode {
	MODE_REAL,   /* 16-bit, no protection */
	MODE_VM86,   /* 16-bit inside a protected-mode task */
	MODE_PROT16, /* protected or compatibility mode, CS.D = 0 */
	MODE_PROT32, /* protected or compatibility mode, CS.D = 1 */
	MODE_LONG64,
};

/* A cached translation of one 4 KiB page (mmu.h). */
struct mmu_tlb_entry {
	u64 tag;    /* linear address >> 12; the low 12 bits of CR3 (PCID) in bits 63:52 */
	u64 gpa;    /* guest-physical page address */
	u8 *host;   /* host address of the page's first byte, or NULL when it is not RAM */
	u32 rights; /* enum access bits, once for each enum mmu_right; 0: the entry is invalid */
	u8 shift;   /* log2 of the size of the guest's page that this is a piece of */
	bool global;
};
#define MMU_TLB 1024

/* What entries of one level of page tables look like (walk.c). */
struct mmu_level {
	u64 leaf_bit; /* PS where it makes an entry the last one */
	u64 reserved, reserved_leaf;
};

/* Regions of 2 MiB and 1 GiB, hashed, of whose large pages the TLB may hold pieces. */
struct mmu_large {
	u64 mega[256], giga[8];
	u64 words[4]; /* of mega, that are not 0 */
	bool any;
};

/* A page table that walks have led to, and what the levels above it allow (walk.c). */
struct mmu_table {
	u64 region;	/* linear address >> 21 */
	u64 epoch;	/* good as long as this is mmu.epoch */
	const u8 *host; /* its first entry */
	u64 gpa;
	u64 all, any; /* conjunction and disjunction of the entries above */
};
#define MMU_TABLES 16

/* What paging rests on beside CR0, CR3, CR4 and EFER. */
struct mmu {
	u64 cr0, cr4, efer; /* as mmu_configure saw them */
	u64 config;	    /* the bits of them that count */
	u32 rights[8];	    /* by what the tables allow (walk_rights) */
	struct mmu_level level[5];
	u8 entry_size;	  /* bytes; 0: not configured yet */
	bool has_1g;	  /* 1 GiB pages */
	bool amd;	  /* G is reserved where it means nothing */
	u32 no_address32; /* reserved bits of a 4 MiB page's entry */
	u64 no_address;	  /* bits 51:MAXPHYADDR, reserved in every 8-byte entry */
	u64 pdpte[4];	  /* PDPTE registers of PAE paging */
	u64 epoch;	  /* counts what the architecture calls invalidations, of any kind */
	struct mmu_table table[MMU_TABLES];
	u64 used[MMU_TLB / 64], local[MMU_TLB / 64]; /* slots in use, and not by global pages */
	struct mmu_large large;
};

/* How the translator works; for debugging and for papers (bt/bt.h). */
struct bt_config {
	u32 block_insns;   /* most guest instructions of a block, 1 to BT_BLOCK_INSNS */
	bool chain;	   /* link blocks to each other */
	bool return_cache; /* returns have a table of targets of their own */
	bool flush_always; /* drop all code before each block is entered */
	bool inlined;	   /* sensitive instructions in translated code where that is possible */
	bool adaptive;	   /* translate instructions anew that keep being slow */
	bool elide;	   /* look up the page of several accesses once where that is possible */
	bool alignment; /* see for page crossings in code everywhere: never let the host report */
	size_t cache_size; /* bytes of code */
};

/* Between translated code and what calls it. */
struct bt_frame {
	u64 host_rsp;
	u64 flags;	   /* in and out, the host's RFLAGS */
	u64 set_flags;	   /* in: all of them are to be set, not the status flags alone */
	u64 may_df;	   /* translated code may have set DF; 0: it has not */
	u64 entry;	   /* where to go in */
	u64 exit;	   /* number of the exit that was taken */
	u64 linear;	   /* address of an access that missed */
	u64 target;	   /* of an indirect call on its way: host address */
	u64 across;	   /* ways to code for which the host reports alignment, until C is told */
	u64 indirect_hits; /* jumps that found their target; counted for --bt-stats only */
	/* An operand that lies on two pages (bt/translate_cross.c). */
	u64 value, window[2], word[2];
	u64 mask_arith, mask_special,
		mask_if; /* constants: RFLAGS_ARITH; neither IF nor a status flag; IF */
	u64 mask_top;	 /* bits 63 to 48 */
	u64 mask_not_zf; /* of AX after LAHF */
	u64 split;	 /* 0: the spaces of CPL 3 and CPL 0 hold code of one system */
	u64 pending;	 /* an interrupt or NMI waits; as of the entry */
	u64 sti_before;	 /* byte 1 of RFLAGS before the latest STI */
	u64 guess[2];	 /* where pages are, and minus that (bt/translate_guess.c) */
	u64 guesses;	 /* that may still be wrong before somebody looks into it */
	u64 round[4]; /* distances of pages that rounds of a loop share (bt/translate_rounds.c) */
	/* Several guesses, and what each is less than the one before it, the first than 0. */
	u64 place[8], less[8];
	u64 page_mask[9]; /* constants: bits of an offset in a page, from this one up */
};

struct engine;

struct vcpu {
	struct cpu_state s; /* first: gpr[] and flags lie at small offsets */
	struct bt_frame frame;

	/* Derived; vcpu_derive() after whatever changes what they come from. */
	enum cpu_mode mode;
	u8 cpl;
	u64 ip_mask;  /* 0xffff, 0xffffffff or all ones */
	bool flat;    /* CS, DS, ES, SS: base 0, limit 4 GiB, readable, and writable save for CS; or
		       * 64-bit mode */
	u8 flat_segs; /* BIT(enum seg): offsets in it are linear addresses, for any access. One by
		       * one as above, without CS; 64-bit mode: all but FS and GS */

	struct exception exc;
	struct vm *vm;

	bool fpu_live;	    /* guest FPU state is in the host's registers, not in s.xsave */
	bool host_ac;	    /* the host's RFLAGS.AC is set; only while fpu_live (fpu.h) */
	u64 fpu_mask;	    /* XSAVE components that fpu_get/fpu_put move (host side mask) */
	bool fpu_tells_use; /* the host says which components are in use: XGETBV of 1 */
	bool tf_pending;    /* single-step: #DB after this instruction */
	u64 hits; /* data breakpoints that accesses to the stack have met: bits of DR6 (debug.h) */
	bool times_traps;	 /* the engine does: whatever else counts them does not */
	u64 instructions;	 /* executed by the step engine */
	bool no_interrupts_once; /* STI or MOV SS shadow: dropped after the next instruction */

	struct mmu mmu;
	struct mmu_tlb_entry tlb[MMU_TLB]; /* direct-mapped by linear page; valid when zeroed */
	u64 tsc_offset;			   /* guest TSC = host TSC + this */
	u64 inline_traps[TRAP_NR];	   /* done in translated code; since the last sync_traps */
	void *thunks;			   /* struct thunks */
	void *step;			   /* struct step_cache */
	void *masked;			   /* struct masked */
	void *bt;			   /* struct bt, or NULL */
	void *direct;			   /* struct direct, or NULL */
	/* Not NULL: the guest's vector registers are neither in the host's nor in s.xsave. Brings
	 * them there and makes itself NULL. */
	void (*fpu_fetch)(struct vcpu *v);
	const struct engine *engine; /* who runs this, or NULL */
	struct account *account;     /* the machine's, or NULL */
	u8 *code_pages; /* by guest-physical page: 0 where it may be written unseen; or NULL */
	struct bt_config bt_config;
};

static inline struct vcpu *vm_vcpu(struct vm *vm)
{
	return vm->priv;
}

/* A zeroed vCPU in a memory file of its own, whose descriptor *FD is the caller's to close: the
 * translator maps it next to its tables, too, as far from a boundary of large pages as it is
 * itself, and has tables begin there. NULL if there is no memory. */
#define VCPU_LARGE	 (2 * MiB)
#define VCPU_BELOW_LARGE (256 * KiB)
struct vcpu *vcpu_new(int *fd);
void vcpu_free(struct vcpu *v);

/* Recompute mode, cpl, ip_mask and flat; calls mmu_rights_changed. CPL is SS.DPL, or 0 in real and
 * 3 in virtual-8086 mode. */
void vcpu_derive(struct vcpu *v);

/* The same where 64-bit mode stays, or a flat CS and SS of 32-bit code, and only CPL may have
 * changed.
 */
static inline void vcpu_derive_cpl(struct vcpu *v)
{
	v->cpl = (v->s.seg[SEG_SS].attr & ATTR_DPL) >> ATTR_DPL_SHIFT;
}

/* Fill v->exc and return EXC. In real mode exceptions have no error code, whoever raises them. */
int raise_exc(struct vcpu *v, enum vector vector);	      /* no error code */
int raise_err(struct vcpu *v, enum vector vector, u32 error); /* with one */
int raise_pf(struct vcpu *v, u64 address, u32 error);

static inline bool long_mode(const struct vcpu *v)
{
	return v->s.efer & EFER_LMA;
}
static inline bool protected_mode(const struct vcpu *v)
{
	return v->s.cr0 & CR0_PE;
}

#define DR6_BS BIT64(14) /* single step */

/* RFLAGS bits beyond those of common/cpu_state.h. */
#define RFLAGS_CF   BIT64(0)
#define RFLAGS_PF   BIT64(2)
#define RFLAGS_AF   BIT64(4)
#define RFLAGS_ZF   BIT64(6)
#define RFLAGS_SF   BIT64(7)
#define RFLAGS_DF   BIT64(10)
#define RFLAGS_OF   BIT64(11)
#define RFLAGS_IOPL (3ull << 12)
#define RFLAGS_NT   BIT64(14)
#define RFLAGS_RF   BIT64(16)
#define RFLAGS_VM   BIT64(17)
#define RFLAGS_AC   BIT64(18)
#define RFLAGS_VIF  BIT64(19)
#define RFLAGS_VIP  BIT64(20)
#define RFLAGS_ID   BIT64(21)
/* Those that instructions compute; the only ones a guest's code may hold in the host's RFLAGS. */
#define RFLAGS_ARITH \
	(RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_DF)

#endif
