/* SPDX-License-Identifier: MIT */
#include "backends/backends.h"

#include <errno.h>

static int swbt_probe(struct error *err)
{
	return fail(err, -ENOSYS,
		    "swbt (software binary translation) cannot run guests yet in this version; "
		    "use --backend kvm");
}

/* The CPUID model asks every backend; this one has nothing to hide as long as it runs nothing. */
static int swbt_cpuid_filter(struct cpuid_table *table, struct error *err)
{
	(void)table;
	(void)err;
	return 0;
}

static int swbt_create(struct vm *vm, struct error *err)
{
	(void)vm;
	return swbt_probe(err);
}

static void swbt_destroy(struct vm *vm)
{
	(void)vm;
}

/* What follows create is NULL: create never succeeds. */
const struct backend swbt_backend = {
	.name = "swbt",
	.summary = "software binary translation; needs no hardware virtualization",
	.probe = swbt_probe,
	.cpuid_filter = swbt_cpuid_filter,
	.create = swbt_create,
	.destroy = swbt_destroy,
};
