/* SPDX-License-Identifier: MIT */
/*
 * The one decoder of all engines: Zydis behind a struct that the rest of the backend can live with.
 * Nothing but disasm.c, decode.c and classify.c includes Zydis (README.md, "Decoding and classes").
 */
#ifndef FVB_SWBT_DECODE_H
#define FVB_SWBT_DECODE_H

#include "backends/swbt/vcpu.h"

#define INSN_MAX 15
#define REG_NONE 0xff
#define REG_PC	 0xfe /* base of a RIP-relative operand */

enum insn_class {
	INSN_PLAIN,	/* does at CPL 3 what it does at CPL 0: may be executed natively */
	INSN_EMULATE,	/* routine `emulate` of emulate.def does it */
	INSN_UNDEFINED, /* #UD, always */
};

enum fpu_class { FPU_NONE, FPU_X87, FPU_WAIT, FPU_MMX, FPU_SSE, FPU_AVX, FPU_AVX512 };

enum operand_type {
	OPERAND_NONE,
	OPERAND_GPR,
	OPERAND_MEM,
	OPERAND_IMM,
	OPERAND_SEG,
	OPERAND_CR,
	OPERAND_DR,
	OPERAND_OTHER, /* vector, mask, x87 */
};

/* Where in the instruction's bytes an operand's register number stands. */
enum operand_field {
	FIELD_NONE,   /* nowhere: the opcode implies it (AL of IN, CL of SHL) */
	FIELD_REG,    /* ModRM.reg */
	FIELD_RM,     /* ModRM.rm; memory operands too */
	FIELD_OPCODE, /* low three bits of the opcode */
	FIELD_VVVV,
	FIELD_IS4, /* bits 7:4 of the immediate */
};

struct operand {
	u8 type;  /* enum operand_type */
	u8 field; /* enum operand_field */
	u8 size;  /* bytes; 0 when larger than 255 or unknown */
	u8 reg; /* GPR: enum gpr (high: AH..BH are RAX..RBX with high set); SEG/CR/DR: its number */
	bool high;
	bool read, written;
	u64 imm; /* IMM: sign-extended where the instruction does; branch: displacement */
};

struct insn {
	u16 mnemonic; /* a ZydisMnemonic, opaque outside decode.c and the .def tables */
	u8 length;
	u8 class;     /* enum insn_class */
	u8 emulate;   /* enum emulate_id, when class says so */
	u8 sensitive; /* its row of sensitive.def, from 1 (sensitive.h); 0: it has none */
	u8 fpu;	      /* enum fpu_class */
	u8 mode;      /* enum cpu_mode that it was decoded for */
	u8 opsize;    /* 1, 2, 4, 8: effective operand size; 1 for byte forms */
	u8 addrsize;  /* 2, 4, 8 */
	u8 stacksize; /* 2, 4, 8: of one push or pop by this instruction; 0 if it does none */
	bool lock, rep, repne; /* prefixes that count for this instruction */
	u8 nr_operands;	       /* visible ones, Intel order */
	struct operand op[4];

	/* The explicit memory operand, if any. */
	bool has_mem, mem_read, mem_write, mem_vsib;
	bool mem_address_only;		   /* LEA, NOP, INVLPG, prefetches: never accessed */
	bool mem_aligned;		   /* #GP unless aligned to its size (MOVAPS...) */
	u8 mem_seg;			   /* enum seg, overrides and defaults applied */
	u8 mem_base, mem_index, mem_scale; /* enum gpr, REG_PC or REG_NONE; scale 1, 2, 4, 8 */
	s64 mem_disp;			   /* RIP-relative: relative to the next instruction */
	u16 mem_size; /* bytes touched; 0 where it depends on XCR0 (XSAVE...) */

	u32 gpr_read, gpr_written; /* BIT(enum gpr), explicit and implicit, address registers too */
	u32 gpr_implicit; /* those of both that no field of the bytes names: cannot be renamed */
	/* Of RFLAGS_ARITH. Read: also what may stay as it was (shifts by zero, undefined flags). */
	u32 flags_read, flags_written;

	u8 raw[INSN_MAX + 1] __attribute__((aligned(8)));
	/* Where things are in raw[]; 0 and a zero length where they are not. */
	u8 opcode_at, modrm_at, disp_at, disp_len, imm_at, imm_len;
	u8 encoding; /* enum insn_encoding */
	u8 rex;	     /* the REX byte or 0 */
};

/* A struct copy may be a call of memcpy, which is free to use vector registers. REP MOVS takes four
 * times as long as what this becomes. */
static inline void insn_copy(struct insn *to, const struct insn *from)
{
	u64 *dst = (u64 *)(void *)to;
	const u64 *src = (const u64 *)(const void *)from;

	_Static_assert(sizeof(*to) % 8 == 0, "copied by words");
#pragma GCC unroll 32
	for (unsigned int n = 0; n < sizeof(*to) / 8; n++) {
		u64 word = src[n];

		__asm__ volatile("" : "+r"(word)); /* not a call of memcpy */
		dst[n] = word;
	}
}

/* FNSTENV and FNSAVE (D9 /6, DD /6): they store where the latest x87 instruction was, in host code.
 */
static inline bool insn_stores_x87_pointers(const struct insn *i)
{
	u8 opcode = i->raw[i->opcode_at];

	return i->fpu == FPU_X87 && i->has_mem && (opcode == 0xd9 || opcode == 0xdd) &&
	       (i->raw[i->modrm_at] >> 3 & 7) == 6;
}

enum insn_encoding { ENC_LEGACY, ENC_VEX, ENC_EVEX, ENC_XOP, ENC_3DNOW };

/* 0F 1E with registers: a NOP to guests. But to a host with shadow stacks F3 0F 1E /1 is RDSSP,
 * which would tell where one is. */
static inline bool insn_is_hint(const struct insn *i)
{
	return !i->has_mem && i->opcode_at && i->modrm_at == i->opcode_at + 1 &&
	       i->raw[i->opcode_at - 1] == 0x0f && i->raw[i->opcode_at] == 0x1e &&
	       i->encoding == ENC_LEGACY;
}

/*
 * Decode the first instruction of BYTES[0..N) in MODE. 0; -EINVAL: not an instruction (#UD);
 * -ENODATA: it goes on beyond N < 15 bytes; -E2BIG: longer than 15 (#GP).
 */
int decode(struct insn *i, const u8 *bytes, size_t n, enum cpu_mode mode);

/* The same for a processor of AMD's or of Intel's; decode is for the host's, which is the guest's
 * as well (common/cpuid.h). */
int decode_as(struct insn *i, const u8 *bytes, size_t n, enum cpu_mode mode, bool amd);

/* Effective address of I's memory operand (offset within its segment), for one at RIP. */
u64 insn_ea(const struct insn *i, const struct vcpu *v, u64 rip);

/* Intel-syntax text for dumps and reports. */
void insn_format(const struct insn *i, u64 rip, char *buf, size_t len);
const char *insn_mnemonic(const struct insn *i);

#endif
