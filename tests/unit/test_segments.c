/* SPDX-License-Identifier: MIT */
/* 16- and 32-bit code in worlds, with segments of its own; where the host can do that. */
#include "backends/swbt/direct/compat.h"
#include "backends/swbt/direct/segments.h"
#include "common/error.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CODE 0x100000
#define DATA 0x200000

#define ATTR_CODE  (ATTR_P | ATTR_S | 0xb) /* readable, accessed */
#define ATTR_WRITE (ATTR_P | ATTR_S | 3)
#define ATTR_DOWN  (ATTR_P | ATTR_S | 7) /* writable, expands down */

#define ASM(name, bits, text)                                                        \
	extern const u8 name[], name##_end[];                                        \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name \
		"_end:\n.code64\n.popsection")

static struct world w;
static struct vcpu *v;
static struct segments *segments;
static u8 *page, *data;
static struct world_regs before, r;
static struct world_stop stop;

static bool begin(const struct transport *t)
{
	struct world_call map[] = {
		{ SYS_mmap, { CODE, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, 0, 0 } },
		{ SYS_mmap,
		  { DATA, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0, 4096 } },
	};
	struct error err;
	int fd;

	w = (struct world){ .transport = t, .name = "test", .copy_fd = -1, .gate = -1 };
	w.spin = 80000;
	w.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	v = vcpu_new(&fd);
	close(fd);
	segments = calloc(1, sizeof(*segments));
	if (ftruncate(w.ram_fd, MiB) || t->start(&w, &err))
		return false;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, w.ram_fd, 0);
	data = page + 4096;
	map[0].arg[4] = map[1].arg[4] = (u64)w.ram_fd;
	v->s.cr0 = CR0_PE;
	segments->compat = compat_probe();
	return !t->calls(&w, map, 2);
}

static void end(void)
{
	w.transport->end(&w);
	munmap(page, 8192);
	close(w.ram_fd);
	free(segments);
	vcpu_free(v);
}

static void segment(enum seg n, u16 selector, u64 base, u32 limit, u32 attr)
{
	v->s.seg[n] = (struct segment){
		.base = base, .limit = limit, .attr = attr, .selector = selector
	};
}

static void usual_segments(u32 db)
{
	segment(SEG_CS, 0x08, CODE, 0xfff, ATTR_CODE | db);
	segment(SEG_SS, 0x10, 0, 0xffffffff, ATTR_WRITE | db);
	segment(SEG_DS, 0x18, DATA, 15, ATTR_WRITE | db);
	segment(SEG_FS, 0x2c, DATA + 32, 15, ATTR_WRITE | db); /* of the LDT */
	segment(SEG_GS, 0x33, DATA, 0x1f, ATTR_DOWN | db);     /* what the host has there is code */
	segment(SEG_ES, 0, 0, 0, ATTR_UNUSABLE);
	vcpu_derive(v);
}

static void run(void)
{
	u64 loaded;

	r.rflags = 2;
	CU_ASSERT_EQUAL(segments_out(segments, &w, v, &r), 0);
	before = r;
	CU_ASSERT_EQUAL(w.transport->run(&w, &r, &loaded, &stop), 0);
	CU_ASSERT_EQUAL(stop.kind, WORLD_FAULT);
	segments_in(segments, v, &before, &r);
}

static void each(u32 needs, void (*fn)(void))
{
	static const struct transport *const all[] = { &signal_transport, &ptrace_transport };

	if ((compat_probe() & needs) != needs)
		return;
	for (size_t n = 0; n < ARRAY_SIZE(all); n++) {
		if (all[n]->missing && all[n]->missing())
			continue;
		if (begin(all[n]))
			fn();
		else
			CU_FAIL("no world");
		end();
	}
}

ASM(bases, 32,
    "mov 4, %eax\n mov %fs:8, %ecx\n mov %ds, %edx\n mov %edx, %es\n mov %es:12, %esi\n"
    "mov %cs:0, %edi\n mov 13, %ebx");

