/* SPDX-License-Identifier: MIT */
/*
 * What a terminal sends, as keys of a US keyboard: scan codes of set 1, pressed and let go again.
 * Letters, signs, Ctrl, Alt (which terminals send as Escape before the key), Escape, arrows, the
 * keys around them and F1 to F12.
 */
#ifndef FVB_KEYS_H
#define FVB_KEYS_H

#include "common/types.h"

#define KEYS_MAX 12 /* scan code bytes of one key, at most */

/*
 * The first key in the N bytes at IN, which is more than none: its scan codes into OUT, their
 * number into *NR (0: no key makes that byte). Returns how many bytes it was made of. An Escape at
 * the end of IN is the key itself: terminals send what follows one with it.
 */
size_t keys_next(const u8 *in, size_t n, u8 out[KEYS_MAX], size_t *nr);

#endif
