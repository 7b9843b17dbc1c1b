/* SPDX-License-Identifier: MIT */
/* Control flow in translated code, and the code cache: 64-bit guest code, with what the processor
 * would do known beforehand or seen by the step engine. */
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/step.h"
#include "backends/backends.h"
#include "tests/unit/pair_rig.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

/* Guest-physical; linear addresses are the same, and the others that a test maps. */
#define TABLES 0x1000u
#define CODE   0x200000u
#define ROOM   (4 * MiB)
#define STACK  0x1f0000u
#define MEMORY (8 * MiB)

static void put64(struct vm *vm, u64 gpa, u64 value)
{
	memcpy(ram_at(&vm->ram, gpa, 8), &value, 8);
}

/* Four pages of tables: 4 KiB pages, one to one, for all of MEMORY. */
static void make_tables(struct vm *vm)
{
	put64(vm, TABLES, (TABLES + 0x1000) | 3);
	put64(vm, TABLES + 0x1000, (TABLES + 0x2000) | 3);
	for (u64 n = 0; n < MEMORY / (2 * MiB); n++) {
		u64 table = TABLES + 0x3000 + n * PAGE_SIZE;

		put64(vm, TABLES + 0x2000 + n * 8, table | 3);
		for (u64 k = 0; k < 512; k++)
			put64(vm, table + k * 8, (n * 512 + k) << 12 | 3);
	}
}

static void reset(struct vm *vm)
{
	struct cpu_state s;
	struct error err;

	cpu_state_reset(&s);
	s.cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_ET;
	s.cr3 = TABLES;
	s.cr4 = CR4_OSFXSR | CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	for (unsigned int k = SEG_ES; k <= SEG_GS; k++)
		s.seg[k] = segment_flat(16, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s.seg[SEG_CS] = segment_flat(8, ATTR_P | ATTR_S | ATTR_G | ATTR_L | 11);
	s.gpr[RSP] = STACK;
	s.rflags = RFLAGS_FIXED;
	s.rip = CODE;
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, &err), 0);
}

static struct vm *machine(void)
{
	struct vm *vm = rig_vm("bt", MEMORY);

	make_tables(vm);
	reset(vm);
	return vm;
}

static struct vcpu *run(struct vm *vm)
{
	struct vcpu *v = vm_vcpu(vm);

	CU_ASSERT_EQUAL(v->engine->run(v), RUN_HALTED);
	return v;
}

/* ---- the code cache -------------------------------------------------------------------------- */

#define PIECES	3000u
#define PIECE	32u
#define SHUFFLE 1009u /* no divisor of PIECES */
#define ROUNDS	3u
#define END	(CODE + PIECES * PIECE)

static u64 piece_at(u32 n)
{
	return CODE + (u64)(n * SHUFFLE % PIECES) * PIECE;
}

static __attribute__((noinline)) u8 *put_bytes(u8 *p, const char *bytes, size_t len, u32 value)
{
	memcpy(p, bytes, len);
	memcpy(p + len, &value, 4);
	return p + len + 4;
}

/* PIECES times "add rax, n; rol rax, 5; jmp next", all over the place, ROUNDS times. */
static u64 make_pieces(struct vm *vm)
{
	u64 sum = 0;
	u8 *p;

	for (u32 n = 0; n < PIECES; n++) {
		u64 next = n + 1 < PIECES ? piece_at(n + 1) : END;

		p = ram_at(&vm->ram, piece_at(n), PIECE);
		p = put_bytes(p, "\x48\x05", 2, n);
		p = put_bytes(p, "\x48\xc1\xc0\x05\xe9", 5, (u32)(next - (piece_at(n) + 15)));
	}
	p = ram_at(&vm->ram, END, PIECE);
	p = put_bytes(p, "\xff\xc9\x0f\x85", 4, (u32)(CODE - (END + 8)));
	*p = 0xf4; /* HLT */
	vm_vcpu(vm)->s.gpr[RCX] = ROUNDS;
	for (u32 n = 0; n < ROUNDS * PIECES; n++) {
		sum += n % PIECES;
		sum = sum << 5 | sum >> 59;
	}
	return sum;
}

static bool on_page(const struct bt *bt, const struct block *b, u64 gpa)
{
	const struct page_link *l = near_get(&bt->page_blocks[gpa >> 12]);

	while (l && near_get(&l->block) != b)
		l = near_get(&l->next);
	return l;
}

