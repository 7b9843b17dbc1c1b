/* SPDX-License-Identifier: MIT */
#include "backends/swbt/engine.h"

#include "backends/swbt/step.h"

const struct engine *const engines[] = { &bt_engine, &step_engine, &trap_engine, &patch_engine,
					 NULL };

/* It looks at vm->attention between instructions, and nothing that it caches outlives a change. */
const struct engine step_engine = {
	.name = "step",
	.parts = ACCOUNT_COMMON | BIT(ACCOUNT_FILL) | BIT(ACCOUNT_EMULATION),
	.run = step_run,
};
