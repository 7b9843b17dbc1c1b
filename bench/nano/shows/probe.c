/* SPDX-License-Identifier: MIT */
/*
 * Runs a piece of code from its command line at CPL 0, or with SNIPPET_CPL3 at CPL 3, and says what
 * it came to. `fvbench sensitive` sends it one sensitive instruction after the other
 * (../../snippets.def).
 *
 * code=HEX insn=N resume=N bits=64|32|16 flags=N: the code, the offsets of the instruction in
 * question and of the last part, which stores results; SNIPPET_* of probe.h. Whatever exception
 * comes, the last part is next.
 *
 * Prints vector= (65535: none) error= a= c= d= (results) cs= flags= (after it, as an interrupt
 * pushes them).
 */
#include "cpu.h"
#include "pit.h"
#include "probe.h"
#include "platform.h"
#include "string.h"
#include "xsave.h"

static const struct {
	u32 leaf, sub;
	u8 reg, bit;
} features[] = {
#define F(name, leaf, sub, reg, bit) [PROBE_##name] = { leaf, sub, reg, bit },
	PROBE_FEATURES
#undef F
};

/* Where Linux has its user code, so that at CPL 3 the host's descriptors are loaded instead of
 * ours, and nothing traps. */
#ifdef __x86_64__
#define SEL_OWN 0x30
#else
#define SEL_OWN 0x20
#endif
#define SEL_DATA  0x2b /* Linux's user data */
#define SEL_LDT	  0x80 /* two slots; not 0x50, which is where Linux has it */
#define SEL_16	  PROBE_SEL_16
#define SEL_16U	  0x68
#define SEL_BASED 0x7b /* Linux's, of the processor's number */
#define SEL_TASK  0x90
#define SEL_TASK2 0xa0
#define SEL_LDT2  0xb0
#define SEL_FAST  0xc8 /* six for SYSENTER, SYSEXIT, SYSRET */

#define DESC_CODE 0x00cf9b000000ffffull
#define DESC_DATA 0x00cf93000000ffffull
#define DESC_DPL3 0x0000600000000000ull
#define DESC_L	  0x0060000000000000ull /* to be flipped: D off, L on */
#ifdef __x86_64__
#define DESC_OWN (DESC_CODE ^ DESC_L)
#else
#define DESC_OWN DESC_CODE
#endif

#define CR0_TS		  (1ul << 3)
#define CR4_FSGSBASE	  (1ul << 16)
#define MSR_SYSENTER_CS	  0x174
#define MSR_SYSENTER_ESP  0x175
#define MSR_SYSENTER_EIP  0x176
#define MSR_TSC		  0x10
#define MSR_CSTAR	  0xc0000083
#define MSR_FS_BASE	  0xc0000100
#define MSR_TSC_AUX	  0xc0000103
#define CPUID_7B_FSGSBASE 1u
#define CPUID_7B_SMAP	  (1u << 20)
#define CPUID_81D_RDTSCP  (1u << 27)
#define CPUID_81D_LM	  (1u << 29)
#define VECTOR_TIMER	  0x20

u8 probe_io[IO_SIZE] __page_aligned, probe_user_stack[PAGE] __page_aligned;
static u8 code[PAGE] __page_aligned;
static u8 stacks[2][PAGE] __page_aligned; /* of CPL 0 after an interrupt; where SYSENTER leads */
static u64 table[32] __page_aligned;
static u32 task2[26];
static u32 bits, flags, insn, resume;
static u64 before, after;

extern u32 tss[26];
extern const char probe_vectors[], probe_end[], probe_entry[];
void probe_call(const void *where, uword selector);
void probe_call_user(uword where, uword selector, uword rflags);

/* Translators take a closer look at code that runs more than a few times. */
#define WARM_ROUNDS 40

__interrupt void on_timer(struct frame *f)
{
	(void)f;
	pic_end();
}

static void put(u32 offset, u32 v)
{
	memcpy(probe_io + offset, &v, sizeof(v));
}

static u64 get(u32 offset)
{
	u64 v;

	memcpy(&v, probe_io + offset, sizeof(v));
	return v;
}

/* The value after NAME (which ends in '=') on the command line. */
static const char *argument(const char *name)
{
	size_t len = 0;

	while (name[len])
		len++;
	for (const char *p = platform_arguments(), *q = p; *p; q = p++)
		if ((q == p || *q == ' ') && !memcmp(p, name, len))
			return p + len;
	fail("the command line lacks what `fvbench sensitive` puts there");
}