/* Whatever leads to a block leads to one that is there. */
static void check_lists(const struct bt *bt)
{
	u64 there = 0, links = 0, listed = 0;

	for (u64 n = bt->oldest; n != bt->newest; n++) {
		const struct block *b = block_nr(bt, n);

		CU_ASSERT_PTR_EQUAL(block_at(bt, b->host), b);
		CU_ASSERT_PTR_EQUAL(block_at(bt, b->host + b->host_length - 1), b);
		if (b->dropped)
			continue;
		CU_ASSERT_PTR_EQUAL(block_find(bt, b->rip, b->gpa, b->key), b);
		CU_ASSERT_TRUE(on_page(bt, b, b->gpa));
		for (const struct exit *x = near_get(&b->incoming); x;
		     x = near_get(&exit_link_of(x)->next), links++)
			CU_ASSERT_PTR_EQUAL(exit_linked_to(x), b);
		for (u32 k = 0; k < b->nr_exits; k++)
			there += !!exit_linked_to(&bt->exits[b->first_exit + k]);
	}
	CU_ASSERT_EQUAL(links, there);
	for (u64 page = there = 0; page < bt->nr_pages; page++)
		for (const struct page_link *l = near_get(&bt->page_blocks[page]); l;
		     l = near_get(&l->next))
			listed++;
	for (u64 n = bt->oldest; n != bt->newest; n++)
		there += block_nr(bt, n)->dropped ? 0 : 1 + !!block_nr(bt, n)->gpa2;
	CU_ASSERT_EQUAL(listed, there);
}

static void check_eviction(size_t limit, bool expected)
{
	struct vm *vm = machine();
	struct bt *bt = bt_of(vm_vcpu(vm));
	u64 sum = make_pieces(vm);

	bt->cache.limit = limit;
	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], sum);
	CU_ASSERT_EQUAL(bt->stats.evictions != 0, expected);
	CU_ASSERT_EQUAL(bt->stats.evicted_bytes != 0, expected);
	CU_ASSERT_EQUAL(bt->stats.cache_flushes, 0);
	CU_ASSERT_TRUE(bt->cache.used <= limit);
	/* What is evicted makes room, it does not empty the cache. */
	CU_ASSERT_TRUE(bt->newest - bt->oldest > (expected ? limit / 4 / 64 : PIECES));
	check_lists(bt);
	vm_destroy(vm);
}

static void test_eviction(void)
{
	check_eviction(BT_CACHE_MIN, true);
	check_eviction(100 * KiB, true);
	check_eviction(4 * MiB, false);
}

static void test_flush(void)
{
	struct vm *vm = machine();
	struct bt *bt = bt_of(vm_vcpu(vm));
	u64 sum = make_pieces(vm);

	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], sum);
	blocks_flush(bt);
	CU_ASSERT_EQUAL(bt->oldest, bt->newest);
	CU_ASSERT_PTR_NULL(block_at(bt, bt->cache.exec + bt->stubs));
	check_lists(bt);
	for (u64 page = 0; page < bt->nr_pages; page++)
		CU_ASSERT_PTR_NULL(near_get(&bt->page_blocks[page]));
	reset(vm);
	vm_vcpu(vm)->s.gpr[RCX] = ROUNDS;
	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], sum);
	vm_destroy(vm);
}

/* ---- jumps into the middle of a block -------------------------------------------------------- */

/* Where label 1 is, a jump may go in; in the others something is left over from before it. */
PAIR_ASM(door, 64,
	 "2: incl %eax\n testl $1, %ecx\n jz 1f\n addl $0x100, %eax\n"
	 "1: addl $0x10000, %eax\n decl %ecx\n jnz 2b");
PAIR_ASM(door_of_later, 64,
	 "2: incl %eax\n testl $1, %ecx\n jnz 3f\n addl $0x100, %eax\n"
	 "1: addl $0x10000, %eax\n decl %ecx\n jnz 2b\n hlt\n 3: addl $0, %eax\n jmp 1b");
PAIR_ASM(door_of_share, 64,
	 "2: movl %ecx, (%rsi)\n testl $1, %ecx\n jz 1f\n addl $0x100, %eax\n"
	 "1: addl $0x10000, 8(%rsi)\n movl (%rsi), %edx\n incl 8(%rsi)\n decl %ecx\n jnz 2b\n"
	 "addl 8(%rsi), %eax");
