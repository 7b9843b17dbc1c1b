/* SPDX-License-Identifier: MIT */
/* The four functions that a freestanding compiler may call. */
#ifndef NANO_STRING_H
#define NANO_STRING_H

#include <stddef.h>

void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
