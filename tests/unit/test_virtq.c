/* SPDX-License-Identifier: MIT */
#include "common/dev/virtq.h"

#include <CUnit/CUnit.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define SIZE   8u
#define DESC   0x1000u
#define AVAIL  0x2000u
#define USED   0x3000u
#define TABLE  0x4000u
#define BUFFER 0x8000u

#define NEXT	 VRING_DESC_F_NEXT
#define WRITE	 VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

struct fixture {
	struct ram ram;
	struct virtq q;
	struct virtq_chain c;
	u64 written_from, written_len; /* the last write that the translator was told of */
};

static void note_write(void *arg, u64 gpa, u64 len)
{
	struct fixture *f = arg;

	f->written_from = gpa;
	f->written_len = len;
}

static void put(struct fixture *f, u64 gpa, u64 value, unsigned int size)
{
	CU_ASSERT_EQUAL_FATAL(ram_write(&f->ram, gpa, &value, size), 0);
}

static u64 get(struct fixture *f, u64 gpa, unsigned int size)
{
	u64 value = 0;

	CU_ASSERT_EQUAL_FATAL(ram_read(&f->ram, gpa, &value, size), 0);
	return value;
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	CU_ASSERT_EQUAL_FATAL(ram_init(&f->ram, RAM_MIN, NULL), 0);
	f->ram.before_write = note_write;
	f->ram.before_write_arg = f;
	f->q.ram = &f->ram;
	virtq_reset(&f->q);
	f->q.size = SIZE;
	f->q.desc = DESC;
	f->q.avail = AVAIL;
	f->q.used = USED;
	CU_ASSERT_EQUAL_FATAL(virtq_enable(&f->q), 0);
}

static void desc_at(struct fixture *f, u64 table, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	put(f, table + 16u * i, addr, 8);
	put(f, table + 16u * i + 8, len, 4);
	put(f, table + 16u * i + 12, flags, 2);
	put(f, table + 16u * i + 14, next, 2);
}

static void desc(struct fixture *f, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	desc_at(f, DESC, i, addr, len, flags, next);
}

static void offer(struct fixture *f, u16 head)
{
	u16 index = (u16)get(f, AVAIL + 2, 2);

	put(f, AVAIL + 4 + 2u * (index % SIZE), head, 2);
	put(f, AVAIL + 2, (u16)(index + 1), 2);
}

static void test_chain(void)
{
	struct fixture f;
	char text[16] = "";

	setup(&f);
	CU_ASSERT_EQUAL(virtq_pop(&f.q, &f.c), 0);
	ram_write(&f.ram, BUFFER, "hello", 5);
	ram_write(&f.ram, BUFFER + 0x100, "world", 5);
	desc(&f, 2, BUFFER, 5, NEXT, 5);
	desc(&f, 5, BUFFER + 0x100, 5, NEXT, 0);
	desc(&f, 0, BUFFER + 0x200, 4, NEXT | WRITE, 7);
	desc(&f, 7, BUFFER + 0x300, 4, WRITE, 2);
	offer(&f, 2);
	CU_ASSERT_EQUAL(virtq_pop(&f.q, &f.c), 1);
	CU_ASSERT(f.c.nr_out == 2 && f.c.nr_in == 2 && f.c.out_len == 10 && f.c.in_len == 8);
	CU_ASSERT_EQUAL(virtq_copy_out(&f.c, 3, text, 15), 7);
	CU_ASSERT_STRING_EQUAL(text, "loworld");
	CU_ASSERT_EQUAL(virtq_copy_out(&f.c, 10, text, 15), 0);
	CU_ASSERT_EQUAL(virtq_copy_in(&f.q, &f.c, 2, "abcdefgh", 8), 6);
	CU_ASSERT_EQUAL(get(&f, BUFFER + 0x202, 2), 'a' | 'b' << 8);
	CU_ASSERT_EQUAL(get(&f, BUFFER + 0x300, 4), 'c' | 'd' << 8 | 'e' << 16 | 'f' << 24);
	CU_ASSERT(f.written_from == BUFFER + 0x300 && f.written_len == 4);
	virtq_push(&f.q, &f.c, 6);
	CU_ASSERT(f.written_from == USED + 2 && f.written_len == 2);
	CU_ASSERT_EQUAL(get(&f, USED + 2, 2), 1);
	CU_ASSERT_EQUAL(get(&f, USED + 4, 8), 2 | 6ull << 32);
	CU_ASSERT_EQUAL(virtq_pop(&f.q, &f.c), 0);
	CU_ASSERT(virtq_wants_interrupt(&f.q));
	put(&f, AVAIL, VRING_AVAIL_F_NO_INTERRUPT, 2);
	CU_ASSERT(!virtq_wants_interrupt(&f.q));
	ram_fini(&f.ram);
}