PAIR_ASM(door_of_run, 64,
	 "2: testl $1, %ecx\n jz 1f\n addl $0x100, %eax\n pushq %rbx\n"
	 "1: pushq %rax\n pushq %rdx\n addl $0x10001, %eax\n movq %rdi, %rsp\n decl %ecx\n jnz 2b");

/* From above into a block that is there. */
PAIR_ASM(falls_in, 64,
	 "addl $0x500, %eax\n jmp 1f\n 2: nop\n 1: addl $0x10001, %eax\n .skip 8, 0x90\n decl "
	 "%ecx\n jnz 2b");

struct door {
	const u8 *code, *end;
	u64 blocks, insns, jumps; /* ways of jumps through the dispatcher */
};

static const struct door doors[] = {
	{ door, door_end, 1, 8, 0 },
	{ door_of_later, door_of_later_end, 2, 10, 2 },
	{ door_of_share, door_of_share_end, 3, 9 + 126, 2 },
	{ door_of_run, door_of_run_end, 2, 11 + 7, 1 },
	{ falls_in, falls_in_end, 3, 15, 2 },
};

static void check_door(const struct door *d)
{
	struct vm *vm = machine();
	struct vcpu *v = vm_vcpu(vm);
	struct bt *bt = bt_of(v);

	memcpy(ram_at(&vm->ram, CODE, 128), d->code, (size_t)(d->end - d->code));
	v->s.gpr[RCX] = 10;
	v->s.gpr[RSI] = STACK + 0x1000;
	v->s.gpr[RDI] = STACK;
	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], 10 * 0x10001 + 5 * 0x100);
	CU_ASSERT_EQUAL(bt->stats.blocks, d->blocks);
	CU_ASSERT_EQUAL(bt->stats.insns, d->insns);
	CU_ASSERT_EQUAL(bt->stats.exits[EXIT_JUMP], d->jumps);
	check_lists(bt);
	bt_code_written(v, CODE, 128);
	for (u64 n = bt->oldest; n != bt->newest; n++)
		CU_ASSERT_PTR_NULL(near_get(&block_nr(bt, n)->incoming));
	check_lists(bt);
	vm_destroy(vm);
}

static void test_doors(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(doors); n++)
		check_door(&doors[n]);
}

/* ---- code that moves ------------------------------------------------------------------------- */

#define TIMES  10u
#define BACK   (CODE + 0x20)
#define SMALL  0x300000u /* a page of 4 KiB, */
#define LARGE  0x400000u /* and one of 2 MiB; with the other bit set there is other code */
#define PTE    (TABLES + 0x4000 + (SMALL >> 12 & 511) * 8)
#define PDE    (TABLES + 0x2000 + (LARGE >> 21) * 8)
#define INVLPG "\x0f\x01\x3c\x25"
#define GLOBAL 0x100u

struct move {
	const char *go; /* how to get there: the bytes before the 32-bit displacement or target, */
	size_t go_len;
	const char *go_on; /* and after it */
	const char *flush;
	size_t flush_len;
	u32 linear, entry, bit;
};

static const struct move moves[] = {
	{ "\xe9", 1, "", INVLPG "\x00\x00\x30\x00", 8, SMALL, PTE, 0x10000 },
	{ "\xe9", 1, "", "\x0f\x20\xda\x0f\x22\xda", 6, SMALL, PTE, 0x10000 },
	{ "\xf9\x0f\x82", 3, "", INVLPG "\xf0\x0f\x30\x00", 8, SMALL, PTE, 0x10000 },
	{ "\xba", 1, "\xff\xe2", INVLPG "\x00\x00\x30\x00", 8, SMALL, PTE, 0x10000 },
	{ "\xba", 1, "\xff\xe2", "\x0f\x20\xda\x0f\x22\xda", 6, SMALL, PTE, 0x10000 },
	{ "\xe9", 1, "", INVLPG "\x00\xf0\x5f\x00", 8, LARGE + 0x1000, PDE, 0x200000 },
	{ "\xba", 1, "\xff\xe2", INVLPG "\x00\xf0\x5f\x00", 8, LARGE + 0x1000, PDE, 0x200000 },
};

