/* SPDX-License-Identifier: MIT */
/*
 * Into translated code and out of it. Inside, the guest's registers are in the host's of the same
 * name, save for those that are needed otherwise:
 *
 *	RCX	scratch		the guest's RCX is in R14
 *	R13	scratch		the guest's R13, R14, R15 are in the vCPU
 *	R15	the vCPU, in the middle of the present space
 *
 * RFLAGS holds the guest's arithmetic flags, and AC as the code expects it. RSP is the guest's:
 * nothing uses the stack, and signals come on their own. It must be canonical: the host's kernel
 * cannot return to a process whose RSP is not, and makes it a SIGSEGV (recover.c).
 */
#include "backends/swbt/bt/accounted.h"
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/emit.h"

#define GPR(n)	 at(R15, (s32)(offsetof(struct vcpu, s.gpr) + 8 * (n)))
#define FRAME(f) at(R15, (s32)offsetof(struct vcpu, frame.f))

/* Conditions: zero, not, negative. */
#define CC_E  4
#define CC_NE 5
#define CC_S  8

static const u8 callee_saved[] = { RBX, RBP, R12, R13, R14, R15 };

/* The host's register of guest register N; R13 to R15 have none. */
static void move_all(struct emit *e, bool load)
{
	for (u8 n = 0; n < R13; n++) {
		u8 host = n == RCX ? R14 : n;

		if (n == RSP)
			continue;
		if (load)
			emit_load(e, W64, host, GPR(n));
		else
			emit_store(e, W64, host, GPR(n));
	}
}

/* The registers that C may change, RSP aside. */
static void move_scratch(struct emit *e, bool load)
{
	static const u8 scratch[] = { RAX, RDX, RSI, RDI, R8, R9, R10, R11 };

	for (unsigned int n = 0; n < ARRAY_SIZE(scratch); n++) {
		if (load)
			emit_load(e, W64, scratch[n], GPR(scratch[n]));
		else
			emit_store(e, W64, scratch[n], GPR(scratch[n]));
	}
}

/* A branch that is taken unless the word at M is 0. For emit_land32. */
static u8 *unless_zero(struct emit *e, struct emit_mem m)
{
	static const u8 cmp[] = { 0x49, 0x83, 0xbf }; /* cmp qword [r15 + disp32], imm8 */

	emit_bytes(e, cmp, sizeof(cmp));
	emit_u32(e, (u32)m.disp);
	emit_byte(e, 0);
	return emit_jcc32(e, CC_NE);
}

static void emit_back(struct emit *e, const u8 *to)
{
	emit_fix32(emit_jmp32(e), to);
}

/*
 * The status flags of frame.flags, by way of RAX and RCX. POPFQ takes some 17 cycles on AMD's
 * processors and 20 on Intel's, SAHF and the ADD that makes OF one each; but they set neither DF
 * nor AC, which are what they should be as a rule (frame.set_flags).
 */
static void load_status(struct emit *e)
{
	static const u8 sahf[] = {
		0x89, 0xc1,	  /* mov ecx, eax */
		0xc1, 0xe1, 0x14, /* shl ecx, 20: bit 31 is OF, bit 30 DF, which is 0 */
		0x88, 0xc4,	  /* mov ah, al */
		0x01, 0xc9,	  /* add ecx, ecx */
		0x9e,		  /* sahf */
	};

	emit_load(e, W64, RAX, FRAME(flags));
	emit_bytes(e, sahf, sizeof(sahf));
}

/* All of frame.flags, and on to BACK. */
static void load_all_flags(struct emit *e, const u8 *back)
{
	emit_load(e, W64, RAX, FRAME(flags));
	emit_push(e, RAX);
	emit_byte(e, 0x9d); /* popfq */
	emit_back(e, back);
}

/*
 * The status flags to frame.flags, by way of RAX and RCX; PUSHFQ and CLD would take eight cycles.
 * AC stays: changing it takes longer than all the rest (fpu.h). Returns the branch that is for
 * save_direction, which is to come back to *BACK.
 */
static u8 *save_status(struct emit *e, u8 **back)
{
	static const u8 lahf[] = {
		0x9f,		  /* lahf */
		0x0f, 0x90, 0xc0, /* seto al */
		0x0f, 0xb6, 0xcc, /* movzx ecx, ah */
		0x0f, 0xb6, 0xc0, /* movzx eax, al */
		0xc1, 0xe0, 0x0b, /* shl eax, 11 */
		0x09, 0xc8,	  /* or eax, ecx */
	};
	u8 *may;

	emit_bytes(e, lahf, sizeof(lahf));
	may = unless_zero(e, FRAME(may_df));
	*back = e->p;
	emit_store(e, W64, RAX, FRAME(flags));
	return may;
}

