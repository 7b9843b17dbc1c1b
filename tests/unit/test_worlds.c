/* SPDX-License-Identifier: MIT */
/* Worlds alone, over each transport: code of ours runs in one, and we look at what comes out. */
#include "backends/swbt/direct/stub_signal.h"
#include "common/error.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE 0x100000 /* mapped for reading and executing */
#define DATA 0x200000 /* for reading and writing */

#define ASM(name, text)                                                                  \
	extern const u8 name[], name##_end[];                                            \
	__asm__(".pushsection .rodata\n.code64\n" #name ":\n" text "\n" #name "_end:\n." \
									      "popsection")
#define LOAD(name) memcpy(page, name, (size_t)(name##_end - name))

static struct world w;
static u8 *page, *data; /* of CODE, of DATA */
static struct world_regs r;
static struct world_stop stop;
static u64 loaded;

static int begin(const struct transport *t)
{
	struct error err = { 0 };
	struct world_call map[] = {
		{ SYS_mmap, { CODE, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, 0, 0 } },
		{ SYS_mmap,
		  { DATA, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0, 4096 } },
	};

	w = (struct world){ .transport = t, .name = "test", .copy_fd = -1, .gate = -1 };
	w.spin = 80000;
	w.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (w.ram_fd < 0 || ftruncate(w.ram_fd, MiB))
		return -errno;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, w.ram_fd, 0);
	data = page + 4096;
	if (t->start(&w, &err)) {
		CU_FAIL("a world does not start");
		fprintf(stderr, "%s\n", err.text);
		return -EIO;
	}
	map[0].arg[4] = map[1].arg[4] = (u64)w.ram_fd;
	r = (struct world_regs){ .rip = CODE, .rflags = 2, .cs = HOST_CS64, .ss = HOST_SS };
	return t->calls(&w, map, 2);
}

static void end(void)
{
	w.transport->end(&w);
	munmap(page, 8192);
	close(w.ram_fd);
}

static int run(void)
{
	return w.transport->run(&w, &r, &loaded, &stop);
}

/* FN in a new world of each transport that this host can do. */
static void each(void (*fn)(void))
{
	static const struct transport *const all[] = { &signal_transport, &ptrace_transport };

	for (size_t n = 0; n < ARRAY_SIZE(all); n++) {
		if (all[n]->missing && all[n]->missing())
			continue;
		if (!begin(all[n]))
			fn();
		else
			CU_FAIL("no world");
		end();
	}
}

/* ---- what goes in and comes out ---------------------------------------------------------------
 */

ASM(registers, "inc %rax; inc %rcx; inc %rdx; inc %rbx; inc %rsp; inc %rbp; inc %rsi; inc %rdi\n"
	       "inc %r8; inc %r9; inc %r10; inc %r11; inc %r12; inc %r13; inc %r14; inc %r15\n"
	       "mov %fs:0, %rax\n mov %gs:8, %rcx\n stc; std\n hlt");

static void with_registers(void)
{
	LOAD(registers);
	memcpy(data, "01234567abcdefgh", 16);
	for (unsigned int n = 0; n < NR_GPR; n++)
		r.gpr[n] = 0x1234567800000000 + n;
	r.fs_base = r.gs_base = DATA;
	CU_ASSERT_EQUAL(run(), 0);
	CU_ASSERT_EQUAL(stop.kind, WORLD_FAULT);
	CU_ASSERT_EQUAL(stop.vector, GP);
	CU_ASSERT_EQUAL(r.rip, (u64)(CODE + (registers_end - registers) - 1));
	for (unsigned int n = 2; n < NR_GPR; n++)
		CU_ASSERT_EQUAL(r.gpr[n], 0x1234567800000001 + n);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RAX], "01234567", 8), 0);
	CU_ASSERT_EQUAL(memcmp(&r.gpr[RCX], "abcdefgh", 8), 0);
	CU_ASSERT_EQUAL(r.rflags & (RFLAGS_CF | RFLAGS_DF), RFLAGS_CF | RFLAGS_DF);
	CU_ASSERT_EQUAL(r.fs_base, DATA);
	CU_ASSERT_EQUAL(r.cs, HOST_CS64);
	CU_ASSERT_EQUAL(r.ss, HOST_SS);
}

static void test_registers(void)
{
	each(with_registers);
}

/* RBX: where to read; RCX: by what to divide. */
ASM(faults,
    "ud2\n mov (%rbx), %eax\n mov %eax, (%rbx)\n int3\n div %ecx\n hlt\n syscall\n int $0x80\n"
    "int $0x20\n mov (%rdx), %eax\n ret");

