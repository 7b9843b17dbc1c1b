/* SPDX-License-Identifier: MIT */
/* Fixed-width names and the few macros that every file uses. */
#ifndef FVB_TYPES_H
#define FVB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define BIT(n)				(1u << (n))
#define BIT64(n)			(1ull << (n))
#define KiB				1024ull
#define MiB				(1024ull * KiB)
#define GiB				(1024ull * MiB)
#define NSEC_PER_MSEC			1000000ull
#define NSEC_PER_SEC			1000000000ull
#define likely(x)			__builtin_expect(!!(x), 1)
#define unlikely(x)			__builtin_expect(!!(x), 0)
#define ALIGN_UP(x, a)			(((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a)		((x) & ~((__typeof__(x))(a)-1))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