/* DF, too, which C wants clear. */
static void save_direction(struct emit *e, u8 *may, const u8 *back)
{
	static const u8 direction[] = {
		0x9c,				    /* pushfq */
		0x59,				    /* pop rcx */
		0x81, 0xe1, 0x00, 0x04, 0x00, 0x00, /* and ecx, RFLAGS_DF */
		0x09, 0xc8,			    /* or eax, ecx */
		0xfc,				    /* cld */
	};

	emit_land32(e, may);
	emit_bytes(e, direction, sizeof(direction));
	emit_back(e, back);
}

static void load_guest(struct emit *e)
{
	u8 *all = unless_zero(e, FRAME(set_flags)), *back;

	load_status(e);
	back = e->p;
	move_all(e, true);
	emit_load(e, W64, RSP, GPR(RSP));
	emit_jmp_mem(e, FRAME(entry));
	emit_land32(e, all);
	load_all_flags(e, back);
}

static void make_enter(struct emit *e)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(callee_saved); n++)
		emit_push(e, callee_saved[n]);
	emit_lea(e, W64, RSP, at(RSP, -8)); /* as it has to be for a call */
	emit_mov(e, W64, R15, RDI);
	emit_store(e, W64, RSP, FRAME(host_rsp));
	load_guest(e);
}

/* What an exit says, and the host's stack. */
static void save_exit(struct emit *e)
{
	emit_store(e, W64, RCX, FRAME(exit));
	emit_store(e, W64, R13, FRAME(linear));
	emit_store(e, W64, RSP, GPR(RSP));
	emit_load(e, W64, RSP, FRAME(host_rsp));
}

/* All there is, AC too. */
static void save_guest(struct emit *e)
{
	move_all(e, false);
	emit_byte(e, 0x9c); /* pushfq */
	emit_pop(e, RAX);
	emit_store(e, W64, RAX, FRAME(flags));
	/* C wants DF clear. AC stays: changing it takes longer than all the rest (fpu.h). */
	emit_byte(e, 0xfc); /* cld */
}

static void make_return(struct emit *e)
{
	emit_lea(e, W64, RSP, at(RSP, 8));
	for (unsigned int n = ARRAY_SIZE(callee_saved); n--;)
		emit_pop(e, callee_saved[n]);
	emit_byte(e, 0xc3);
}

/* Call FN with BT. */
static void call(struct bt *bt, struct emit *e, uintptr_t fn)
{
	static const u8 call_rax[] = { 0xff, 0xd0 };

	emit_const(e, RDI, (uintptr_t)bt);
	emit_const(e, RAX, fn);
	emit_bytes(e, call_rax, sizeof(call_rax));
}

/* All of the guest is in the vCPU: call FN, as bt_called is, and go where it says. */
static void call_and_go(struct bt *bt, struct emit *e, uintptr_t fn)
{
	static const u8 test_rax[] = { 0x48, 0x85, 0xc0 };
	u8 *back;

	call(bt, e, fn);
	emit_bytes(e, test_rax, sizeof(test_rax));
	back = emit_jcc32(e, CC_E);
	emit_mov(e, W64, R15, RAX);
	load_guest(e);
	emit_land32(e, back);
	make_return(e);
}

static void make_call(struct bt *bt, struct emit *e)
{
	u8 *may, *back;

	save_exit(e);
	bt->leave_call_saved = e->p + e->delta;
	move_all(e, false);
	may = save_status(e, &back);
	call_and_go(bt, e, (uintptr_t)bt_stub_calls(bt)->called);
	save_direction(e, may, back);
}

/* The rest of what a light stub did not save. */
static void save_others(struct emit *e)
{
	static const u8 others[] = { RBX, RBP, R12 };

	for (unsigned int n = 0; n < ARRAY_SIZE(others); n++)
		emit_store(e, W64, others[n], GPR(others[n]));
	emit_store(e, W64, R14, GPR(RCX));
}

/* Call LIGHT with no more of the guest in the vCPU than C may change. As it returns LIGHT_*, go on
 * at frame.entry, or call HEAVY with all of it there. SAVED: see bad_rsp. */
