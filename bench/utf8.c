/* SPDX-License-Identifier: MIT */
#include "bench/utf8.h"

int utf8_length(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	static const struct {
		unsigned char mask, lead, low; /* LOW: least second byte where LEAD's bits are 0 */
	} form[] = { { 0xe0, 0xc0, 0 }, { 0xf0, 0xe0, 0xa0 }, { 0xf8, 0xf0, 0x90 } };

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	for (int i = 0; i < 3; i++) {
		if ((s[0] & form[i].mask) != form[i].lead)
			continue;
		if (s[0] < 0xc2 || s[0] > 0xf4 || (s[0] == form[i].lead && s[1] < form[i].low) ||
		    (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		for (int k = 1; k <= i + 1; k++)
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		/* U+FFFE and U+FFFF are no characters, in XML neither. */
		return s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe ? 0 : i + 2;
	}
	return 0;
}
