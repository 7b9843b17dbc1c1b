/* SPDX-License-Identifier: MIT */
/* The configuration device's DMA, told to move data to and from where no RAM is, over its end,
 * around the end of addresses, and with descriptors that lie there themselves. */
#include "guest.h"

#define TAIL	   128
#define DMA_PORT   0x514
#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u
#define UNTOUCHED  0x12345678u

struct descriptor { /* big-endian */
	u32 control, length;
	u64 address;
} __attribute__((packed));

static struct descriptor own __attribute__((aligned(16)));

static void ring(u64 at)
{
	outl(DMA_PORT, __builtin_bswap32((u32)(at >> 32)));
	outl(DMA_PORT + 4, __builtin_bswap32((u32)at));
}

/* Do it; 0 or DMA_ERROR. */
static u32 dma(u32 control, u64 address, u32 length)
{
	own = (struct descriptor){ __builtin_bswap32(control), __builtin_bswap32(length),
				   __builtin_bswap64(address) };
	ring((u64)&own);
	asm volatile("" : : : "memory");
	return __builtin_bswap32(own.control);
}

static void check_transfer(u64 address, u32 length)
{
	u8 *tail = (u8 *)ram_end - TAIL;

	memset(tail, 0x77, TAIL);
	expect("DMA to where no RAM is", dma(DMA_SELECT | DMA_READ, address, length), DMA_ERROR);
	expect("DMA into a file", dma(DMA_SELECT | DMA_WRITE, address, length), DMA_ERROR);
	for (unsigned int i = 0; i < TAIL; i++)
		expect("byte before the end of RAM", tail[i], 0x77);
	events = events + 1;
}

/* A descriptor that is not all in RAM: nothing is moved, whatever the host has there. Its first
 * word, where there is one, tells of the error. */
static void check_descriptor(u64 at)
{
	u8 *before = (u8 *)ram_end - sizeof(own);
	u32 error = __builtin_bswap32(DMA_ERROR);

	memset(before, 0x66, sizeof(own));
	ring(at);
	for (u64 i = 0; i < sizeof(own); i++) {
		u64 of_control = (u64)before + i - at;
		bool answer = at <= ram_end - sizeof(error) && of_control < sizeof(error);

		expect("RAM before a descriptor over its end", before[i],
		       answer ? (u8)(error >> of_control * 8) : 0x66);
	}
	events = events + 1;
}

static void check_place(u64 at)
{
	check_transfer(at, 1);
	check_transfer(at, PAGE);
	check_transfer(at, 0xffffffff);
	check_descriptor(at);
}

static void run(uword n __attribute__((unused)))
{
	u8 signature[8] = { 0 };

	(void)n;
	expect("a proper transfer", dma(DMA_SELECT | DMA_READ, (u64)signature, 4), 0);
	expect("its data", memcmp(signature, "QEMU", 5), 0);

	check_place(ram_end);
	check_place(ram_end - 0x100000000);
	check_place(ram_end + 0x100000000);
	for (u64 i = 1; i <= 16; i++) {
		check_transfer(ram_end - i, (u32)i + 1);
		check_transfer(0 - i, (u32)i + 1);
		check_transfer(i, 0 - (u32)i);
		check_descriptor(ram_end - i + 1);
		check_descriptor(0 - i);
	}
	for (unsigned int bit = 24; bit < 64; bit++)
		check_place(1ull << bit);
	for (u32 i = 0; i < nr_targets; i++)
		check_place(targets[i]);
	/* Lengths of skips are no addresses, but they add up. */
	for (unsigned int i = 0; i < 8; i++)
		expect("SKIP", dma(DMA_SKIP, 0, 0xffffffff), 0);
	expect("reading behind the end", dma(DMA_READ, (u64)signature, 8), 0);
	for (unsigned int i = 0; i < 8; i++)
		expect("byte behind the end", signature[i], 0);
}

static void check(uword n)
{
	(void)n;
	metric("places", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