static void make_light(struct bt *bt, struct emit *e, uintptr_t light, uintptr_t heavy,
		       const u8 **saved)
{
	static const u8 dec_eax[] = { 0xff, 0xc8 };
	u8 *may, *df_back, *other, *flags_back, *failed;

	save_exit(e);
	*saved = e->p + e->delta;
	move_scratch(e, false);
	emit_mov(e, W32, RSI, RCX);
	may = save_status(e, &df_back);
	call(bt, e, light);
	emit_bytes(e, dec_eax, sizeof(dec_eax));
	other = emit_jcc32(e, CC_NE);
	load_status(e);
	flags_back = e->p;
	move_scratch(e, true);
	emit_load(e, W64, RSP, GPR(RSP));
	emit_jmp_mem(e, FRAME(entry));
	emit_land32(e, other);
	failed = emit_jcc32(e, CC_S);
	load_all_flags(e, flags_back);
	emit_land32(e, failed);
	save_others(e);
	call_and_go(bt, e, heavy);
	save_direction(e, may, df_back);
}

/*
 * From code that has the host report unaligned accesses to such as checks for itself, or back, as
 * TO_ALIGNMENT says: RCX is where to go. That is in the vCPU all the time for recover.c, and so is
 * RSP when it is the host's. Ways back are counted: now and then LEAVE, for run.c to look at them.
 */
static void make_across(struct emit *e, bool to_alignment, const u8 *leave)
{
	u8 *often = NULL;

	emit_store(e, W64, RCX, FRAME(target));
	if (!to_alignment) {
		emit_load(e, W64, RCX, FRAME(across));
		emit_lea(e, W64, RCX, at(RCX, -1));
		emit_store(e, W64, RCX, FRAME(across));
		often = emit_jrcxz(e);
	}
	emit_store(e, W64, RSP, GPR(RSP));
	emit_load(e, W64, RSP, FRAME(host_rsp));
	emit_byte(e, 0x9c); /* pushfq */
	emit_pop(e, RCX);
	emit_load(e, W64, RSP, GPR(RSP));
	emit_lea(e, W64, R13, at(RCX, to_alignment ? -(s32)RFLAGS_AC : (s32)RFLAGS_AC));
	emit_load(e, W64, RSP, FRAME(host_rsp));
	emit_push(e, R13);
	emit_byte(e, 0x9d); /* popfq */
	emit_load(e, W64, RSP, GPR(RSP));
	emit_jmp_mem(e, FRAME(target));
	if (!often)
		return;
	emit_land8(e, often);
	emit_const(e, RCX, ACROSS_ID);
	emit_jmp_to(e, leave);
}

void bt_make_stubs(struct bt *bt)
{
	const struct stub_calls *calls = bt_stub_calls(bt);
	struct cache *c = &bt->cache;
	struct emit e = { .p = c->write, .delta = c->exec - c->write };

	bt->enter_code = (void (*)(u8 *))(void *)cache_exec(c, e.p);
	bt->enter = calls->enter ?: bt->enter_code;
	make_enter(&e);
	bt->leave_kicked = cache_exec(c, e.p);
	emit_const(&e, RCX, KICKED_ID);
	bt->leave = cache_exec(c, e.p);
	save_exit(&e);
	bt->leave_now = cache_exec(c, e.p);
	save_guest(&e);
	make_return(&e);
	bt->leave_call = cache_exec(c, e.p);
	make_call(bt, &e);
	bt->leave_port = cache_exec(c, e.p);
	make_light(bt, &e, (uintptr_t)calls->port, (uintptr_t)calls->called, &bt->leave_port_saved);
	bt->leave_invlpg = cache_exec(c, e.p);
	make_light(bt, &e, (uintptr_t)calls->invlpg, (uintptr_t)calls->called,
		   &bt->leave_invlpg_saved);
	bt->leave_miss = cache_exec(c, e.p);
	make_light(bt, &e, (uintptr_t)calls->miss, (uintptr_t)calls->missed, &bt->leave_miss_saved);
	for (unsigned int n = 0; n < ARRAY_SIZE(bt->across); n++) {
		bt->across[n] = cache_exec(c, e.p);
		make_across(&e, n, bt->leave);
	}
	bt->across_end = cache_exec(c, e.p);
	cache_take(c, (size_t)(e.p - c->write));
	bt->stubs = c->used;
}
