/* SPDX-License-Identifier: MIT */
#include "tests/unit/fakevm.h"

struct fakevm fakevm;

static int fake_probe(struct error *err)
{
	(void)err;
	return 0;
}

static int fake_cpuid(struct cpuid_table *table, struct error *err)
{
	(void)table, (void)err;
	return 0;
}

static int fake_create(struct vm *vm, struct error *err)
{
	(void)err;
	vm->priv = &fakevm;
	fakevm.created++;
	return 0;
}

static void fake_destroy(struct vm *vm)
{
	(void)vm;
	fakevm.destroyed++;
}

static int fake_run(struct vm *vm)
{
	return fakevm.step(vm, fakevm.steps++);
}

static void fake_kick(struct vm *vm, void *context)
{
	(void)vm, (void)context;
	fakevm.kicks++;
}

static u64 fake_tsc(struct vm *vm)
{
	(void)vm;
	return 0;
}

const struct backend fakevm_backend = {
	.name = "fake",
	.summary = "plays a script",
	.probe = fake_probe,
	.cpuid_filter = fake_cpuid,
	.create = fake_create,
	.destroy = fake_destroy,
	.run = fake_run,
	.kick = fake_kick,
	.guest_tsc = fake_tsc,
};