static u32 number(const char *name)
{
	u32 n = 0;

	for (const char *p = argument(name); *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (u32)(*p - '0');
	return n;
}

static u8 digit(char c)
{
	return (u8)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void read_code(void)
{
	const char *p = argument("code=");

	for (size_t i = 0; i < sizeof(code) && *p > ' ' && p[1] > ' '; i++, p += 2)
		code[i] = (u8)(digit(p[0]) << 4 | digit(p[1]));
	bits = number("bits=");
	flags = number("flags=");
	insn = number("insn=");
	resume = number("resume=");
}

static void segment(u16 selector, const void *base, u32 limit, u8 type)
{
	u64 *slot = &gdt[SEL_SPARE / 8];

	segment_set(SEL_SPARE, base, limit, type);
	table[selector / 8] = slot[0];
	if (sizeof(uword) == 8)
		table[selector / 8 + 1] = slot[1];
}

static void make_table(void)
{
	const u64 user = flags & (SNIPPET_USER | SNIPPET_CPL3) ? DESC_DPL3 : 0;
	const uword based = (uword)probe_io, c16 = (uword)code;

	memcpy(table, gdt, 5 * sizeof(table[0]));
	table[SEL_DATA / 8] = DESC_DATA | DESC_DPL3;
	table[SEL_OWN / 8] = DESC_OWN | user;
	table[SEL_BASED / 8] =
		DESC_DATA | DESC_DPL3 | (u64)(based & 0xffffff) << 16 | (u64)(based >> 24) << 56;
	table[SEL_16 / 8] =
		0x00009b000000ffffull | (u64)(c16 & 0xffffff) << 16 | (u64)(c16 >> 24) << 56;
	table[SEL_16U / 8] = table[SEL_16 / 8] | DESC_DPL3;
	table[SEL_FAST / 8] = DESC_OWN;
	table[SEL_FAST / 8 + 1] = DESC_DATA;
	table[SEL_FAST / 8 + 2] = DESC_CODE | DESC_DPL3;
	table[SEL_FAST / 8 + 3] = DESC_DATA | DESC_DPL3;
	table[SEL_FAST / 8 + 4] = DESC_OWN | DESC_DPL3;
	table[SEL_FAST / 8 + 5] = DESC_DATA | DESC_DPL3;
	segment(SEL_LDT, probe_io, 0xff, 2);
	segment(SEL_LDT2, probe_io, 0x7f, 2);
	segment(SEL_TASK, tss, sizeof(tss) - 1, 9);
	segment(SEL_TASK2, task2, sizeof(task2) - 1, 9);
}

static void load_tables(void)
{
	struct table_reg r = { sizeof(table) - 1, (uword)table };

	asm volatile("lgdt %0" : : "m"(r));
	asm volatile("lldt %w0" : : "r"(SEL_LDT));
	asm volatile("ltr %w0" : : "r"(SEL_TASK));
	memcpy(probe_io + IO_GDTR, &r, sizeof(r));
}

static void catch_all(void)
{
	for (unsigned int v = 0; v < 256; v++)
		gate_set((u8)v, probe_vectors + 16 * v);
	gate_set_user(0x80, probe_vectors + 16 * 0x80);
	gate_set_user(PROBE_END, probe_end);
	gate_set(VECTOR_TIMER, on_timer);
	memcpy(probe_io + IO_IDTR, &idt_register, sizeof(idt_register));
	tss[1] = (u32)(uword)(stacks[0] + PAGE);
}

static void enable_features(void)
{
	const u32 known = cpuid(0x80000000, 0).a, b = cpuid(7, 0).b;
	const u32 d = known > 0x80000000 ? cpuid(0x80000001, 0).d : 0;

	if (sizeof(uword) == 8 && b & CPUID_7B_FSGSBASE)
		write_cr4(read_cr4() | CR4_FSGSBASE);
	if (cpuid(1, 0).c & CPUID_1C_XSAVE)
		xsave_enable(XSAVE_X87 | XSAVE_SSE);
	if (d & CPUID_81D_RDTSCP)
		wrmsr(MSR_TSC_AUX, 0x777);
	wrmsr(MSR_SYSENTER_CS, SEL_FAST);
	wrmsr(MSR_SYSENTER_ESP, (uword)(stacks[1] + PAGE));
	wrmsr(MSR_SYSENTER_EIP, (uword)probe_entry);
	if (!(d & CPUID_81D_LM))
		return;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1);
	wrmsr(MSR_STAR, (u64)(SEL_FAST + 16) << 48 | (u64)SEL_FAST << 32 | (u32)(uword)probe_entry);
	wrmsr(MSR_LSTAR, (uword)probe_entry);
	wrmsr(MSR_CSTAR, (uword)probe_entry);
	wrmsr(MSR_SFMASK, 0);
}

/* Flat code, or in 16-bit mode the code's own, of the privilege that is asked for. */
static u16 code_selector(void)
{
	if (bits == 16)
		return flags & SNIPPET_CPL3 ? SEL_16U | 3 : SEL_16;
	return SEL_OWN | (flags & (SNIPPET_USER | SNIPPET_CPL3) ? 3 : 0);
}

/* The same state before each run. */
static void prepare(uword n)
{
	const u16 gs = SEL_UDATA;

	(void)n;
	memset(probe_io + IO_XSAVE, 0, IO_SIZE - IO_XSAVE);
	put(IO_CS, code_selector());
	put(IO_SS, SEL_DATA);
	put(IO_BASED, SEL_BASED);
	put(IO_KCODE, SEL_KCODE);
	put(IO_KDATA, SEL_KDATA);
	put(IO_LDT, SEL_LDT2);
	put(IO_TSS, SEL_TASK2);
	put(IO_MAGIC, PROBE_MAGIC);
	put(IO_VECTOR, PROBE_NONE);
	put(IO_ERROR, 0);
	/* In 64-bit mode an address of 8 bytes, elsewhere a far pointer. */
	put(IO_RESUME, (bits == 16 ? 0 : (u32)(uword)code) + resume);
	put(IO_RESUME + 4, bits == 64 ? 0 : bits == 16 ? SEL_16 : SEL_KCODE);
	table[SEL_TASK2 / 8] &= ~(2ull << 40); /* not busy */
	asm volatile("mov %0, %%fs; mov %0, %%gs" : : "r"((u32)gs));
	if (sizeof(uword) == 8) {
		wrmsr(MSR_FS_BASE, 0x12340000);
		wrmsr(MSR_GS_BASE, 0x23450000);
		wrmsr(MSR_KERNEL_GS_BASE, 0x34560000);
	}
	outb(0x3ff, 0xa5);
	write_cr0((read_cr0() & ~CR0_TS) | (flags & SNIPPET_TS ? CR0_TS : 0));
}

static u16 user_selector(void)
{
	return bits == 16 ? SEL_16U | 3 : bits == 32 ? PROBE_USER_CS : PROBE_USER_CS_64;
}

static void run(uword n)
{
	(void)n;
	if (flags & SNIPPET_TIME)
		before = rdmsr(MSR_TSC);
	if (flags & SNIPPET_TIMER)
		pit_every(2400);
	if (flags & SNIPPET_IF)
		sti();
	if (flags & SNIPPET_CPL3)
		probe_call_user(bits == 16 ? 0 : (uword)code, user_selector(),
				2 | (flags & SNIPPET_IF ? FLAGS_IF : 0));
	else
		probe_call(code, bits == 16 ? SEL_16 : SEL_KCODE);
	cli();
	if (flags & SNIPPET_TIME)
		after = rdmsr(MSR_TSC);
}

/* What an instruction does that the processor does not have, nobody says. */
static void look_for(u32 feature)
{
	const u32 leaf = features[feature].leaf;
	struct cpuid c = { 0 };

	if (!feature)
		return;
	if (leaf <= cpuid(leaf & 1u << 31, 0).a)
		c = cpuid(leaf, features[feature].sub);
	if (!((const u32[]){ c.a, c.b, c.c, c.d }[features[feature].reg] >> features[feature].bit &
	      1))
		skip("this processor does not offer it");
}

static void setup(void)
{
	read_code();
	look_for(flags >> SNIPPET_NEEDS_SHIFT);
	catch_all();
	make_table();
	load_tables();
	enable_features();
	pic_init(VECTOR_TIMER);
	for (unsigned int i = flags & SNIPPET_TIMER ? WARM_ROUNDS - 2 : 0; i < WARM_ROUNDS; i++) {
		prepare(1);
		run(1);
	}
}

static void check(uword n)
{
	u64 a = get(IO_A), d = get(IO_D), time = (d << 32) + (u32)a;
	u32 vector = (u32)get(IO_VECTOR);

	(void)n;
	if (flags & SNIPPET_TIME && vector == PROBE_NONE) {
		a = before <= time && time <= after;
		d = 0;
	}
	metric("vector", vector);
	metric("error", (u32)get(IO_ERROR));
	metric("a", a);
	metric("c", get(IO_C));
	metric("d", d);
	metric("cs", (u16)get(IO_AFTER_CS));
	metric("flags", get(IO_AFTER_FLAGS) & 0x47200);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check, .max = 1
};
