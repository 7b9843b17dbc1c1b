/* SPDX-License-Identifier: MIT */
/* A driver of a disk that does not mean well: buffers, tables and rings where no RAM is and where
 * the host has its own, chains without end, noise; and one that has the disk overwrite code that
 * runs. hostile.c's disk has in sector N a function that returns N. */
#include "guest.h"

#define BAR	  0xe0000000ul
#define STATUS	  0x14
#define NOTIFY	  0x3000
#define RUNNING	  0x0f
#define BROKEN	  0x40
#define QUEUE	  16u
#define NEXT	  1
#define WRITE	  2
#define INDIRECT  4
#define SECTOR	  512u
#define ARENA	  0x8000u
#define ROUNDS	  3000u
#define PATIENCE  200000000u
#define NEVER_RAM 0xd0000000ul

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

static struct desc desc[QUEUE] __attribute__((aligned(4096)));
static struct {
	u16 flags, index, ring[QUEUE];
} avail __attribute__((aligned(4096)));
static volatile struct {
	u16 flags, index;
	struct {
		u32 id, len;
	} ring[QUEUE];
} used __attribute__((aligned(4096)));
static struct {
	u32 type, reserved;
	u64 sector;
} header;
static volatile u8 status;
static u8 arena[ARENA] __attribute__((aligned(4096)));
static struct desc table[QUEUE] __attribute__((aligned(64)));

