/* SPDX-License-Identifier: MIT */
/* A world alone, without a machine: code of a test's runs in it, over each transport. */
#ifndef FVB_TESTS_WORLD_RIG_H
#define FVB_TESTS_WORLD_RIG_H

#include "backends/swbt/direct/world.h"

/* What is mapped in it, a page each. */
#define WR_CODE 0x100000 /* for reading and executing */
#define WR_DATA 0x200000 /* for reading and writing */

struct world_rig {
	struct world w;
	u8 *code, *data; /* the pages, here */
	struct world_regs r;
	struct world_stop stop;
	u64 loaded; /* RFLAGS that the last run began with */
};

/* W starts over transport T, about to run at WR_CODE. 0, or a negative errno after CU_FAIL. */
int world_rig_begin(struct world_rig *rig, const struct transport *t);
/* The same; one side looks for the other for SPIN cycles before it sleeps. */
int world_rig_begin_spinning(struct world_rig *rig, const struct transport *t, u64 spin);
void world_rig_end(struct world_rig *rig);

/* Until it stops; to be kicked after MS milliseconds unless that is 0. */
int world_rig_run(struct world_rig *rig);
int world_rig_run_for(struct world_rig *rig, unsigned int ms);

/* FN with a new world, over each transport that this host can do. */
void world_rig_each(void (*fn)(struct world_rig *rig));

/* Code for it: LOAD(rig, name) makes it what is at WR_CODE. */
#define WR_ASM(name, bits, text)                                                     \
	extern const u8 name[], name##_end[];                                        \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name \
		"_end:\n.code64\n.popsection")
#define WR_LOAD(rig, name) __builtin_memcpy((rig)->code, name, (size_t)(name##_end - name))

/* What is mapped in W: /proc/PID/maps. How many bytes; TEXT is cut at SIZE. */
size_t world_rig_maps(const struct world_rig *rig, char *text, size_t size);

#endif
