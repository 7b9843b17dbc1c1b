/* SPDX-License-Identifier: MIT */
/*
 * Unicorn as a second opinion on 16- and 32-bit code, which the host of the oracle cannot run:
 * random unprivileged instructions in real mode and in flat protected mode, through both engines of
 * swbt and through Unicorn; registers, flags (undefined ones excepted), XMM registers and memory
 * are compared. What faults anywhere is not: there the rig's KVM has the say (tests/kvmoracle).
 *
 * usage: unicorn SEED CASES [FIRST]
 *
 * A failure prints a line that starts with what repeats it. Exit status 1 if any case failed.
 */
#include "backends/swbt/emulate.h"
#include "tests/kvmoracle/known.h"
#include "tests/kvmoracle/side.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define MAX_SHOW 40
#define FLAGS	 (RFLAGS_ARITH | RFLAGS_AC | RFLAGS_ID)

static const int gprs[8] = { UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX,
			     UC_X86_REG_ESP, UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI };
static const int segs[6] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
			     UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS };

/* Instructions that Unicorn 2.0 is known to get wrong, or not to have; why. */
static const struct {
	const char *mnemonic, *why;
} known_wrong[] = {
#define KNOWN(mnemonic, why) { mnemonic, why },
#include "tests/unicorn/known.def"
#undef KNOWN
};

static bool is_known(const struct insn *i)
{
	for (size_t n = 0; n < ARRAY_SIZE(known_wrong); n++)
		if (!strcmp(known_wrong[n].mnemonic, insn_mnemonic(i)))
			return true;
	return false;
}

/* 66h and F2h or F3h together choose another operation there. */
static bool mixed_prefixes(const struct ko_case *c)
{
	bool size = false, repeat = false;

	for (unsigned int n = 0; n < c->insn.opcode_at; n++) {
		size |= c->bytes[n] == 0x66;
		repeat |= c->bytes[n] == 0xf2 || c->bytes[n] == 0xf3;
	}
	return size && repeat;
}

/* ---- cases ---------------------------------------------------------------------------------- */

static bool comparable(const struct ko_case *c)
{
	const struct insn *i = &c->insn;

	if (strcmp(c->setup, "real") && strcmp(c->setup, "prot32-flat-0"))
		return false;
	if (!i->mnemonic || i->encoding == ENC_VEX || i->encoding == ENC_EVEX || is_known(i) ||
	    mixed_prefixes(c))
		return false;
	/* x87 and MMX state of Unicorn's is that of QEMU's, with other layouts and tags. */
	if (i->fpu != FPU_NONE && i->fpu != FPU_SSE)
		return false;
	return i->class == INSN_PLAIN || (i->class == INSN_EMULATE && i->emulate > EMU_jcxz);
}

/* A sane state, and HLT behind the instruction. Its linear address. */
static u32 prepare(struct ko_case *c)
{
	u32 at = (u32)(c->before.rip + c->before.seg[SEG_CS].base);

	c->before.cr0 = (c->before.cr0 & CR0_PE) | CR0_NE | CR0_ET;
	c->before.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
	c->before.rflags &= RFLAGS_FIXED | RFLAGS_ARITH | RFLAGS_IOPL;
	memset(c->before.xsave + 24, 0, 4);
	c->before.xsave[24] = 0x80;
	c->before.xsave[25] = 0x1f;
	c->world.bytes[at + c->insn.length] = 0xf4;
	return at;
}

/* ---- Unicorn -------------------------------------------------------------------------------- */

static void check(uc_err e, const char *what)
{
	if (e)
		errx(2, "unicorn: %s: %s", what, uc_strerror(e));
}

static uc_engine *new_engine(bool real)
{
	uc_engine *uc;

	check(uc_open(UC_ARCH_X86, real ? UC_MODE_16 : UC_MODE_32, &uc), "open");
	check(uc_mem_map(uc, 0, W_END, UC_PROT_ALL), "map");
	return uc;
}