static u32 inl(u16 port)
{
	u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void reg(u32 at, u32 value)
{
	*(volatile u32 *)(BAR + at) = value;
}

static void reg16(u32 at, u16 value)
{
	*(volatile u16 *)(BAR + at) = value;
}

static u8 device_status(void)
{
	return *(volatile u8 *)(BAR + STATUS);
}

static void set_status(u8 value)
{
	*(volatile u8 *)(BAR + STATUS) = value;
}

static void set_queue(u64 d, u64 a, u64 u)
{
	const u64 ring[] = { d, a, u };

	reg16(0x16, 0);
	reg16(0x18, QUEUE);
	for (u32 i = 0; i < 3; i++) {
		reg(0x20 + i * 8, (u32)ring[i]);
		reg(0x24 + i * 8, (u32)(ring[i] >> 32));
	}
	reg16(0x1c, 1);
}

static void reset(void)
{
	u32 n = 0;

	set_status(0);
	while (device_status() && n < PATIENCE)
		n++;
	expect("status after a reset", device_status(), 0);
	avail.flags = avail.index = 0;
	used.index = 0;
}

static void start(u64 d, u64 a, u64 u)
{
	reset();
	reg(0x08, 1);
	reg(0x0c, 1); /* VIRTIO_F_VERSION_1 */
	reg(0x08, 0);
	reg(0x0c, 1u << 28 | 1u << 9); /* indirect descriptors, flush */
	set_status(0x0b);
	set_queue(d, a, u);
	set_status(RUNNING);
}

static void good_start(void)
{
	start((u64)desc, (u64)&avail, (u64)&used);
	expect("status of a driver that starts", device_status(), RUNNING);
}

static void offer(u16 head)
{
	avail.ring[avail.index % QUEUE] = head;
	asm volatile("" : : : "memory");
	avail.index++;
	reg(NOTIFY, 0);
}

/* Read one sector to ADDRESS; the request's status. */
static u8 read_sector(u32 sector, void *address)
{
	u16 before = used.index;
	u32 n = 0;

	header.type = 0;
	header.sector = sector;
	status = 0xee;
	desc[0] = (struct desc){ (u64)&header, 16, NEXT, 1 };
	desc[1] = (struct desc){ (u64)address, SECTOR, NEXT | WRITE, 2 };
	desc[2] = (struct desc){ (u64)&status, 1, WRITE, 0 };
	offer(0);
	while (used.index == before && n < PATIENCE)
		n++;
	return status;
}

/* What the disk writes over code is what runs next. */
static void check_code(void)
{
	u32 (*volatile function)(void) = (u32(*)(void))(void *)arena;

	for (u32 i = 0; i < 40; i++) {
		expect("reading code", read_sector(i * 3, arena), 0);
		for (u32 k = 0; k < 3; k++)
			expect("code from the disk", function(), i * 3);
	}
}

/* This driver broke a rule: it is told so, nothing was used, and a reset makes it good. */
static void expect_broken(const char *what)
{
	expect(what, device_status() & BROKEN, BROKEN);
	expect("used buffers of a broken queue", used.index, 0);
	good_start();
	events = events + 1;
}

static void check_place(u64 at)
{
	static const u32 lengths[] = { 1, 512, 4096, 0xffffffff };

	for (u32 i = 0; i < 4; i++) {
		desc[0] = (struct desc){ at, lengths[i], 0, 0 };
		offer(0);
		expect_broken("a readable buffer where no RAM is");
		desc[0] = (struct desc){ at, lengths[i], WRITE, 0 };
		offer(0);
		expect_broken("a writable buffer where no RAM is");
	}
	desc[0] = (struct desc){ at, 16 * QUEUE, INDIRECT, 0 };
	offer(0);
	expect_broken("a table where no RAM is");
	start(at & ~15ul, (u64)&avail, (u64)&used);
	expect_broken("descriptors where no RAM is");
	start((u64)desc, at & ~1ul, (u64)&used);
	expect_broken("available ring where no RAM is");
	start((u64)desc, (u64)&avail, at & ~3ul);
	expect_broken("used ring where no RAM is");
}

static void check_chains(void)
{
	desc[0] = (struct desc){ (u64)arena, 1, NEXT, 0 };
	offer(0);
	expect_broken("a circle");
	offer(QUEUE);
	expect_broken("a head beyond the queue");
	desc[0] = (struct desc){ (u64)table, sizeof(table), INDIRECT, 0 };
	for (u16 i = 0; i < QUEUE; i++)
		table[i] = (struct desc){ (u64)table, sizeof(table), INDIRECT, 0 };
	offer(0);
	expect_broken("a table in itself");
	avail.index = 1000;
	reg(NOTIFY, 0);
	expect_broken("more than the queue has");
}

/* Never where a read from the disk would hit the guest itself. */
static struct desc noisy(void)
{
	struct desc d = { noise(), (u32)noise(), (u16)noise(), (u16)noise() };

	if (noise() & 1) {
		d.addr = (u64)arena + noise() % ARENA;
		d.len = (u32)(noise() % ((u64)arena + ARENA - d.addr));
	} else if (noise() & 1 && nr_targets) {
		d.addr = targets[noise() % nr_targets];
	}
	if (d.addr < ram_end && (d.addr < (u64)arena || d.addr >= (u64)arena + ARENA))
		d.addr += NEVER_RAM;
	if (noise() & 7)
		d.flags &= NEXT | WRITE | INDIRECT;
	if (noise() & 7)
		d.next %= QUEUE;
	return d;
}

/* Registers at random, but for the addresses of the rings and what enables a queue. */
static void noisy_register(void)
{
	static const u32 places[] = { 0x00, 0x04, 0x08, 0x0c, 0x10, 0x38, 0x1000, 0x2000, 0x3000 };
	u64 at = BAR + places[noise() % (sizeof(places) / sizeof(places[0]))];

	switch (noise() % 4) {
	case 0:
		*(volatile u8 *)at = (u8)noise();
		break;
	case 1:
		*(volatile u16 *)at = (u16)noise();
		break;
	case 2:
		*(volatile u32 *)at = (u32)noise();
		break;
	default:
		*(volatile u64 *)at;
	}
}

static void check_noise(void)
{
	for (u32 i = 0; i < ROUNDS; i++) {
		for (u32 k = 0; k < QUEUE; k++)
			desc[k] = noisy();
		for (u32 k = 0; k < ARENA / 4096; k++)
			*(u64 *)(arena + k * 4096) = noise() & 0x1f;
		noisy_register();
		offer((u16)(noise() % QUEUE));
		if (device_status() & BROKEN || noise() % 16 == 0)
			start((u64)desc, (u64)&avail, (u64)&used);
	}
	reset();
}

static void run(uword n __attribute__((unused)))
{
	outl(0xcf8, 0x80000800);
	expect("a disk in slot 1", inl(0xcfc), 0x10421af4);
	outl(0xcf8, 0x80000804);
	outl(0xcfc, 2);
	good_start();
	check_code();
	good_start();
	check_chains();
	check_place(ram_end);
	for (u64 i = 1; i <= 4; i++)
		check_place(0 - i * 4096);
	for (unsigned int bit = 32; bit < 64; bit += 4)
		check_place(1ull << bit);
	for (u32 i = 0; i < nr_targets; i += 8)
		check_place(targets[i]);
	check_noise();
	good_start();
	/* Noise may have written to the disk, too. */
	expect("the disk after all that", read_sector(1, arena), 0);
	reset();
}

static void check(uword n)
{
	(void)n;
	metric("places", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
