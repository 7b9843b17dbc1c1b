/* SPDX-License-Identifier: MIT */
/* Between the translator's own files: a block in the making. */
#ifndef FVB_SWBT_BT_TRANSLATE_H
#define FVB_SWBT_BT_TRANSLATE_H

#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/emit.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/bt/watch.h"

/* A linear address at run time. */
enum ea_how {
	EA_DIRECT, /* base + disp; 64-bit mode */
	EA_R13,	   /* in R13 */
	EA_CONST,  /* value */
	EA_INDEX,  /* base * scale + disp; 64-bit mode, translate_guess.c, or whole pages of disp */
};
struct ea {
	u8 how, base, scale;
	s32 disp;
	u64 value;
};

/* What is off the straight way, and is written after it. */
struct cold {
	u8 kind;      /* enum exit_kind */
	bool returns; /* EXIT_INDIRECT: the targets of returns are meant */
	bool guarded; /* the target is on another page: the guard is to be put here */
	u8 aligned;   /* as in struct exit */
	bool direct, adapted, crossing;
	bool port;   /* EXIT_CALL: IN or OUT at CPL 0 */
	bool invlpg; /* EXIT_CALL: INVLPG at CPL 0, of EA */
	bool cross;  /* EXIT_CALL: tr_cross comes first */
	bool calls;  /* CALL is there */
	bool guess;  /* the page may be there, but is not what was guessed; then on to BACK */
	bool places; /* the same, and there are several guesses */
	bool links;  /* FIX itself is to be linked to the target, on the same page */
	bool array; /* the entry is not where it was looked for if the index is negative; to BACK */
	u16 size;   /* on to BACK if EA's operand of that size lies on one page; 0: it does not */
	u16 insn;
	union {
		u64 target;
		u32 call; /* which of calls[] */
	};
	struct ea ea;
	u8 *fix; /* the jump that comes here */
	u8 *back;
	u8 *site;  /* the one to be linked, or NULL */
	u8 *guard; /* as in struct exit */
	u8 *again; /* EXIT_INDIRECT: go on here when RCX is the number of the place */
};

/* A JRCXZ that has not landed. */
struct pending {
	u8 *fix;
	u16 cold;
};

/* Pushes or pops in a row that share a look-up (translate_stack.c). */
struct run {
	u8 nr, done;
	bool returns; /* a RET comes behind the pops; after them: its target is in R13 */
};

/* Accesses that share a look-up (translate_share.c). */
struct share {
	u8 base;    /* register */
	u8 left;    /* instructions at whose beginning RCX will hold the distance of its page */
	bool write; /* which may be written */
};

/* What can be taken back. */
struct mark {
	u8 *p;
	u16 nr_cold, nr_pending, nr_calls;
	bool shadow;
	struct run run;
	struct share share;
};

struct tr {
	struct bt *bt;
	struct vcpu *v;
	struct emit e;
	struct block *b;
	u64 key;
	bool long64;
	bool segmented; /* what is described in translate_mem.c, "Segments" */

	const struct insn *i;
	u16 n;	  /* its number */
	u64 rip;  /* its address, and */
	u64 next; /* the next one's */
	u8 *commit;
	bool shadow;	/* it comes behind an STI */
	const u8 *page; /* where the guest's page is */
	u32 adapt;	/* ADAPT_* */
	struct ea crossing;
	struct run run;
	struct share share;
	bool inside;		      /* the present instruction is one of SHARE.left */
	const struct rounds *rounds;  /* of a loop that is being made, or NULL, */
	u8 round, round_insn;	      /* which of them, and which of its instructions */
	u8 *round_begin, *round_fail; /* where they begin, and where else to go */
	u32 loaded;		      /* BIT(gpr): what it holds comes from a load in this block */
	u32 changed; /* the same: it is not what it was at the beginning of the block */

	u16 nr_cold, nr_pending;
	struct cold cold[BT_BLOCK_EXITS];
	struct pending pending[BT_BLOCK_EXITS];
	u16 nr_calls, nr_places;
	struct insn calls[BT_BLOCK_CALLS];
	u16 caller[BT_BLOCK_CALLS]; /* numbers of the instructions */
	bool far;		    /* JRCXZ alone does not reach the end of the instruction */
};

