/* SPDX-License-Identifier: MIT */
#include "common/postmortem.h"
#include "common/vm.h"

#include <stdlib.h>

#define CODE_BEFORE 16
#define CODE_AFTER  32

/* Bytes around the linear address of RIP, the one at RIP in angle brackets, as oopses print them.
 */
static void print_code(struct vm *vm, const struct cpu_state *s, FILE *f)
{
	u64 pc = s->rip;
	u8 byte;

	/* CS.base counts everywhere but in 64-bit mode, where it is zero anyway. */
	pc += s->seg[SEG_CS].base;
	if (!vm->backend->read_virtual(vm, pc, &byte, 1)) {
		fprintf(f, "code: nothing is mapped at RIP\n");
		return;
	}
	fputs("code:", f);
	for (u64 a = pc - CODE_BEFORE; a != pc + CODE_AFTER; a++) {
		if (!vm->backend->read_virtual(vm, a, &byte, 1))
			fputs(" ??", f);
		else
			fprintf(f, a == pc ? " <%02x>" : " %02x", byte);
	}
	fputc('\n', f);
}

void postmortem(struct vm *vm, FILE *f)
{
	struct cpu_state *s = calloc(1, sizeof(*s));
	struct error err = { "" };

	if (s && vm->backend->get_state(vm, s, &err) == 0) {
		cpu_state_print(s, f);
		print_code(vm, s, f);
	} else {
		fprintf(f, "registers: not available: %s\n", s ? err.text : "out of memory");
	}
	free(s);
	postmortem_interrupts(vm, f);
	trap_print_last(&vm->traps, f);
}