static bool run_unicorn(uc_engine *uc, const struct ko_case *c, u32 at, struct outcome *o)
{
	bool real = !(c->before.cr0 & CR0_PE);
	u32 flags = (u32)c->before.rflags, mxcsr = 0x1f80, value;
	static struct world after;
	u64 from;

	check(uc_mem_write(uc, 0, c->world.bytes, W_END), "write");
	for (unsigned int n = 0; n < 8; n++)
		uc_reg_write(uc, gprs[n], &c->before.gpr[n]);
	for (unsigned int n = 0; n < 6 && real; n++)
		uc_reg_write(uc, segs[n], &c->before.seg[n].selector);
	for (int n = 0; n < 8; n++)
		uc_reg_write(uc, UC_X86_REG_XMM0 + n, c->before.xsave + 160 + 16 * n);
	uc_reg_write(uc, UC_X86_REG_MXCSR, &mxcsr);
	uc_reg_write(uc, UC_X86_REG_EFLAGS, &flags);
	from = at;
	/* Iterations of REP count. */
	if (uc_emu_start(uc, from, from + c->insn.length, 0, c->insn.rep || c->insn.repne ? 64 : 1))
		return false;
	o->after = c->before;
	for (unsigned int n = 0; n < 8; n++) {
		uc_reg_read(uc, gprs[n], &value);
		o->after.gpr[n] = value;
	}
	uc_reg_read(uc, UC_X86_REG_EFLAGS, &value);
	o->after.rflags = value;
	for (int n = 0; n < 8; n++)
		uc_reg_read(uc, UC_X86_REG_XMM0 + n, o->after.xsave + 160 + 16 * n);
	check(uc_mem_read(uc, 0, after.bytes, W_END), "read");
	o->nr_dirty = 0;
	for (u32 page = 0; page < W_END && o->nr_dirty < MAX_DIRTY; page += 4096)
		if (memcmp(after.bytes + page, c->world.bytes + page, 4096)) {
			o->dirty[o->nr_dirty].page = page;
			memcpy(o->dirty[o->nr_dirty++].bytes, after.bytes + page, 4096);
		}
	return true;
}

/* ---- comparison ----------------------------------------------------------------------------- */

static const u8 *page_of(const struct ko_case *c, const struct outcome *o, u32 page)
{
	for (unsigned int n = 0; n < o->nr_dirty; n++)
		if (o->dirty[n].page == page)
			return o->dirty[n].bytes;
	return c->world.bytes + page;
}

static bool differ(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		   char *text, size_t len)
{
	u64 flags = FLAGS & ~known_flags(c, a);

	for (unsigned int n = 0; n < 8; n++)
		if ((u32)a->after.gpr[n] != (u32)b->after.gpr[n]) {
			snprintf(text, len, "register %u is %" PRIx64 ", Unicorn has %" PRIx64, n,
				 b->after.gpr[n], a->after.gpr[n]);
			return true;
		}
	if ((a->after.rflags ^ b->after.rflags) & flags) {
		snprintf(text, len, "flags are %" PRIx64 ", Unicorn has %" PRIx64,
			 b->after.rflags & flags, a->after.rflags & flags);
		return true;
	}
	if (memcmp(a->after.xsave + 160, b->after.xsave + 160, 128)) {
		snprintf(text, len, "XMM registers differ");
		return true;
	}
	for (u32 page = 0; page < W_END; page += 4096)
		if (memcmp(page_of(c, a, page), page_of(c, b, page), 4096)) {
			snprintf(text, len, "memory differs in page %" PRIx32, page);
			return true;
		}
	return false;
}

/* 1: failed, 0: agrees, -1: faulted */
static int one(struct vm **vm, const char *engine, const struct ko_case *c, u32 at)
{
	static struct outcome theirs, ours;
	uc_engine *uc;
	char what[200];
	bool ran;

	side_run(vm, c, &ours);
	if (ours.ending != END_HALT ||
	    ours.after.rip + ours.after.seg[SEG_CS].base != at + c->insn.length + 1)
		return -1;
	/* A new one each time: it does not see that code was written. */
	uc = new_engine(!(c->before.cr0 & CR0_PE));
	ran = run_unicorn(uc, c, at, &theirs);
	uc_close(uc);
	if (!ran)
		return -1;
	if (!differ(c, &theirs, &ours, what, sizeof(what)))
		return 0;
	case_print(c);
	printf(": %s: %s\n", engine, what);
	return 1;
}

int main(int argc, char **argv)
{
	static const char *const engines[] = { "bt", "step" };
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	u64 cases = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
	u64 first = argc > 3 ? strtoull(argv[3], NULL, 0) : 0, counts[3] = { 0 };
	static struct ko_case c;
	struct vm *vm[2];

	for (unsigned int k = 0; k < 2; k++)
		vm[k] = side_new("swbt", engines[k]);
	for (u64 n = first; n < first + cases && counts[2] < MAX_SHOW; n++) {
		int worst = -1;
		u32 at;

		case_make(&c, PART_SINGLE, seed, n, MAX_STEPS);
		if (!comparable(&c))
			continue;
		at = prepare(&c);
		for (unsigned int k = 0; k < 2 && worst < 1; k++) {
			int r = one(&vm[k], engines[k], &c, at);

			worst = r > worst ? r : worst;
		}
		counts[worst + 1]++;
	}
	for (unsigned int k = 0; k < 2; k++)
		vm_destroy(vm[k]);
	printf("%" PRIu64 " faulted and were not compared\n", counts[0]);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", counts[1], counts[2]);
	return counts[2] ? 1 : 0;
}