enum gen {
	GEN_NEXT,  /* the block goes on behind it */
	GEN_END,   /* control went elsewhere */
	GEN_STEP,  /* cannot be translated */
	GEN_CALL,  /* call its routine */
	GEN_CROSS, /* its operand is at t->crossing, on two pages: tr_cross, or else call out */
};

#define GPR_AT(n)   at(R15, (s32)(offsetof(struct vcpu, s.gpr) + 8 * (n)))
#define FRAME_AT(f) at(R15, (s32)offsetof(struct vcpu, frame.f))

/* Is KEY of code whose stack or segments are not simply memory of 32-bit addresses? */
static inline bool tr_segmented(u64 key)
{
	const u64 plain = ~(3ull << KEY_SEGMENT(SEG_FS) | 3ull << KEY_SEGMENT(SEG_GS));

	return key & (KEY_CODE16 | KEY_STACK16) || (key & plain) >> KEY_SEGMENT(SEG_ES);
}

/* Guest registers that have no host register. */
static inline bool displaced(u8 gpr)
{
	return gpr >= R13 && gpr <= R15;
}

/* The host register of one that has. */
static inline u8 host_of(u8 gpr)
{
	return gpr == RCX ? R14 : gpr;
}

/* The host register that holds guest register GPR: its own, or SCRATCH after loading. */
u8 tr_gpr(struct tr *t, u8 gpr, u8 scratch);

/* From here on the guest can see a change: the next host instruction makes it. */
static inline void tr_commit(struct tr *t)
{
	t->commit = t->e.p;
}

/* One more of what is counted at M, if WANTED (watch.h); RCX is free. */
static inline void tr_watch(struct tr *t, bool wanted, struct emit_mem m)
{
	if (likely(!wanted))
		return;
	emit_load(&t->e, W64, RCX, m);
	emit_lea(&t->e, W64, RCX, at(RCX, 1));
	emit_store(&t->e, W64, RCX, m);
}

/* ---- translate_exit.c
 * ----------------------------------------------------------------------------- */

struct cold *tr_cold(struct tr *t, enum exit_kind kind);
/* C is a call-out for the present instruction, or falls back on one. False: no room for it. */
bool tr_call(struct tr *t, struct cold *c);
/* Go to C if RCX is 0. */
void tr_branch_rcxz(struct tr *t, struct cold *c);

/* Go to C unless RCX is 0. */
void tr_unless_rcxz(struct tr *t, struct cold *c);
/* To be done by the routine of the present instruction after all. */
struct cold *tr_call_out(struct tr *t);
#define JMP_SIZE 5 /* bytes of one of an island */
/* Would the waiting branches reach an island MORE bytes from here? */
bool tr_in_reach(const struct tr *t, unsigned int more);
/* Make one. */
void tr_island(struct tr *t);
void tr_land_pending(struct tr *t);
/* The code of C, exit number ID. */
void tr_put_cold(struct tr *t, struct cold *c, u32 id);

/* translate.c: what may be taken back. */
struct mark tr_mark(const struct tr *t);
void tr_back_to(struct tr *t, const struct mark *m);
/* Decode the instruction at T->next to I, which T->i points to, and make it the present one. 0 or
 * as decode(). */
int tr_next_insn(struct tr *t, struct insn *i);
/* Its code, and its site. */
enum gen tr_add_insn(struct tr *t);
/* As decode(). */
int tr_decode(struct tr *t, struct insn *i, const u8 *bytes, u64 left);
/* The same: is there a next instruction in this block? */
bool tr_goes_on(struct tr *t);

/* ---- translate_mem.c ------------------------------------------------------------------------- */

/* Code for the address of the memory operand; RCX and R13 are free. False: not in translated code.
 */
