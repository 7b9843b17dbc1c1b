/* SPDX-License-Identifier: MIT */
/*
 * Small guests for the tests of the kvm backend: a machine, code written in the test itself, and a
 * device that remembers what reached it.
 */
#ifndef FVB_TEST_KVM_MACHINE_H
#define FVB_TEST_KVM_MACHINE_H

#include "common/cpu_state.h"
#include "common/vm.h"

#include <stdio.h>

#define CODE_AT 0x1000u /* where blobs are loaded and entered */

/*
 * A guest's code: BLOB(name, 16, "mov $1, %eax; ...") makes the array name[] and name_end[]. The
 * text is the compiler's own assembly; addresses must be relative or absolute numbers.
 */
#define BLOB(name, bits, text)                                                   \
	extern const u8 name[], name##_end[];                                    \
	asm(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name \
	    "_end:\n.code64\n.popsection\n")

/* The recording device: ports 3000-300f (up to 4 bytes at once), memory d0000000-d0001fff (8). A
 * read gives the bytes 11 22 33 44 55 66 77 88, lowest first, each xor the offset's low byte. */
#define REC_PORT 0x3000
#define REC_MEM	 0xd0000000ull
/* Port 3010 drives NMI when written; 3011 stops the machine (STOP_QUIT) with the value as code. */
#define NMI_PORT  0x3010
#define STOP_PORT 0x3011

struct access {
	u64 addr, value;
	unsigned int size;
	bool write;
};

struct machine {
	struct vm *vm;
	struct error err;
	struct access log[512];
	unsigned int nr; /* accesses, also those beyond the log's room */
	char text[256];	 /* what came out of port e9 */
	size_t text_len;
};

/* A machine with 16 MiB and no code; false (and a failed check) if there is none. */
bool machine_make(struct machine *m, enum irqchip irqchip);
void machine_free(struct machine *m);

/* Load the code and set the state to its first instruction, in the mode that its BITS say. */
void machine_load(struct machine *m, unsigned int bits, const u8 *code, const u8 *end);
#define machine_blob(m, bits, name) machine_load(m, bits, name, name##_end)

/* Real mode interrupt vector: handler at 0:OFFSET. */
void machine_vector(struct machine *m, u8 vector, u16 offset);

/* Run until it stops; the kind of stop. STOP_NONE if vm_run failed. */
enum stop_kind machine_run(struct machine *m);
/* Forget the last stop, so that it can run on. */
void machine_resume(struct machine *m);

/* The state now; a failed check if there is none. */
void machine_state(struct machine *m, struct cpu_state *s);

u64 machine_traps(const struct machine *m, enum trap_cause cause);
/* A counter of the backend by name, or ~0. */
u64 machine_counter(struct machine *m, const char *name);

/* Was access I this one? */
bool saw(const struct machine *m, unsigned int i, bool write, u64 addr, u64 value,
	 unsigned int size);

/* ---- checks ---- */

void check(bool ok, const char *what, const char *file, int line);
#define CHECK(c) check(c, #c, __FILE__, __LINE__)
void check_equal(u64 got, u64 want, const char *what, const char *file, int line);
#define EQUAL(got, want) check_equal(got, want, #got, __FILE__, __LINE__)
/* This test cannot be made on this host. */
void skip(const char *why);

struct test {
	const char *name;
	void (*run)(enum irqchip irqchip);
	bool both; /* run it with either irqchip */
};

/* Lists that end with a NULL name. */
extern const struct test io_tests[], state_tests[], irq_tests[], count_tests[];

#endif