/* At LINEAR, whose memory is at GPA: "add rax, N; jmp BACK". */
static void put_there(struct vm *vm, u64 gpa, u32 linear, u32 n)
{
	u8 *p = put_bytes(ram_at(&vm->ram, gpa, 16), "\x48\x05", 2, n);

	put_bytes(p, "\xe9", 1, BACK - (linear + 11));
}

/* "go to linear; BACK: xor [entry], bit; flush; dec ecx; jnz; hlt" */
static void put_here(struct vm *vm, const struct move *m)
{
	bool absolute = *m->go == '\xba';
	u32 where = absolute ? m->linear : m->linear - (CODE + (u32)m->go_len + 4);
	u8 *start = ram_at(&vm->ram, CODE, 64);
	u8 *p = put_bytes(start, m->go, m->go_len, where);

	memcpy(p, m->go_on, strlen(m->go_on));
	p = put_bytes(start + (BACK - CODE), "\x48\x81\x34\x25", 4, m->entry);
	memcpy(p, &m->bit, 4);
	memcpy(p + 4, m->flush, m->flush_len);
	p += 4 + m->flush_len;
	p = put_bytes(p, "\xff\xc9\x0f\x85", 4, (u32)(start - (p + 8)));
	*p = 0xf4;
}

static void check_move(const struct move *m, u64 global)
{
	struct vm *vm = machine();
	u64 entry = m->entry == PTE ? SMALL | 3 : LARGE | 0x83, gpa = m->linear;
	u64 sum = TIMES / 2 * 1001, got;

	put64(vm, m->entry, entry | global);
	put_here(vm, m);
	put_there(vm, gpa, m->linear, 1);
	put_there(vm, gpa ^ m->bit, m->linear, 1000);
	vm_vcpu(vm)->s.cr4 |= global ? CR4_PGE : 0;
	vm_vcpu(vm)->s.gpr[RCX] = TIMES;
	got = run(vm)->s.gpr[RAX];
	/* A write of CR3 leaves pages that are global, if it likes. */
	CU_ASSERT_TRUE(got == sum || (global && m->flush[1] == 0x20 && got <= sum));
	check_lists(bt_of(vm_vcpu(vm)));
	vm_destroy(vm);
}

static void test_moves(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(moves); n++) {
		check_move(&moves[n], 0);
		check_move(&moves[n], GLOBAL);
	}
}

static u64 linked_pages(const struct bt *bt)
{
	u64 count = 0;

	for (u64 n = bt->oldest; n != bt->newest; n++)
		for (u32 k = 0; k < block_nr(bt, n)->nr_exits; k++) {
			const struct exit *x = &bt->exits[block_nr(bt, n)->first_exit + k];

			count += x->kind == EXIT_JUMP && exit_link_of(x)->page;
		}
	return count;
}

/* A jump to another page is linked once, and not again when CR3 is written; when numbers of pages
 * are used up, everything goes on. */
static void test_code_pages(void)
{
	struct vm *vm = machine();
	struct bt *bt = bt_of(vm_vcpu(vm));
	u64 sum = make_pieces(vm), links;

	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], sum);
	CU_ASSERT_TRUE(linked_pages(bt) > 0);
	links = bt->stats.links;
	engine_flush(bt->v, true);
	reset(vm);
	bt->v->s.gpr[RCX] = ROUNDS;
	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], sum);
	CU_ASSERT_EQUAL(bt->stats.links, links);

	for (u64 n = 0; n < CODE_PAGES; n++)
		CU_ASSERT_TRUE(codepage_number(bt, n << 12, 0) < CODE_PAGES);
	CU_ASSERT_EQUAL(linked_pages(bt), 0);
	check_lists(bt);
	reset(vm);
	bt->v->s.gpr[RCX] = ROUNDS;
	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], sum);
	CU_ASSERT_TRUE(linked_pages(bt) > 0);
	vm_destroy(vm);
}

/* ---- indirect jumps -------------------------------------------------------------------------- */

#define MANY	1000u
#define SITE(n) (0x220100u + (n)*0x10000u) /* all in one place of the first table */
#define SITES	3u

static void put_end(u8 *p, u64 linear)
{
	p = put_bytes(p, "\xff\xc9\x0f\x85", 4, (u32)(CODE - (linear + 8)));
	*p = 0xf4;
}