bool tr_ea(struct tr *t, struct ea *ea);
/* [RSP + DISP], SIZE bytes; R13 is used outside 64-bit mode. For tr_stack_usable. */
struct ea tr_stack(struct tr *t, s32 disp, u32 size);
/* The same for [REG + DISP] in the stack's segment. */
struct ea tr_stack_at(struct tr *t, u8 reg, s32 disp, u32 size);
bool tr_stack_usable(const struct tr *t);
/* RSP moves, as wide as the stack is. */
void tr_move_rsp(struct tr *t, s32 by);
/* Leave unless R13 + BEYOND is 0xffff or less. RCX is used. */
void tr_below_64k(struct tr *t, s32 beyond);
/* Must SIZE bytes for the present instruction be seen to lie on one page? */
bool tr_needs_check(const struct tr *t, u32 size);
/* The same for I, in the same block. */
bool tr_needs_check_of(const struct tr *t, const struct insn *i, u32 size);
/* An exit unless SIZE bytes at EA do; RCX = 0 if they do not. R13 stays. */
void tr_check_page(struct tr *t, const struct ea *ea, u32 size);
void tr_same_page(struct tr *t, const struct ea *ea, u32 size);
/* RCX = 0 if they may not. False: not a way for so many. */
bool tr_near_start(struct tr *t, const struct ea *ea, u32 size);
/* RCX = host - guest of EA's page, or an exit. CHECK: SIZE bytes must lie on one page. False: not
 * in translated code. Leaves R13 alone. */
bool tr_lookup(struct tr *t, const struct ea *ea, u32 size, bool write, bool check);
/* What C begins with, of an array that begins where a page does: RCX = the entry, if there is one,
 * and on. */
void tr_look_again(struct tr *t, const struct cold *c);
/* RCX = the entry at M, or what is as far into the table for writing. */
void tr_load_entry(struct tr *t, struct emit_mem m, bool write);
/* RCX = the entry of the page of the address in REG. */
void tr_entry(struct tr *t, u8 reg, bool write);
/* The operand, after tr_lookup; may use R13. */
struct emit_mem tr_operand(struct tr *t, const struct ea *ea);

/* ---- translate_guess.c ----------------------------------------------------------------------- */

/* Is the present instruction, a load from EA, a link of a chain of loads? */
bool tr_chases(const struct tr *t, const struct ea *ea);
/* The same for a table indexed by what was loaded; EA is set then. Not after tr_ea. */
bool tr_looks_up_table(const struct tr *t, struct ea *ea);
/* The present instruction is done with. */
void tr_note_loads(struct tr *t);
/* Its operand, instead of tr_lookup and tr_operand; RCX is free, R13 is not. */
struct emit_mem tr_guess(struct tr *t, const struct ea *ea);
struct emit_mem tr_indexed(const struct ea *ea);
/* What C, made by that, begins with. */
void tr_other_guess(struct tr *t, const struct cold *c);
void tr_other_places(struct tr *t, const struct cold *c);

/* ---- translate_align.c ----------------------------------------------------------------------- */

/* Would the host report the present instruction's operand, were the block to run now? May set
 * T->adapt instead. */
bool tr_foresees_unaligned(struct tr *t);

/* ---- translate_share.c ----------------------------------------------------------------------- */

/* The present instruction's operand is at EA, which needs no check. True: RCX = what tr_lookup
 * finds, by sharing it. */
bool tr_share(struct tr *t, const struct ea *ea);
/* Does the code for I, its operand aside, leave RCX and R13 alone? */
bool tr_spares_rcx(const struct tr *t, const struct insn *i);
/* XCHG and XADD, which have code of their own. */
bool tr_exchanges(const struct insn *i);

/* ---- translate_rounds.c ---------------------------------------------------------------------- */

/* Inside a round: the operand of the present instruction; its jump back. */
struct emit_mem tr_round_operand(struct tr *t);
enum gen tr_round_back(struct tr *t);

/* ---- translate_cross.c ----------------------------------------------------------------------- */

/* Is it worth the while to have code for the present instruction's operand on two pages? */
bool tr_may_cross(const struct tr *t);
/* That code; the address is in R13. To OUT, with the address in frame.linear, where it cannot be
 * done; to BEHIND when it is done. False: not in translated code. */
