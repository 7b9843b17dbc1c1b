/* SPDX-License-Identifier: MIT */
/* Where the time of a run goes: the parts are those that there are, and sum to all of it. */
#include "backends/backends.h"
#include "backends/swbt/vcpu.h"
#include "common/accountcsv.h"
#include "common/boot/boot.h"
#include "common/clock.h"
#include "common/hostflags.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- the account itself ---------------------------------------------------------------------- */

static void spin(u64 ns)
{
	u64 end = host_tsc() + ns * host_tsc_khz() / 1000000;

	while (host_tsc() < end)
		;
}

static double sum_of(const struct account_times *t)
{
	double sum = 0;

	for (unsigned int i = 0; i <= ACCOUNT_NR; i++)
		sum += t->part[i] > 0 ? t->part[i] : 0;
	return sum;
}

static bool sums_up(const struct account_times *t)
{
	double sum = sum_of(t);

	return sum > 0.98 * t->wall && sum < 1.02 * t->wall;
}

#define MS 1000000ull

static void test_parts(void)
{
	struct account a = { .parts = ACCOUNT_COMMON | BIT(ACCOUNT_EMULATION) };
	enum account_part before, inner;
	struct account_times t;

	account_start(&a);
	CU_ASSERT_EQUAL(account_times(&a, ACCOUNT_ALL, &t), -ENODATA);
	before = account_enter(&a, ACCOUNT_EMULATION);
	spin(4 * MS);
	inner = account_enter(&a, ACCOUNT_DEVICES);
	spin(2 * MS);
	account_leave(&a, inner);
	CU_ASSERT_EQUAL(a.now, ACCOUNT_EMULATION);
	account_point(&a, &a.mark[0]);
	spin(3 * MS);
	account_leave(&a, before);
	account_point(&a, &a.mark[1]);
	spin(MS);
	account_point(&a, &a.end);

	CU_ASSERT_EQUAL(account_times(&a, ACCOUNT_ALL, &t), 0);
	CU_ASSERT_TRUE(sums_up(&t));
	CU_ASSERT_TRUE(t.part[ACCOUNT_EMULATION] >= 6.9e6);
	CU_ASSERT_TRUE(t.part[ACCOUNT_DEVICES] >= 1.9e6);
	CU_ASSERT_TRUE(t.part[ACCOUNT_OTHER] >= 0.9e6);
	CU_ASSERT_EQUAL(t.part[ACCOUNT_IDLE], 0);
	CU_ASSERT_TRUE(t.part[ACCOUNT_TRANSLATED] < 0); /* not there */
	/* Of a phase, what happened in it alone. */
	CU_ASSERT_EQUAL(account_times(&a, ACCOUNT_COLD, &t), 0);
	CU_ASSERT_TRUE(sums_up(&t) && t.part[ACCOUNT_DEVICES] >= 1.9e6);
	CU_ASSERT_EQUAL(account_times(&a, ACCOUNT_WARM, &t), 0);
	CU_ASSERT_TRUE(sums_up(&t));
	CU_ASSERT_EQUAL(t.part[ACCOUNT_DEVICES], 0);
	CU_ASSERT_TRUE(account_share(&t, ACCOUNT_EMULATION) > 0.9);
}

/* What it takes to tell is no part's. */
static void test_cost(void)
{
	struct account a = { .parts = ACCOUNT_COMMON };
	struct account_times t;
	double shares = 0;

	account_start(&a);
	CU_ASSERT_TRUE(a.cost > 0 && a.cost < 10000);
	a.now = ACCOUNT_DEVICES;
	for (unsigned int i = 0; i < 100000; i++)
		account_leave(&a, account_enter(&a, ACCOUNT_IDLE));
	account_point(&a, &a.end);
	CU_ASSERT_EQUAL(account_times(&a, ACCOUNT_ALL, &t), 0);
	CU_ASSERT_TRUE(sums_up(&t));
	CU_ASSERT_TRUE(t.part[ACCOUNT_NR] > 0);
	/* Twice as dear would leave nothing for the parts, and what is not there is not subtracted.
	 */
	a.cost = 1e6;
	CU_ASSERT_EQUAL(account_times(&a, ACCOUNT_ALL, &t), 0);
	CU_ASSERT_EQUAL(t.part[ACCOUNT_DEVICES], 0);
	CU_ASSERT_TRUE(sums_up(&t));
	a.cost = 0;
	account_times(&a, ACCOUNT_ALL, &t);
	CU_ASSERT_EQUAL(t.part[ACCOUNT_NR], 0);
	for (unsigned int i = 0; i < ACCOUNT_NR; i++)
		shares += t.part[i] < 0 ? 0 : account_share(&t, i);
	CU_ASSERT_TRUE(shares > 0.999 && shares < 1.001);
}

