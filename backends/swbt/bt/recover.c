/* SPDX-License-Identifier: MIT */
/*
 * From a host address back to the guest. Up to an instruction's commit point nothing has happened
 * that the guest can see: a fault there, or a kick, simply leaves with RIP at that instruction. A
 * kick that comes later than that lets the host single-step until it is not.
 */
#include "backends/swbt/bt/bt.h"

#include <ucontext.h>

/* The instruction of B at OFFSET of its code. */
static u16 insn_at(const struct block *b, u32 offset)
{
	u16 k = b->nr;

	while (k && b->site[k].host > offset)
		k--;
	return k;
}

/* Leave from PC as if nothing of its instruction had been executed. False if too much has. */
static bool roll_back(struct bt *bt, greg_t *regs, u8 trap)
{
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];
	struct block *b = block_at(bt, pc);
	u32 offset;
	u16 k;

	if (!b)
		return false;
	offset = (u32)(pc - b->host);
	if (offset >= b->cold)
		return false;
	k = insn_at(b, offset);
	if (offset > b->site[k].commit)
		return false;
	bt->stopped = (struct stopped){ .block = b, .insn = k, .trap = trap };
	bt->v->frame.exit = STOPPED_ID;
	regs[REG_RIP] = (greg_t)(uintptr_t)bt->leave_now;
	return true;
}

static void interrupt(struct bt *bt, greg_t *regs)
{
	const u8 *pc = (const u8 *)(uintptr_t)regs[REG_RIP];

	if (!cache_holds(&bt->cache, pc) || pc < bt->cache.exec + bt->stubs) {
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
	if (v->bt)
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
	return roll_back(bt, regs, (u8)regs[REG_TRAPNO]);
}
