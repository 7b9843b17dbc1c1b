/* SPDX-License-Identifier: MIT */
#include "common/keys.h"

#include <string.h>

#define ESC	 0x1b
#define CODE_ESC 0x01
#define CODE_TAB 0x0f
#define SHIFT	 0x2a
#define CTRL	 0x1d
#define ALT	 0x38
#define EXTENDED 0xe0
#define RELEASE	 0x80

/* By scan code: what the key makes alone and with Shift. */
static const char plain_keys[] =
	"\0\0331234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shift_keys[] =
	"\0\0!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0\0\0 ";

/* What follows ESC [ or ESC O. */
static const struct sequence {
	const char *text;
	u8 code;
	bool extended, shift;
} sequences[] = {
	{ "[A", 0x48, true, false },	 { "[B", 0x50, true, false },
	{ "[C", 0x4d, true, false },	 { "[D", 0x4b, true, false },
	{ "[H", 0x47, true, false },	 { "[F", 0x4f, true, false },
	{ "OA", 0x48, true, false },	 { "OB", 0x50, true, false },
	{ "OC", 0x4d, true, false },	 { "OD", 0x4b, true, false },
	{ "OH", 0x47, true, false },	 { "OF", 0x4f, true, false },
	{ "[1~", 0x47, true, false },	 { "[2~", 0x52, true, false },
	{ "[3~", 0x53, true, false },	 { "[4~", 0x4f, true, false },
	{ "[5~", 0x49, true, false },	 { "[6~", 0x51, true, false },
	{ "[Z", CODE_TAB, false, true }, { "OP", 0x3b, false, false },
	{ "OQ", 0x3c, false, false },	 { "OR", 0x3d, false, false },
	{ "OS", 0x3e, false, false },	 { "[[A", 0x3b, false, false },
	{ "[[B", 0x3c, false, false },	 { "[[C", 0x3d, false, false },
	{ "[[D", 0x3e, false, false },	 { "[[E", 0x3f, false, false },
	{ "[11~", 0x3b, false, false },	 { "[12~", 0x3c, false, false },
	{ "[13~", 0x3d, false, false },	 { "[14~", 0x3e, false, false },
	{ "[15~", 0x3f, false, false },	 { "[17~", 0x40, false, false },
	{ "[18~", 0x41, false, false },	 { "[19~", 0x42, false, false },
	{ "[20~", 0x43, false, false },	 { "[21~", 0x44, false, false },
	{ "[23~", 0x57, false, false },	 { "[24~", 0x58, false, false },
};

struct key {
	u8 code; /* 0: none */
	bool extended, shift, ctrl, alt;
};

/* The scan code whose entry in KEYS, of LEN bytes, is C; 0: none. */
static u8 find(const char *keys, size_t len, u8 c)
{
	const char *p = c ? memchr(keys, c, len) : NULL;

	return p ? (u8)(p - keys) : 0;
}

static struct key key_of(u8 c)
{
	struct key key = { 0 };

	if (c == '\n' ||
	    c == 0x7f) /* Ctrl-J does as Enter; Backspace is DEL on today's terminals */
		c = c == '\n' ? '\r' : '\b';
	key.code = find(plain_keys, sizeof(plain_keys) - 1, c);
	/* The keypad's star comes before the one with Shift. */
	if (key.code && c != '*')
		return key;
	key.code = find(shift_keys, sizeof(shift_keys) - 1, c);
	key.shift = key.code;
	if (!key.code && c < 0x20) {
		/* Ctrl-A is 1; Ctrl-@ is made with 2, Ctrl-^ with 6, Ctrl-_ with -. */
		key = key_of(c ? (c < ESC ? c + 0x60 : c + 0x40) : '@');
		key.ctrl = true;
	}
	return key;
}

static size_t match_sequence(const u8 *in, size_t n, struct key *key)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sequences); i++) {
		const struct sequence *s = &sequences[i];
		size_t len = strlen(s->text);

		if (len > n || memcmp(in, s->text, len))
			continue;
		*key = (struct key){ .code = s->code, .extended = s->extended, .shift = s->shift };
		return len;
	}
	return 0;
}

/* Of an escape sequence that stands for no key here: its length. */
static size_t skip_sequence(const u8 *in, size_t n)
{
	size_t i = 1;

	while (i < n && in[i] >= 0x20 && in[i] < 0x40)
		i++;
	return i < n ? i + 1 : n;
}

static size_t parse(const u8 *in, size_t n, struct key *key)
{
	size_t len;

	*key = (struct key){ 0 };
	if (in[0] != ESC || n == 1 || in[1] == ESC) {
		*key = in[0] == ESC ? (struct key){ .code = CODE_ESC } : key_of(in[0]);
		return 1;
	}
	len = match_sequence(in + 1, n - 1, key);
	if (len)
		return 1 + len;
	if (in[1] == '[' && n > 2)
		return 1 + skip_sequence(in + 1, n - 1);
	*key = key_of(in[1]);
	key->alt = key->code;
	return 2;
}

size_t keys_next(const u8 *in, size_t n, u8 out[KEYS_MAX], size_t *nr)
{
	struct key key;
	size_t used = parse(in, n, &key);
	const u8 held[] = { key.ctrl ? CTRL : 0, key.alt ? ALT : 0, key.shift ? SHIFT : 0 };
	u8 *p = out;

	*nr = 0;
	if (!key.code)
		return used;
	for (unsigned int i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i])
			*p++ = held[i];
	for (unsigned int release = 0; release <= RELEASE; release += RELEASE) {
		if (key.extended)
			*p++ = EXTENDED;
		*p++ = (u8)(key.code | release);
	}
	for (unsigned int i = ARRAY_SIZE(held); i--;)
		if (held[i])
			*p++ = held[i] | RELEASE;
	*nr = (size_t)(p - out);
	return used;
}
