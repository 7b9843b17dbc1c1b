/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/asm.h"

void as_bytes(struct as *a, const u8 *bytes, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		world_put(a->w, a->at++, bytes[i], 1);
}

void as_imm(struct as *a, u64 value, unsigned int bytes)
{
	world_put(a->w, a->at, value, bytes);
	a->at += bytes;
}

void as_wide(struct as *a)
{
	if (a->bits == 16)
		AS(a, 0x66);
}

void as_address(struct as *a, unsigned int reg, u32 address)
{
	if (a->bits == 64)
		AS(a, (u8)(reg << 3 | 4), 0x25);
	else
		AS(a, (u8)(reg << 3 | (a->bits == 16 ? 6 : 5)));
	as_imm(a, address, a->bits == 16 ? 2 : 4);
}

void as_set(struct as *a, enum gpr reg, u64 value)
{
	if (a->bits == 64 && value >> 32)
		AS(a, 0x48);
	as_wide(a);
	AS(a, (u8)(0xb8 | reg));
	as_imm(a, value, a->bits == 64 && value >> 32 ? 8 : 4);
}

void as_put(struct as *a, u32 address, u32 value)
{
	as_wide(a);
	AS(a, 0xc7);
	as_address(a, 0, address);
	as_imm(a, value, 4);
}

void as_store(struct as *a, u32 address, enum gpr reg)
{
	as_wide(a);
	AS(a, 0x89);
	as_address(a, reg, address);
}

void as_load(struct as *a, enum gpr reg, u32 address)
{
	as_wide(a);
	AS(a, 0x8b);
	as_address(a, reg, address);
}

void as_push(struct as *a, u32 value)
{
	as_wide(a);
	AS(a, 0x68);
	as_imm(a, value, 4);
}

void as_sreg(struct as *a, enum seg seg, enum gpr reg)
{
	AS(a, 0x8e, (u8)(0xc0 | seg << 3 | reg));
}
