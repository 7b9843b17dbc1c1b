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
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/emit.h"

#define GPR(n)	 at(R15, (s32)(offsetof(struct vcpu, s.gpr) + 8 * (n)))
#define FRAME(f) at(R15, (s32)offsetof(struct vcpu, frame.f))

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

static void load_guest(struct emit *e)
{
	emit_load(e, W64, RAX, FRAME(flags));
	emit_push(e, RAX);
	emit_byte(e, 0x9d); /* popfq */
	move_all(e, true);
	emit_load(e, W64, RSP, GPR(RSP));
	emit_jmp_mem(e, FRAME(entry));
}

static void make_enter(struct emit *e)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(callee_saved); n++)
		emit_push(e, callee_saved[n]);
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
	for (unsigned int n = ARRAY_SIZE(callee_saved); n--;)
		emit_pop(e, callee_saved[n]);
	emit_byte(e, 0xc3);
}

/* Call bt_called, from a stack that is aligned for it, and go where it says. */
static void make_call(struct bt *bt, struct emit *e)
{
	static const u8 call[] = { 0xff, 0xd0 }; /* call rax */
	u8 *back;

	save_exit(e);
	bt->leave_call_saved = e->p + e->delta;
	save_guest(e);
	emit_const(e, RDI, (uintptr_t)bt);
	emit_const(e, RAX, (uintptr_t)bt_called);
	emit_lea(e, W64, RSP, at(RSP, -8));
	emit_bytes(e, call, sizeof(call));
	emit_lea(e, W64, RSP, at(RSP, 8));
	emit_mov(e, W64, RCX, RAX);
	back = emit_jrcxz(e);
	emit_mov(e, W64, R15, RAX);
	load_guest(e);
	emit_land8(e, back);
	make_return(e);
}

/* The guest's registers that C may change, RSP aside. */
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

/* Call bt_port, with the flags on the stack, which is aligned by that. */
static void make_port(struct bt *bt, struct emit *e)
{
	static const u8 call[] = { 0xff, 0xd0 }; /* call rax */

	save_exit(e);
	bt->leave_port_saved = e->p + e->delta;
	emit_byte(e, 0x9c); /* pushfq */
	emit_byte(e, 0xfc); /* cld */
	move_scratch(e, false);
	emit_const(e, RDI, (uintptr_t)bt);
	emit_const(e, RAX, (uintptr_t)bt_port);
	emit_bytes(e, call, sizeof(call));
	move_scratch(e, true);
	emit_byte(e, 0x9d); /* popfq */
	emit_load(e, W64, RSP, GPR(RSP));
	emit_jmp_mem(e, FRAME(entry));
}

/*
 * From code that has the host report unaligned accesses to such as checks for itself, or back, as
 * TO_ALIGNMENT says: RCX is where to go. That is in the vCPU all the time for recover.c, and so is
 * RSP when it is the host's.
 */
static void make_across(struct emit *e, bool to_alignment)
{
	emit_store(e, W64, RCX, FRAME(target));
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
}

void bt_make_stubs(struct bt *bt)
{
	struct cache *c = &bt->cache;
	struct emit e = { .p = c->write, .delta = c->exec - c->write };

	bt->enter = (void (*)(u8 *))(void *)cache_exec(c, e.p);
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
	make_port(bt, &e);
	for (unsigned int n = 0; n < ARRAY_SIZE(bt->across); n++) {
		bt->across[n] = cache_exec(c, e.p);
		make_across(&e, n);
	}
	bt->across_end = cache_exec(c, e.p);
	cache_take(c, (size_t)(e.p - c->write));
	bt->stubs = c->used;
}