/* Functions that share a place are called by turns: "mov edx, SITE; call rdx". */
static void make_calls(struct vm *vm)
{
	u8 *start = ram_at(&vm->ram, CODE, 64), *p = start;

	for (u32 n = 0; n < SITES; n++) {
		p = put_bytes(p, "\xba", 1, SITE(n));
		memcpy(p, "\xff\xd2", 2);
		p += 2;
		*put_bytes(ram_at(&vm->ram, SITE(n), 16), "\x48\x05", 2, 1) = 0xc3;
	}
	put_end(p, CODE + (u64)(p - start));
}

/* One function, called from places that share one: "SITE: call f; jmp next SITE". */
static void make_returns(struct vm *vm)
{
	const u32 end = CODE + 0x20, f = CODE + 0x40;
	u8 *p;

	put_bytes(ram_at(&vm->ram, CODE, 8), "\xe9", 1, SITE(0) - (CODE + 5));
	for (u32 n = 0; n < SITES; n++) {
		p = put_bytes(ram_at(&vm->ram, SITE(n), 16), "\xe8", 1, f - (SITE(n) + 5));
		put_bytes(p, "\xe9", 1, (n + 1 < SITES ? SITE(n + 1) : end) - (SITE(n) + 10));
	}
	*put_bytes(ram_at(&vm->ram, f, 16), "\x48\x05", 2, 1) = 0xc3;
	put_end(ram_at(&vm->ram, end, 16), end);
}

static void check_shared(void (*make)(struct vm *vm), bool return_cache)
{
	struct vm *vm = machine();
	struct vcpu *v = vm_vcpu(vm);

	v->bt_config.return_cache = return_cache;
	make(vm);
	v->s.gpr[RCX] = MANY;
	CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], MANY * SITES);
	CU_ASSERT_EQUAL(v->s.gpr[RSP], STACK);
	/* Once for each way from and to, and not each time. */
	CU_ASSERT_TRUE(bt_of(v)->stats.exits[EXIT_INDIRECT] <= 4 * SITES);
	/* Dropped code is not a target any more, in whichever place. */
	for (u32 n = 0; n < SITES; n++) {
		mem_note_write(v, SITE(n), 16);
		*(u8 *)ram_at(&vm->ram, SITE(n) + 2, 1) += 1;
	}
	if (make == make_calls) {
		reset(vm);
		v->s.gpr[RCX] = MANY;
		CU_ASSERT_EQUAL(run(vm)->s.gpr[RAX], MANY * SITES * 2);
	}
	vm_destroy(vm);
}

static void test_shared_places(void)
{
	check_shared(make_calls, true);
	check_shared(make_returns, true);
	check_shared(make_calls, false);
	check_shared(make_returns, false);
}

/* A target that is not canonical is an exception of the jump, before anything is done. */
static void test_not_canonical(void)
{
	static const char *const jumps[] = { "\xc3", "\xff\xe2", "\xff\xd2", "\xc2\x10" };
	static const u64 target = 0x8000000000001234;

	for (size_t n = 0; n < ARRAY_SIZE(jumps); n++) {
		struct vm *vm = machine();
		struct vcpu *v = vm_vcpu(vm);
		u8 *p = ram_at(&vm->ram, CODE, 32);

		memcpy(p, "\x48\xba", 2);
		memcpy(p + 2, &target, 8);
		p[10] = 0x52; /* PUSH RDX */
		memcpy(p + 11, jumps[n], strlen(jumps[n]));
		CU_ASSERT_EQUAL(bt_execute(v), EMU_FAULT);
		fpu_put(v);
		CU_ASSERT_EQUAL(v->exc.vector, GP);
		CU_ASSERT_EQUAL(v->s.rip, CODE + 11);
		CU_ASSERT_EQUAL(v->s.gpr[RSP], STACK - 8);
		vm_destroy(vm);
	}
}

CU_TestInfo tests_bt_flow[] = { { "a full code cache loses its oldest blocks", test_eviction },
				{ "all code is dropped", test_flush },
				{ "jumps into the middle of blocks", test_doors },
				{ "jumps to code that has moved", test_moves },
				{ "numbers of code pages", test_code_pages },
				{ "targets that share a place", test_shared_places },
				{ "targets that are not canonical", test_not_canonical },
				CU_TEST_INFO_NULL };