/* Another process wants the same processor. */
static void test_waited(void)
{
	struct account *a = account_new();
	struct account_times t;
	cpu_set_t before, one;
	pid_t pid;

	CU_ASSERT_PTR_NOT_NULL_FATAL(a);
	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&one);
	for (int cpu = 0; !CPU_COUNT(&one); cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	CU_ASSERT_EQUAL(sched_setaffinity(0, sizeof(one), &one), 0);
	pid = fork();
	if (!pid)
		for (;;)
			;
	a->parts = ACCOUNT_COMMON;
	account_start(a);
	spin(100 * MS);
	account_point(a, &a->end);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	sched_setaffinity(0, sizeof(before), &before);
	CU_ASSERT_EQUAL(account_times(a, ACCOUNT_ALL, &t), 0);
	/* A kernel may have been built without the figure. */
	CU_ASSERT_TRUE(a->waits < 0 ? isnan(t.waited) : t.waited > 1e6 && t.waited < t.wall);
	CU_ASSERT_TRUE(sums_up(&t));
	account_free(a);
	account_free(NULL);
}

static void test_none(void)
{
	enum account_part before = account_enter(NULL, ACCOUNT_IDLE);

	account_leave(NULL, before);
}

static void test_csv(void)
{
	const struct csv_key key = { .run_id = "r", .backend = "b", .rep = 0, .iterations = 7 };
	struct account a = { .parts = BIT(ACCOUNT_IDLE) };
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	/* No marks: the whole run alone. */
	a.start = (struct account_point){ .tsc = 1, .wall_ns = 1000, .waited_ns = 20 };
	a.end = (struct account_point){ .tsc = 2, .wall_ns = 3000, .waited_ns = 60 };
	a.end.cycles[ACCOUNT_IDLE] = host_tsc_khz();
	accountcsv_header(f);
	CU_ASSERT_EQUAL(accountcsv_write(f, &key, &a), 0);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(text,
			       CSV_KEY_COLUMNS ",phase,part,ns,share,wall_ns,waited_ns\n"
					       "r,b,,,,,,,7,all,idle,1000000,1.000000,2000,40\n"
					       "r,b,,,,,,,7,all,accounting,0,0.000000,2000,40\n");
	free(text);
}

/* ---- machines -------------------------------------------------------------------------------- */

#define CODE 0x100000u

/* 32-bit code: a loop of calls and port accesses between two marks of none. */
static const u8 guest[] = {
	0xbc,	       0x00, 0x00, 0x20, 0x00, /* mov esp, 200000h */
	0xb9,	       0x00, 0x00, 0x01, 0x00, /* mov ecx, 65536 */
	0xe8,	       0x31, 0x00, 0x00, 0x00, /* again: call function */
	0xe4,	       0x64,		       /* in al, 64h */
	0x49,				       /* dec ecx */
	0x75,	       0xf6,		       /* jnz again */
	0xb0,	       0x00,		       /* mov al, 0 */
	0xe6,	       0xf4,		       /* out 0f4h, al */
	0xf4,				       /* hlt */
	[0x40] = 0xc3,			       /* function: ret */
};

/* Run ROUNDS of it, and BEFORE and AFTER that; the whole run's times into *T. */
static void run_hooked(const char *engine, const char *option, const char *value, u32 rounds,
		       void (*before)(struct vm *vm), void (*after)(struct vm *vm),
		       struct account_times *t)
{
	const struct boot_params params = { .format = BOOT_FLAT,
					    .mode = FLAT_PROTECTED,
					    .address = CODE };
	struct vm_config config = { .backend = &swbt_backend,
				    .engine = engine,
				    .mem_size = 8 * MiB,
				    .cpu = "host",
				    .account = true };
	u8 code[sizeof(guest)];
	const struct image image = { code, sizeof(code), "guest" };
	struct error err = { "" };
	struct cpu_state entry;
	struct vm *vm = NULL;

	memcpy(code, guest, sizeof(code));
	memcpy(code + 6, &rounds, sizeof(rounds));
	if (option)
		CU_ASSERT_EQUAL(
			backendopt_set(&config.options, &swbt_backend, engine, option, value, &err),
			0);
	if (vm_create(&vm, &config, &err) ||
	    boot_load_image(&vm->ram, &image, &params, &entry, &err) ||
	    swbt_backend.set_state(vm, &entry, &err))
		CU_FAIL_FATAL("no machine");
	if (before)
		before(vm);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	if (after)
		after(vm);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL(account_times(vm->account, ACCOUNT_COLD, t), -ENODATA);
	CU_ASSERT_EQUAL(account_times(vm->account, ACCOUNT_ALL, t), 0);
	CU_ASSERT_TRUE(sums_up(t));
	vm_destroy(vm);
}

/* The least of each part in several runs: others may run in the middle of any. */
static void run(const char *engine, const char *option, const char *value, struct account_times *t)
{
	struct account_times one;

	run_hooked(engine, option, value, 65536, NULL, NULL, t);
	for (unsigned int n = 0; n < 4; n++) {
		run_hooked(engine, option, value, 65536, NULL, NULL, &one);
		for (unsigned int i = 0; i <= ACCOUNT_NR; i++)
			t->part[i] = one.part[i] < t->part[i] ? one.part[i] : t->part[i];
	}
}