static void with_faults(void)
{
	static const struct {
		enum world_stop_kind kind;
		u8 vector;
		u32 address;
		unsigned int at, next; /* RIP at the stop; where to go on */
	} want[] = {
		{ WORLD_FAULT, UD, 0, 0, 2 },	     { WORLD_FAULT, PF, 0x300000, 2, 4 },
		{ WORLD_FAULT, PF, 0x300000, 4, 6 }, { WORLD_FAULT, BP, 0, 7, 7 },
		{ WORLD_FAULT, DE, 0, 7, 9 },	     { WORLD_FAULT, GP, 0, 9, 10 },
		{ WORLD_SYSCALL, 0, 0, 12, 12 },     { WORLD_SYSCALL, 0, 0, 14, 14 },
		{ WORLD_FAULT, GP, 0, 14, 16 },	     { WORLD_FAULT, GP, 0, 16, 16 },
	};

	LOAD(faults);
	r.gpr[RBX] = 0x300000;
	r.gpr[RDX] = 0x8000000000000000;
	r.gpr[RSP] = DATA;
	for (size_t n = 0; n < ARRAY_SIZE(want); n++) {
		CU_ASSERT_EQUAL(run(), 0);
		CU_ASSERT_EQUAL(stop.kind, want[n].kind);
		CU_ASSERT_EQUAL(r.rip, CODE + want[n].at);
		if (stop.kind == WORLD_FAULT) {
			CU_ASSERT_EQUAL(stop.vector, want[n].vector);
			CU_ASSERT_EQUAL(stop.address, want[n].address);
		}
		r.rip = CODE + want[n].next;
	}
}

static void test_faults(void)
{
	each(with_faults);
}

ASM(vectors, "movdqa %xmm0, (%rdi)\n fstpl 16(%rdi)\n movdqa 32(%rdi), %xmm9\n hlt");

static void with_vectors(void)
{
	static u8 image[4096] __attribute__((aligned(64)));

	LOAD(vectors);
	r.gpr[RDI] = DATA;
	CU_ASSERT_EQUAL(w.transport->get_fpu(&w, image, sizeof(image)), 0);
	memcpy(image + 160, "sixteen of bytes", 16);	      /* XMM0 */
	memcpy(image + 32, "\0\0\0\0\0\0\0\x80\xff\x3f", 10); /* ST0: 1.0 */
	image[4] = 1;					      /* is there */
	image[512] |= 3;
	memcpy(data + 32, "that comes out!!", 16);
	CU_ASSERT_EQUAL(w.transport->set_fpu(&w, image, sizeof(image), 7), 0);
	CU_ASSERT_EQUAL(run(), 0);
	CU_ASSERT_EQUAL(memcmp(data, "sixteen of bytes", 16), 0);
	CU_ASSERT_EQUAL(memcmp(data + 16, &(double){ 1.0 }, 8), 0);
	CU_ASSERT_EQUAL(w.transport->get_fpu(&w, image, sizeof(image)), 0);
	CU_ASSERT_EQUAL(memcmp(image + 160 + 9 * 16, "that comes out!!", 16), 0);
}

static void test_vectors(void)
{
	each(with_vectors);
}

/* ---- kicks ------------------------------------------------------------------------------------
 */

static void on_alarm(int signo)
{
	(void)signo;
	w.transport->kick(&w);
}

static void kick_in(unsigned int ms)
{
	struct itimerval it = { .it_value.tv_usec = (long)ms * 1000 };
	struct sigaction sa = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

ASM(endless, "1: inc %rax; jmp 1b");

static void with_kicks(void)
{
	LOAD(endless);
	for (unsigned int n = 1; n < 20; n++) {
		r.gpr[RAX] = 0;
		kick_in(n % 4);
		if (n % 4 == 0)
			w.transport->kick(&w); /* the next run */
		CU_ASSERT_EQUAL(run(), 0);
		CU_ASSERT_EQUAL(stop.kind, WORLD_KICKED);
		CU_ASSERT_TRUE(r.rip >= CODE && r.rip < CODE + 8);
	}
}

static void test_kicks(void)
{
	each(with_kicks);
}

/* One that dies is told of, whatever is asked of it. */
static void with_death(void)
{
	struct world_call c = { SYS_munmap, { DATA, 4096 } };
	struct error err;

	LOAD(endless);
	kill(w.pid, SIGKILL);
	CU_ASSERT_EQUAL(run(), 0);
	CU_ASSERT_EQUAL(stop.kind, WORLD_DEAD);
	CU_ASSERT_TRUE(w.dead);
	CU_ASSERT_EQUAL(w.transport->calls(&w, &c, 1), -ESRCH);
	CU_ASSERT_EQUAL(world_is_dead(&w, &err), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "signal 9"));
}

static void test_death(void)
{
	each(with_death);
}

CU_TestInfo tests_worlds[] = {
	{ "registers go in and come out", test_registers },
	{ "faults say what they are", test_faults },
	{ "vector registers go in and come out", test_vectors },
	{ "kicks end a run, or the next one", test_kicks },
	{ "one that dies is told of", test_death },
	CU_TEST_INFO_NULL,
};
