/* SPDX-License-Identifier: MIT */
/*
 * The commands: cmd_NAME for each of commands.def. ARGV[0] is what messages start with, "fvbench
 * NAME", and ARGV[1] on what came after it. Returns the exit status (options.h).
 */
#ifndef FVB_BENCH_COMMANDS_H
#define FVB_BENCH_COMMANDS_H

#define COMMAND(name, text) int cmd_##name(int argc, char **argv);
#include "bench/commands.def"
#undef COMMAND

#endif