/* The rings' indices are free-running 16-bit numbers. */
static void test_wrap(void)
{
	struct fixture f;

	setup(&f);
	desc(&f, 1, BUFFER, 5, 0, 0);
	for (u32 i = 0; i < 70000; i++) {
		offer(&f, 1);
		if (virtq_pop(&f.q, &f.c) != 1) {
			CU_FAIL("pop");
			break;
		}
		virtq_push(&f.q, &f.c, i);
	}
	CU_ASSERT_EQUAL(get(&f, USED + 2, 2), 70000 % 65536);
	CU_ASSERT_EQUAL(get(&f, USED + 8 + 8u * (69999 % SIZE), 4), 69999);
	ram_fini(&f.ram);
}

static void test_indirect(void)
{
	struct fixture f;

	setup(&f);
	/* As many as a chain may have, more than the queue has. */
	for (u16 i = 0; i < VIRTQ_SEGMENTS; i++)
		desc_at(&f, TABLE, i, BUFFER + i, 1, i == VIRTQ_SEGMENTS - 1 ? WRITE : NEXT, i + 1);
	desc(&f, 3, TABLE, 16 * VIRTQ_SEGMENTS, INDIRECT, 0);
	offer(&f, 3);
	CU_ASSERT_EQUAL(virtq_pop(&f.q, &f.c), 1);
	CU_ASSERT(f.c.head == 3 && f.c.nr_out == VIRTQ_SEGMENTS - 1 && f.c.nr_in == 1);
	/* Behind a direct one. */
	desc(&f, 4, BUFFER, 8, NEXT, 3);
	desc(&f, 3, TABLE, 16, INDIRECT, 0);
	desc_at(&f, TABLE, 0, BUFFER, 16, WRITE, 0);
	offer(&f, 4);
	CU_ASSERT_EQUAL(virtq_pop(&f.q, &f.c), 1);
	CU_ASSERT(f.c.nr_out == 1 && f.c.nr_in == 1 && f.c.in_len == 16);
	ram_fini(&f.ram);
}

/* Each of these stops the queue, with nothing taken from it. */
static void check_broken(struct fixture *f, u16 head)
{
	offer(f, head);
	CU_ASSERT(virtq_pop(&f->q, &f->c) < 0);
	CU_ASSERT_PTR_NOT_NULL(f->q.broken);
	CU_ASSERT_EQUAL(virtq_pop(&f->q, &f->c), 0);
	virtq_push(&f->q, &f->c, 1);
	CU_ASSERT_EQUAL(get(f, USED + 2, 2), 0);
	ram_fini(&f->ram);
}

static void test_hostile_chains(void)
{
	struct fixture f;

	setup(&f);
	check_broken(&f, SIZE); /* a head beyond the queue */
	setup(&f);
	desc(&f, 0, BUFFER, 1, NEXT, 0xffff); /* a next beyond it */
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, BUFFER, 1, NEXT, 1); /* a circle */
	desc(&f, 1, BUFFER, 1, NEXT, 0);
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, BUFFER, 0, NEXT, 0); /* one of empty buffers */
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, BUFFER, 1, NEXT | WRITE, 1); /* readable behind writable */
	desc(&f, 1, BUFFER, 1, 0, 0);
	check_broken(&f, 0);
	for (unsigned int i = 0; i < 4; i++) {
		static const u64 outside[][2] = {
			{ RAM_MIN - 4, 5 }, { RAM_MIN, 1 }, { ~0ull, 2 }, { 0, 0xffffffff }
		};

		setup(&f);
		desc(&f, 0, outside[i][0], (u32)outside[i][1], WRITE, 0);
		check_broken(&f, 0);
	}
}

