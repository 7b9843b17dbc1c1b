/* SPDX-License-Identifier: MIT */
/*
 * RFLAGS beyond what instructions compute. In translated code the arithmetic flags are in the
 * host's RFLAGS and all others in the vCPU's, whose arithmetic ones are zero. With KEY_FLAGS, byte
 * 1 of those has but IF.
 *
 * The host's flags are fetched and set by PUSHF and POPF on the host's stack, while the guest's RSP
 * waits in the vCPU; recover.c knows these few instructions by their opcodes.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"

#define RFLAGS_AT(byte) at(R15, (s32)offsetof(struct vcpu, s.rflags) + (byte))
#define MASK_AT(m)	at(R15, (s32)offsetof(struct vcpu, frame.mask_##m))

/* The words of PUSHF and POPF. */
static u8 size(const struct tr *t)
{
	return t->i->opsize;
}

/* In 64-bit and flat 32-bit code those of two bytes are rare. */
static bool usual_size(const struct tr *t)
{
	return t->segmented || size(t) == (t->long64 ? 8 : 4);
}

static void load_word(struct tr *t, u8 reg, struct emit_mem m)
{
	if (size(t) == 2)
		emit_load16(&t->e, reg, m);
	else
		emit_load(&t->e, t->long64 ? W64 : W32, reg, m);
}

static void store_word(struct tr *t, u8 reg, struct emit_mem m)
{
	if (size(t) == 2)
		emit_store16(&t->e, reg, m);
	else
		emit_store(&t->e, t->long64 ? W64 : W32, reg, m);
}

static enum gen gen_cli(struct tr *t)
{
	tr_commit(t);
	emit_store8_imm(&t->e, 0, RFLAGS_AT(1));
	tr_trap(t, TRAP_FLAGS);
	return GEN_NEXT;
}

/*
 * The next instruction comes before any interrupt. With none waiting, nothing needs to be done
 * about one: a kick is all that can bring one, and it sees by its site what it is behind.
 */
static enum gen gen_sti(struct tr *t)
{
	if (t->shadow || !tr_goes_on(t))
		return GEN_STEP;
	emit_load(&t->e, W64, RCX, FRAME_AT(pending));
	tr_unless_rcxz(t, tr_call_out(t));
	emit_load8(&t->e, RCX, RFLAGS_AT(1));
	emit_store(&t->e, W64, RCX, FRAME_AT(sti_before));
	tr_commit(t);
	emit_store8_imm(&t->e, RFLAGS_IF >> 8, RFLAGS_AT(1));
	tr_trap(t, TRAP_FLAGS);
	t->shadow = true;
	return GEN_NEXT;
}

static void host_stack(struct tr *t)
{
	emit_store(&t->e, W64, RSP, GPR_AT(RSP));
	emit_load(&t->e, W64, RSP, FRAME_AT(host_rsp));
}

static void guest_stack(struct tr *t)
{
	emit_load(&t->e, W64, RSP, GPR_AT(RSP));
}

/* RCX = the host's RFLAGS, with the guest's arithmetic ones. */
static void host_flags(struct tr *t)
{
	host_stack(t);
	emit_byte(&t->e, 0x9c); /* pushfq */
	emit_pop(&t->e, RCX);
	guest_stack(t);
}

void tr_get_flags(struct tr *t)
{
	struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };

	host_flags(t);
	emit_pext_mem(&t->e, RCX, RCX, MASK_AT(arith));
	emit_pdep_mem(&t->e, RCX, RCX, MASK_AT(arith));
	emit_load(&t->e, W64, R13, RFLAGS_AT(0));
	emit_lea(&t->e, W64, R13, sum);
}

void tr_set_flags(struct tr *t)
{
	emit_lea(&t->e, W64, R13, at(R13, t->key & KEY_ALIGNMENT ? 0 : (s32)RFLAGS_AC));
	host_stack(t);
	emit_push(&t->e, R13);
	emit_byte(&t->e, 0x9d); /* popfq */
	guest_stack(t);
}

static enum gen gen_pushf(struct tr *t)
{
	struct ea ea;

	/* In virtual-8086 mode it depends on IOPL. */
	if (bt_mode(t->key) == MODE_VM86 || !usual_size(t) || !tr_stack_usable(t))
		return GEN_STEP;
	tr_get_flags(t);
	emit_store(&t->e, W64, R13, FRAME_AT(target));
	ea = tr_stack(t, -(s32)size(t), size(t));
	if (!tr_lookup(t, &ea, size(t), true, tr_needs_check(t, size(t))))
		return GEN_STEP;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	emit_load(&t->e, W64, R13, FRAME_AT(target));
	tr_commit(t);
	store_word(t, R13, at(RCX, 0));
	tr_move_rsp(t, -(s32)size(t));
	tr_trap(t, TRAP_FLAGS);
	return GEN_NEXT;
}

void tr_check_flags(struct tr *t)
{
	/* Nothing but IF and the fixed bit 1 beside the status flags, */
	emit_pext_mem(&t->e, RCX, R13, MASK_AT(special));
	emit_lea(&t->e, W64, RCX, at(RCX, -1));
	tr_unless_rcxz(t, tr_call_out(t));
	/* nor any of AC, ID, VIF, VIP now, */
	emit_load8(&t->e, RCX, RFLAGS_AT(2));
	tr_unless_rcxz(t, tr_call_out(t));
	/* nor an interrupt to take. */
	emit_load(&t->e, W64, RCX, FRAME_AT(pending));
	tr_unless_rcxz(t, tr_call_out(t));
}

void tr_set_if(struct tr *t)
{
	emit_pext_mem(&t->e, RCX, R13, MASK_AT(if));
	emit_lea(&t->e, W64, RCX, (struct emit_mem){ .base = RCX, .index = RCX, .scale = 1 });
	emit_store8(&t->e, RCX, RFLAGS_AT(1));
}

/* POPF of what PUSHF gave, or the like. */
static enum gen gen_popf(struct tr *t)
{
	struct ea ea;

	if (!usual_size(t) || !tr_stack_usable(t))
		return GEN_STEP;
	ea = tr_stack(t, 0, size(t));
	if (!tr_lookup(t, &ea, size(t), false, tr_needs_check(t, size(t))))
		return GEN_STEP;
	load_word(t, R13, tr_operand(t, &ea));
	tr_check_flags(t);
	tr_commit(t);
	tr_set_if(t);
	tr_set_flags(t);
	tr_move_rsp(t, size(t));
	tr_trap(t, TRAP_FLAGS);
	return GEN_NEXT;
}

enum gen tr_direction(struct tr *t)
{
	u8 opcode = t->i->raw[t->i->opcode_at];

	if (opcode & 1) /* STD */
		emit_store_imm(&t->e, W64, 1, FRAME_AT(may_df));
	tr_commit(t);
	emit_byte(&t->e, opcode);
	if (!(opcode & 1))
		emit_store_imm(&t->e, W64, 0, FRAME_AT(may_df));
	return GEN_NEXT;
}

enum gen gen_flags(struct tr *t)
{
	if (t->i->emulate == EMU_pushf)
		return gen_pushf(t);
	if (!(t->key & KEY_FLAGS))
		return GEN_STEP;
	switch (t->i->emulate) {
	case EMU_cli:
		return gen_cli(t);
	case EMU_sti:
		return gen_sti(t);
	case EMU_popf:
		return gen_popf(t);
	default:
		return GEN_STEP;
	}
}
