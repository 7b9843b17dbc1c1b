/* SPDX-License-Identifier: MIT */
#include "tests/unit/sequence_rig.h"

#include <string.h>

void sequence_fill(struct vm *vm, struct gen *g, u64 at, u32 size)
{
	u8 *p = ram_at(&vm->ram, at, size);

	for (u32 n = 0; n < size; n += 8) {
		u64 value = gen_u64(g);

		memcpy(p + n, &value, 8);
	}
}

u64 sequence_hash(struct vm *vm, u64 at, u32 size)
{
	const u8 *p = ram_at(&vm->ram, at, size);
	u64 h = 0, value;

	for (u32 n = 0; n < size; n += 8) {
		memcpy(&value, p + n, 8);
		h = (h ^ value) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

bool sequence_may_have(const struct insn *i)
{
	static const char *const unwelcome[] = { "rdrand", "rdseed", "fnstenv", "fnsave", "rdpid" };

	if (i->rep || i->repne)
		return false;
	for (size_t n = 0; n < ARRAY_SIZE(unwelcome); n++)
		if (!strcmp(insn_mnemonic(i), unwelcome[n]))
			return false;
	return true;
}