bool tr_cross(struct tr *t, const u8 *out, const u8 *behind);

/* ---- by group -------------------------------------------------------------------------------- */

enum gen gen_plain(struct tr *t); /* translate_plain.c */
/* The present instruction with its operand at M, which needs neither RCX nor R13. */
enum gen tr_plain_at(struct tr *t, struct emit_mem m);
enum gen gen_flow(struct tr *t);       /* translate_flow.c */
enum gen gen_stack(struct tr *t);      /* translate_stack.c */
enum gen gen_system(struct tr *t);     /* translate_system.c: registers of all kinds */
enum gen gen_table(struct tr *t);      /* translate_system.c: LGDT, SGDT and the like */
enum gen gen_descriptor(struct tr *t); /* translate_desc.c, by way of the next */
enum gen gen_predicted(struct tr *t);  /* translate_msr.c: depends on what RAX and RCX are now */
enum gen gen_syscalls(struct tr *t);   /* translate_syscall.c: SYSCALL, SYSRET */
enum gen gen_smap(struct tr *t);       /* translate_syscall.c: STAC, CLAC */
enum gen gen_flags(struct tr *t);      /* translate_flags.c */
enum gen gen_segment(struct tr *t);    /* translate_segment.c */
enum gen gen_iret(struct tr *t);       /* translate_iret.c */

enum gen gen_string(struct tr *t); /* translate_string.c: short REP, strings of bits */

/* translate_desc.c: go on if RCX is VALUE; R13 is used. */
void tr_expect(struct tr *t, u64 value);
/* The descriptor of SELECTOR in the GDT, SIZE bytes of it at *EA, as it is now; false: none that
 * could be expected. */
bool tr_descriptor(struct tr *t, u16 selector, u32 size, u64 *d, struct ea *ea);
/* Go on if the GDT is where it is now, and the guest's own accesses are as ever (EFLAGS.AC). */
void tr_expect_gdt(struct tr *t);

/* translate_flags.c: CLD, STD. */
enum gen tr_direction(struct tr *t);
/* R13 = the guest's RFLAGS. RCX is used. */
void tr_get_flags(struct tr *t);
/* Leave unless R13 is a value that the next two can set. RCX is used. */
void tr_check_flags(struct tr *t);
/* R13's IF, with RCX; its arithmetic flags. */
void tr_set_if(struct tr *t);
void tr_set_flags(struct tr *t);

/* translate_system.c: one more trap of CAUSE. RCX is used. After the commit point. */
void tr_trap(struct tr *t, enum trap_cause cause);
/* RCX = 0 if REG, another register, is canonical, something else otherwise. */
void tr_canonical(struct tr *t, u8 reg);

/* translate_flow.c: on to TARGET, whatever is there; on condition CC of Jcc's opcode. */
void tr_goto(struct tr *t, u64 target);
void tr_goto_if(struct tr *t, u8 cc, u64 target);
/* In C itself, for an indirect jump: go on at the branch that is returned if R13 is in its second
 * place, which is to land at tr_second_hit. */
u8 *tr_second_probe(struct tr *t, const struct cold *c);
void tr_second_hit(struct tr *t, const struct cold *c);
/* The same in code for KEY_ALIGNMENT, for targets that are there for other code only. Returns where
 * the instruction's commit point is. */
u8 *tr_across_probe(struct tr *t, const struct cold *c);
u8 *tr_across_hit(struct tr *t, const struct cold *c, u8 *branch);
/* On to TARGET at CPL 0, from CPL 3, whose space is the present one already. */
void tr_enter(struct tr *t, u64 target);
/* On to R13, where control is: only the code is still to be found. */
void tr_land(struct tr *t);
/* In C itself: the jump of an exit that is guarded. */
void tr_guarded(struct tr *t, struct cold *c);
/* Go on only if the block's own RIP is among the targets. */
void tr_probe_self(struct tr *t);
/* translate_stack.c: the return address to the stack, RSP moved last. R13 and RCX are used. */
bool tr_push_return(struct tr *t);

#endif