static void test_translated(void)
{
	struct account_times plain, unchained, flushed;

	run("bt", NULL, NULL, &plain);
	CU_ASSERT_TRUE(plain.part[ACCOUNT_TRANSLATED] > 0);
	CU_ASSERT_TRUE(plain.part[ACCOUNT_TRANSLATION] > 0);
	CU_ASSERT_TRUE(plain.part[ACCOUNT_DEVICES] > plain.part[ACCOUNT_FILL]);
	CU_ASSERT_TRUE(plain.part[ACCOUNT_GUEST] < 0);
	run("bt", "bt-chain", "off", &unchained);
	CU_ASSERT_TRUE(unchained.part[ACCOUNT_DISPATCH] > 10 * plain.part[ACCOUNT_DISPATCH]);
	CU_ASSERT_TRUE(unchained.part[ACCOUNT_DISPATCH] > unchained.part[ACCOUNT_TRANSLATION]);
	run("bt", "bt-flush", "on", &flushed);
	/* (Not its share: with sanitizers, to forget code takes longer than to make it.) */
	CU_ASSERT_TRUE(flushed.part[ACCOUNT_TRANSLATION] > 10 * plain.part[ACCOUNT_TRANSLATION]);
}

static void test_stepped(void)
{
	struct account_times t;

	run("step", NULL, NULL, &t);
	CU_ASSERT_TRUE(account_share(&t, ACCOUNT_EMULATION) > 0.5);
	CU_ASSERT_TRUE(t.part[ACCOUNT_TRANSLATED] < 0);
	CU_ASSERT_TRUE(t.part[ACCOUNT_TRANSLATION] < 0);
	CU_ASSERT_TRUE(t.part[ACCOUNT_DEVICES] > 0);
}

/* ---- the other way to tell: to look where the thread is, now and then ------------------------ */

#define LOOK_NS 200000

static struct looks {
	const struct account *account;
	u64 at[ACCOUNT_NR], all; /* signals that found it there; those that came meanwhile, too */
	u64 cycles[ACCOUNT_NR];	 /* what the account says */
	timer_t timer;
} looks;

static void on_look(int signo, siginfo_t *info, void *context)
{
	u64 n;

	host_flags_clean();
	(void)signo;
	(void)context;
	n = 1 + (u64)info->si_overrun;
	looks.at[looks.account->now] += n;
	looks.all += n;
}

static void start_looking(struct vm *vm)
{
	struct sigaction sa = { .sa_sigaction = on_look, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 5 };
	struct itimerspec every = { { 0, LOOK_NS }, { 0, LOOK_NS } };

	looks = (struct looks){ .account = vm->account };
	sigfillset(&sa.sa_mask);
	event._sigev_un._tid = gettid();
	CU_ASSERT_EQUAL_FATAL(sigaction(event.sigev_signo, &sa, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(timer_create(CLOCK_MONOTONIC, &event, &looks.timer), 0);
	CU_ASSERT_EQUAL(timer_settime(looks.timer, 0, &every, NULL), 0);
}

static void stop_looking(struct vm *vm)
{
	memcpy(looks.cycles, vm->account->end.cycles, sizeof(looks.cycles));
	timer_delete(looks.timer);
	signal(SIGRTMIN + 5, SIG_IGN);
}

/* Do a run's looks find what its account says, within five standard errors? */
static bool looks_agree(void)
{
	struct account_times t;
	double all = 0;
	bool agree;

	run_hooked("bt", "bt-flush", "on", 20000, start_looking, stop_looking, &t);
	agree = looks.all > 50;
	for (unsigned int i = 0; i < ACCOUNT_NR; i++)
		all += (double)looks.cycles[i];
	for (unsigned int i = 0; i < ACCOUNT_NR; i++) {
		double seen = (double)looks.at[i] / (double)looks.all;
		double told = (double)looks.cycles[i] / all;
		double error = sqrt(told * (1 - told) / (double)looks.all);

		agree &= fabs(seen - told) <= 5 * error + 0.05;
	}
	return agree;
}

/* Visits of microseconds: where a processor takes an interrupt is off by some ten cycles. What the
 * account takes is in both. On a busy host a look may come late by as long as others run: it finds
 * another part than the one that waited. So one run of several is enough. */
static void test_looks(void)
{
	bool agree = false;

	for (unsigned int i = 0; i < 10 && !agree; i++)
		agree = looks_agree();
	CU_ASSERT_TRUE(agree);
}

CU_TestInfo tests_account[] = {
	{ "parts sum to the time", test_parts },
	{ "what the account takes is no part's", test_cost },
	{ "others had the processor", test_waited },
	{ "nobody wants one", test_none },
	{ "rows", test_csv },
	{ "a machine: translated", test_translated },
	{ "a machine: step by step", test_stepped },
	{ "looks at random times find the same shares", test_looks },
	CU_TEST_INFO_NULL,
};
