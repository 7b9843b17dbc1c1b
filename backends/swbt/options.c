/* SPDX-License-Identifier: MIT */
#include "backends/swbt/options.h"

#include "backends/swbt/bt/tunables.h"

enum {
	CODE_CACHE,
	CHAIN,
	RETURN_CACHE,
	BLOCK,
	INLINE,
	ADAPTIVE,
	ELIDE,
	FLUSH,
	STATS,
	DUMP,
	JITDUMP,
	TIMES,
	TRANSPORT,
	SPIN,
	PATCH_INSIDE,
	PATCH_REPORT,
	NR_OPTIONS
};

#define SWITCH "on|off"

const struct backend_option swbt_options[] = {
	[CODE_CACHE] = { .name = "code-cache",
			 .arg = "SIZE",
			 .help = "Translated code, at least 64K (default 64M)",
			 .engine = "bt",
			 .kind = OPTION_SIZE,
			 .value = BT_CACHE_SIZE,
			 .min = BT_CACHE_MIN,
			 .max = BT_CACHE_MAX },
	[CHAIN] = { .name = "bt-chain",
		    .arg = SWITCH,
		    .help = "Blocks jump to each other (default on); off: each goes back to the "
			    "dispatcher",
		    .engine = "bt",
		    .value = true },
	[RETURN_CACHE] = { .name = "bt-return-cache",
			   .arg = SWITCH,
			   .help = "Returns look for their target in a table of their own (default "
				   "on)",
			   .engine = "bt",
			   .value = true },
	[BLOCK] = { .name = "bt-block",
		    .arg = "N",
		    .help = "Most guest instructions of a block, 1 to 64 (default 64)",
		    .engine = "bt",
		    .kind = OPTION_NUMBER,
		    .value = BT_BLOCK_INSNS,
		    .min = 1,
		    .max = BT_BLOCK_INSNS },
	[INLINE] = { .name = "bt-inline",
		     .arg = SWITCH,
		     .help = "Sensitive instructions in translated code where possible (default "
			     "on); "
			     "off: all of them call C",
		     .engine = "bt",
		     .value = true },
	[ELIDE] = { .name = "bt-elide",
		    .arg = SWITCH,
		    .help = "Accesses off one register share a look-up, chains of loads do not "
			    "wait "
			    "for it (default on)",
		    .engine = "bt",
		    .value = true },
	[ADAPTIVE] = { .name = "bt-adaptive",
		       .arg = SWITCH,
		       .help = "Translate instructions anew that keep being slow (default on)",
		       .engine = "bt",
		       .value = true },
	[FLUSH] = { .name = "bt-flush",
		    .arg = SWITCH,
		    .help = "For debugging: drop all code each time the dispatcher looks for a "
			    "block (default off)",
		    .engine = "bt" },
	[STATS] = { .name = "bt-stats",
		    .arg = "FILE.csv",
		    .help = "At the end, write what the translator did, and the hottest blocks; "
			    "counts executions, which makes every block slower",
		    .engine = "bt",
		    .kind = OPTION_PATH },
	[DUMP] = { .name = "bt-dump",
		   .arg = "FILE",
		   .help = "Write each block as it is translated, guest and host code side by side",
		   .engine = "bt",
		   .kind = OPTION_PATH },
	[JITDUMP] = { .name = "bt-jitdump",
		      .arg = "DIR",
		      .help = "Write DIR/jit-PID.dump, from which perf inject --jit learns what "
			      "translated code is",
		      .engine = "bt",
		      .kind = OPTION_PATH },
	[TIMES] = { .name = "trap-times",
		    .arg = SWITCH,
		    .help = "Measure how long accesses to devices take (default off: reading the "
			    "clock twice takes longer than most of them)" },
	[TRANSPORT] = { .name = "direct-transport",
			.arg = "auto|signal|ptrace",
			.help = "How the guest's processes tell of faults: from a signal handler, "
				"through shared memory; or as ptrace stops (default auto: the "
				"first "
				"that this host can do)",
			.engine = "trap",
			.kind = OPTION_WORD },
	[SPIN] = { .name = "direct-spin",
		   .arg = "CYCLES",
		   .help = "How long either side of transport signal looks for an answer before it "
			   "sleeps, where there is more than one processor (default 80000)",
		   .engine = "trap",
		   .kind = OPTION_NUMBER,
		   .value = 80000,
		   .max = 100000000 },
	[PATCH_INSIDE] = { .name = "patch-inside",
			   .arg = "off|usual|all",
			   .help = "Edit instructions in whose middle a sensitive one begins; "
				   "usual "
				   "(default): but for far transfers, as long as those trap",
			   .engine = "trap+patch",
			   .kind = OPTION_WORD,
			   .value = 1 },
	[PATCH_REPORT] = { .name = "patch-report",
			   .arg = "FILE.csv",
			   .help = "At the end, write every edited instruction, why it was edited, "
				   "and how often it was met",
			   .engine = "trap+patch",
			   .kind = OPTION_PATH },
	[NR_OPTIONS] = { 0 },
};

_Static_assert(NR_OPTIONS <= BACKEND_OPTIONS, "struct backend_values has room");

static u64 value(const struct vm *vm, unsigned int option)
{
	return backendopt_number(vm->backend, &vm->config.options, option);
}

struct bt_config swbt_bt_config(const struct vm *vm)
{
	return (struct bt_config){
		.block_insns = (u32)value(vm, BLOCK),
		.chain = value(vm, CHAIN),
		.inlined = value(vm, INLINE),
		.return_cache = value(vm, RETURN_CACHE),
		.elide = value(vm, ELIDE),
		.adaptive = value(vm, ADAPTIVE),
		.flush_always = value(vm, FLUSH),
		.cache_size = value(vm, CODE_CACHE),
	};
}

struct direct_config swbt_direct_config(const struct vm *vm)
{
	return (struct direct_config){ .transport = (u32)value(vm, TRANSPORT),
				       .spin = value(vm, SPIN) };
}

bool swbt_trap_times(const struct vm *vm)
{
	return value(vm, TIMES);
}

struct bt_paths swbt_bt_paths(const struct vm *vm)
{
	return (struct bt_paths){
		.stats = backendopt_path(&vm->config.options, STATS),
		.dump = backendopt_path(&vm->config.options, DUMP),
		.jitdump = backendopt_path(&vm->config.options, JITDUMP),
	};
}

unsigned int swbt_patch_inside(const struct vm *vm)
{
	return (unsigned int)value(vm, PATCH_INSIDE);
}

const char *swbt_patch_report(const struct vm *vm)
{
	return backendopt_path(&vm->config.options, PATCH_REPORT);
}
