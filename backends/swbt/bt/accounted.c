/* SPDX-License-Identifier: MIT */
/* Translated code is left for these, and entered again or left for good when they return. */
#include "backends/swbt/bt/accounted.h"

/* The vCPU lies at the base of each space. */
static void enter(u8 *base)
{
	const struct vcpu *v = (const struct vcpu *)(void *)base;
	enum account_part before = account_change(v->account, ACCOUNT_TRANSLATED);

	bt_of(v)->enter_code(base);
	account_change(v->account, before);
}

static int port(struct bt *bt, u32 exit)
{
	enum account_part before = account_change(bt->v->account, ACCOUNT_DEVICES);
	int r = bt_port(bt, exit);

	account_change(bt->v->account, before);
	return r;
}

static int invlpg(struct bt *bt, u32 exit)
{
	enum account_part before = account_change(bt->v->account, ACCOUNT_EMULATION);
	int r = bt_invlpg(bt, exit);

	account_change(bt->v->account, before);
	return r;
}

static int miss(struct bt *bt, u32 exit)
{
	enum account_part before = account_change(bt->v->account, ACCOUNT_FILL);
	int r = bt_miss(bt, exit);

	account_change(bt->v->account, before);
	return r;
}

static enum account_part part_of(struct bt *bt)
{
	const struct exit *x = &bt->exits[bt->v->frame.exit];

	if (x->kind == EXIT_CALL)
		return ACCOUNT_EMULATION;
	return bt_at_device(bt->v, x) ? ACCOUNT_DEVICES : ACCOUNT_FILL;
}

static u8 *called(struct bt *bt)
{
	enum account_part before = account_change(bt->v->account, part_of(bt));
	u8 *r = bt_called(bt);

	account_change(bt->v->account, before);
	return r;
}

/* A page fault, as a rule. */
static u8 *missed(struct bt *bt)
{
	enum account_part before = account_change(bt->v->account, ACCOUNT_EMULATION);
	u8 *r = bt_missed(bt);

	account_change(bt->v->account, before);
	return r;
}

const struct stub_calls *bt_stub_calls(const struct bt *bt)
{
	static const struct stub_calls plain = { NULL,	  bt_port,   bt_invlpg,
						 bt_miss, bt_called, bt_missed };
	static const struct stub_calls accounted = { enter, port, invlpg, miss, called, missed };

	return bt->v->account ? &accounted : &plain;
}
