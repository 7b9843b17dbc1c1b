/* SPDX-License-Identifier: MIT */
#ifndef NANO_TEXT_H
#define NANO_TEXT_H

#include "nano.h"

/* Text under construction; what does not fit is dropped. */
struct text {
	char buf[512];
	size_t len;
};
void text_str(struct text *t, const char *s);
void text_dec(struct text *t, u64 v);
void text_hex(struct text *t, u64 v);

#endif