static void test_hostile_tables(void)
{
	struct fixture f;

	setup(&f);
	desc(&f, 0, TABLE, 0, INDIRECT, 0); /* an empty table */
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, TABLE, 17, INDIRECT, 0); /* no multiple of 16 */
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, TABLE, 0xfffffff0, INDIRECT, 0); /* too large */
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, RAM_MIN - 16, 32, INDIRECT, 0); /* half in RAM */
	check_broken(&f, 0);
	setup(&f);
	desc(&f, 0, TABLE, 16, INDIRECT | NEXT, 1); /* goes on behind the table */
	check_broken(&f, 0);
	setup(&f);
	desc_at(&f, TABLE, 0, TABLE, 16, INDIRECT, 0); /* a table in a table: itself */
	desc(&f, 0, TABLE, 16, INDIRECT, 0);
	check_broken(&f, 0);
	setup(&f);
	desc_at(&f, TABLE, 0, BUFFER, 1, NEXT, 1); /* beyond the table's end */
	desc(&f, 0, TABLE, 16, INDIRECT, 0);
	check_broken(&f, 0);
	setup(&f);
	for (u16 i = 0; i < 1000; i++) /* longer than we will look */
		desc_at(&f, TABLE, i, BUFFER, 1, NEXT, i + 1);
	desc(&f, 0, TABLE, 16000, INDIRECT, 0);
	check_broken(&f, 0);
}

static void test_hostile_rings(void)
{
	static const struct {
		u16 size;
		u64 desc, avail, used;
	} bad[] = {
		{ 0, DESC, AVAIL, USED },
		{ 3, DESC, AVAIL, USED },
		{ 256, DESC, AVAIL, USED },
		{ SIZE, DESC + 8, AVAIL, USED },
		{ SIZE, DESC, AVAIL + 1, USED },
		{ SIZE, DESC, AVAIL, USED + 2 },
		{ SIZE, RAM_MIN - 16, AVAIL, USED },
		{ SIZE, DESC, RAM_MIN - 2, USED },
		{ SIZE, DESC, AVAIL, RAM_MIN - 4 },
		{ SIZE, ~0ull & ~15ull, AVAIL, USED },
		{ SIZE, DESC, ~0ull & ~1ull, USED },
		{ SIZE, DESC, AVAIL, 0xfee00000 },
	};
	struct fixture f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup(&f);
		virtq_reset(&f.q);
		f.q.size = bad[i].size;
		f.q.desc = bad[i].desc;
		f.q.avail = bad[i].avail;
		f.q.used = bad[i].used;
		CU_ASSERT(virtq_enable(&f.q) < 0);
		CU_ASSERT(!f.q.ready);
		CU_ASSERT_PTR_NOT_NULL(f.q.broken);
		ram_fini(&f.ram);
	}
	/* More chains than entries. */
	setup(&f);
	desc(&f, 0, BUFFER, 1, 0, 0);
	put(&f, AVAIL + 2, SIZE, 2);
	check_broken(&f, 0);
	/* Rings on top of each other, and of the buffer: odd, but inside RAM. */
	setup(&f);
	f.q.avail = f.q.used = DESC;
	put(&f, DESC + 2, 1, 2);
	virtq_pop(&f.q, &f.c);
	virtq_push(&f.q, &f.c, 0);
	ram_fini(&f.ram);
}

CU_TestInfo tests_virtq[] = {
	{ "a chain, there and back", test_chain },
	{ "indices wrap", test_wrap },
	{ "indirect descriptors", test_indirect },
	{ "hostile chains", test_hostile_chains },
	{ "hostile tables", test_hostile_tables },
	{ "hostile rings", test_hostile_rings },
	CU_TEST_INFO_NULL,
};