/* Bases and limits are the guest's; a selector that was read can be loaded. */
static void with_bases(void)
{
	memcpy(page, bases, (size_t)(bases_end - bases));
	usual_segments(ATTR_DB);
	CU_ASSERT_TRUE(segments_fit(v, segments->compat));
	memcpy(data, "0123abcd....ABCD", 16);
	memcpy(data + 40, "fsfs", 4);
	r = (struct world_regs){ 0 };
	run();
	CU_ASSERT_EQUAL(stop.vector, GP);
	CU_ASSERT_EQUAL(r.rip, (u64)(bases_end - bases) - 6);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RAX], "abcd", 4), 0);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RCX], "fsfs", 4), 0);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RSI], "ABCD", 4), 0);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RDI], bases, 4), 0);
	CU_ASSERT_EQUAL((u16)r.gpr[RDX] >> 3, 0x18 >> 3);
	CU_ASSERT_EQUAL(v->s.seg[SEG_ES].selector, 0x18);
	CU_ASSERT_EQUAL(v->s.seg[SEG_ES].base, DATA);
	CU_ASSERT_EQUAL(v->s.seg[SEG_CS].selector, 0x08);
}

static void test_bases(void)
{
	each(COMPAT_32, with_bases);
}

ASM(down, 32, "mov %gs:0x20, %eax\n mov %gs:0x1e, %ebx");

static void with_changes(void)
{
	memcpy(page, down, (size_t)(down_end - down));
	usual_segments(ATTR_DB);
	memcpy(data + 32, "1234", 4);
	r = (struct world_regs){ 0 };
	run();
	CU_ASSERT_EQUAL(stop.vector, GP);
	CU_ASSERT_EQUAL(r.rip, (u64)(down_end - down) - 7);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RAX], "1234", 4), 0);
	/* The same selector, another descriptor. */
	segment(SEG_GS, 0x33, DATA + 16, 0xfffff, ATTR_WRITE | ATTR_DB);
	memcpy(data + 0x10 + 0x1e, "abcd", 4);
	run();
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RBX], "abcd", 4), 0);
	CU_ASSERT_EQUAL(v->s.seg[SEG_GS].selector, 0x33);
}

static void test_changes(void)
{
	each(COMPAT_32, with_changes);
}

ASM(null, 32, "xor %eax, %eax\n mov %eax, %fs\n mov %fs:0, %eax");

static void with_null(void)
{
	memcpy(page, null, (size_t)(null_end - null));
	usual_segments(ATTR_DB);
	r = (struct world_regs){ 0 };
	run();
	CU_ASSERT_EQUAL(stop.vector, GP);
	CU_ASSERT_TRUE(v->s.seg[SEG_FS].attr & ATTR_UNUSABLE);
}

static void test_null(void)
{
	each(COMPAT_32, with_null);
}

ASM(code16, 16, "mov $0x1234, %ax\n push %ax\n mov 4, %cx\n hlt");

static void with_code16(void)
{
	memcpy(page, code16, (size_t)(code16_end - code16));
	usual_segments(0);
	segment(SEG_SS, 0x10, DATA, 0xffff, ATTR_WRITE);
	memcpy(data + 4, "ab", 2);
	r = (struct world_regs){ .gpr[RSP] = 0xffff0200 };
	CU_ASSERT_TRUE(segments_fit(v, segments->compat));
	run();
	CU_ASSERT_EQUAL(r.rip, (u64)(code16_end - code16) - 1);
	CU_ASSERT_EQUAL(memcmp(data + 0x1fe, "\x34\x12", 2), 0);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RCX], "ab", 2), 0);
}

static void test_code16(void)
{
	each(COMPAT_16, with_code16);
}

/* What cannot be had is stepped. */
static void test_unfit(void)
{
	int fd;

	v = vcpu_new(&fd);
	close(fd);
	v->s.cr0 = CR0_PE;
	usual_segments(ATTR_DB);
	CU_ASSERT_TRUE(segments_fit(v, COMPAT_32));
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_FLAT));
	v->s.seg[SEG_SS].attr &= ~(u32)ATTR_DB;
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_32));
	CU_ASSERT_TRUE(segments_fit(v, COMPAT_32 | COMPAT_16));
	usual_segments(ATTR_DB);
	segment(SEG_GS, 0x1b, 0, 15, ATTR_WRITE | ATTR_DB); /* DS's index, another content */
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_32));
	segment(SEG_GS, 8 * SEGMENTS_LDT, 0, 15, ATTR_WRITE | ATTR_DB);
	CU_ASSERT_FALSE(segments_fit(v, COMPAT_32));
	vcpu_free(v);
}

CU_TestInfo tests_segments[] = {
	{ "bases and limits are the guest's", test_bases },
	{ "a descriptor that changes", test_changes },
	{ "null selectors", test_null },
	{ "16-bit code and stack", test_code16 },
	{ "what cannot be had is stepped", test_unfit },
	CU_TEST_INFO_NULL,
};
