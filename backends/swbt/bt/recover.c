/* SPDX-License-Identifier: MIT */
/*
 * From a host address back to the guest. Up to an instruction's commit point nothing has happened
 * that the guest can see: a fault there, or a kick, simply leaves with RIP at that instruction. A
 * kick that comes later than that lets the host single-step until it is not.
 */
#include "backends/swbt/bt/bt.h"

#include <ucontext.h>

#define JMP32 0xe9

/* The instruction of B at OFFSET of its code. */
static u16 insn_at(const struct block *b, u32 offset)
{
	u16 k = b->nr;

	while (k && b->site[k].host > offset)
		k--;
	return k;
}

/* Is RSP the host's, or about to be, while the guest's is in the vCPU? PC is at one of the few
 * instructions of translate_flags.c that work on the stack, and these are nowhere else. */
static bool on_host_stack(const u8 *pc)
{
	if (*pc == 0x9c || *pc == 0x59 || *pc == 0x9d) /* PUSHF, POP RCX, POPF */
		return true;
	if (pc[0] == 0x41 && pc[1] == 0x55) /* PUSH R13 */
		return true;
	/* MOV RSP, [R15 + gpr[RSP]] */
	return pc[0] == 0x49 && pc[1] == 0x8b && pc[2] == 0x67 &&
	       pc[3] == offsetof(struct vcpu, s.gpr) + 8 * RSP;
}

/* On to leave_now. RSP is saved here: one that is not canonical could not be returned to. */
static void leave(struct bt *bt, greg_t *regs)
{
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	if (!cache_holds(&bt->cache, pc) || !on_host_stack(pc))
		bt->v->s.gpr[RSP] = (u64)regs[REG_RSP];
	regs[REG_RSP] = (greg_t)bt->v->frame.host_rsp;
	regs[REG_RIP] = (greg_t)(uintptr_t)bt->leave_now;
}

static void stop_at(struct bt *bt, struct block *b, u16 insn, u8 trap)
{
	bt->stopped = (struct stopped){ .block = b, .insn = insn, .trap = trap };
	bt->v->frame.exit = STOPPED_ID;
}

/* PC is off the straight way of B: in an exit's code, and which one says where the guest is. */
static bool stop_in_exit(struct bt *bt, struct block *b, const u8 *pc, u64 r13, u8 trap)
{
	u32 n = b->nr_exits;
	struct exit *x;

	while (n && exit_stub(&bt->exits[b->first_exit + n - 1]) > pc)
		n--;
	if (!n)
		return false;
	x = &bt->exits[b->first_exit + n - 1];
	if (x->commit && pc > exit_stub(x) + x->commit)
		return false;
	/* What is checked and what is used are two words; only the first may be new. */
	bt->v->frame.guess[1] = 0 - bt->v->frame.guess[0];
	bt->v->frame.linear = r13; /* for EXIT_LANDED */
	if (x->kind == EXIT_JUMP || x->kind == EXIT_LANDED)
		bt->v->frame.exit = (u64)(x - bt->exits);
	else
		stop_at(bt, b, x->insn, trap);
	return true;
}

static bool is_across(const struct bt *bt, const u8 *pc)
{
	return pc >= bt->across[0] && pc < bt->across_end;
}

/* On the way from block to block: the guest is at the beginning of the one to come, which is in RCX
 * up to the first instruction. */
static bool stop_across(struct bt *bt, const u8 *pc, u64 rcx, u8 trap)
{
	bool begins = pc == bt->across[0] || pc == bt->across[1];
	u64 to = begins ? rcx : bt->v->frame.target;
	struct block *b = block_at(bt, (const u8 *)(uintptr_t)to);

	if (b)
		stop_at(bt, b, 0, trap);
	return b;
}

/* Say where the guest is when the host is at PC, if nothing of the guest's present instruction has
 * been done. */
static bool stop(struct bt *bt, const u8 *pc, const greg_t *regs, u8 trap)
{
	struct block *b = block_at(bt, pc);
	u64 r13 = (u64)regs[REG_R13];
	u32 offset;
	u16 k;

	if (is_across(bt, pc))
		return stop_across(bt, pc, (u64)regs[REG_RCX], trap);
	if (!b)
		return false;
	offset = (u32)(pc - b->host);
	if (offset >= b->cold)
		return stop_in_exit(bt, b, pc, r13, trap);
	k = insn_at(b, offset);
	if (offset > b->site[k].commit)
		return false;
	stop_at(bt, b, k, trap);
	return true;
}

/* Leave from where REGS are, as if the guest's instruction had not begun. False if too much of it
 * has been done. */
static bool roll_back(struct bt *bt, greg_t *regs, u8 trap)
{
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];
	s32 distance;

	while (!stop(bt, pc, regs, trap)) {
		/* A jump changes nothing: see where it goes. */
		if (!cache_holds(&bt->cache, pc) || *pc != JMP32)
			return false;
		__builtin_memcpy(&distance, pc + 1, 4);
		pc += 5 + distance;
	}
	leave(bt, regs);
	return true;
}

/* The host could not return to guest code because RSP is not canonical. The instruction is for the
 * step engine, which the dispatcher finds out by itself. */
static bool bad_rsp(struct bt *bt, greg_t *regs)
{
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	if ((pc < bt->leave || pc > bt->leave_now) &&
	    (pc < bt->leave_call || pc > bt->leave_call_saved) &&
	    (pc < bt->leave_port || pc > bt->leave_port_saved) &&
	    (pc < bt->leave_invlpg || pc > bt->leave_invlpg_saved) &&
	    (pc < bt->leave_miss || pc > bt->leave_miss_saved))
		return roll_back(bt, regs, KICKED);
	bt->v->frame.exit = (u64)regs[REG_RCX];
	bt->v->frame.linear = (u64)regs[REG_R13];
	leave(bt, regs);
	return true;
}

static void interrupt(struct bt *bt, greg_t *regs)
{
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	if (!cache_holds(&bt->cache, pc) ||
	    (pc < bt->cache.exec + bt->stubs && !is_across(bt, pc))) {
		/* On the way in, if at all. */
		bt->v->frame.entry = (uintptr_t)bt->leave_kicked;
		return;
	}
	if (roll_back(bt, regs, KICKED))
		return;
	bt->stepping = true;
	regs[REG_EFL] |= (greg_t)RFLAGS_TF;
}

void bt_kick(struct vcpu *v, void *context)
{
	interrupt(bt_of(v), ((ucontext_t *)context)->uc_mcontext.gregs);
}

bool bt_fault(struct hostfault_guard *guard, void *context)
{
	struct bt *bt = container_of(guard, struct bt, guard);
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (regs[REG_TRAPNO] == DB) {
		if (!bt->stepping)
			return false;
		bt->stepping = false;
		regs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
		interrupt(bt, regs);
		return true;
	}
	if (regs[REG_TRAPNO] == GP && !canonical((u64)regs[REG_RSP]))
		return bad_rsp(bt, regs);
	return roll_back(bt, regs, (u8)regs[REG_TRAPNO]);
}
