/* SPDX-License-Identifier: MIT */
/* Programs that a backend is compared with, played by shell scripts. */
#include "bench/peer.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/fvbench-peer-XXXXXX";
static char *old_path;

/* An executable DIR/NAME that is the shell script TEXT. */
static void script(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	fclose(f);
	CU_ASSERT_EQUAL(chmod(path, 0755), 0);
}

static void set_up(void)
{
	char path[PATH_MAX];

	old_path = strdup(getenv("PATH"));
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/native", dir);
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/linux", dir);
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	setenv("PATH", dir, 1);
}

static void tear_down(void)
{
	static const char *const names[] = { "qemu-system-x86_64",
					     "native/good",
					     "native/dies",
					     "linux/good",
					     "linux",
					     "native",
					     "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	setenv("PATH", old_path, 1);
	free(old_path);
}

static struct sample take(const struct variant *variant, const char *name, bool compute)
{
	struct bench bench = fake_bench(name);
	const struct sample_runner runner = { peer_or_machine_body, dir, NSEC_PER_SEC };
	const struct sample_request request = { .bench = &bench,
						.variant = variant,
						.iterations = 40,
						.mem_size = 64 * MiB,
						.timeout_ns = NSEC_PER_SEC };
	struct sample s;
	sigset_t none;

	bench.native = compute;
	sigemptyset(&none);
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	return s;
}

#define GOOD "echo 'fvbench: bench=good mode=64 iters=40 cycles=900 loop=100 ok'; exit 1"

static void test_native(void)
{
	const struct variant native = { .backend = &peer_native };
	struct sample s;

	set_up();
	script("native/good", "test \"$*\" = iters=40 && " GOOD);
	script("native/dies", "kill -KILL $$");
	s = take(&native, "good", true);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	CU_ASSERT_EQUAL(s.verdict.cycles, 900);
	CU_ASSERT_TRUE(s.raw->wall_ns > 0);
	CU_ASSERT_FALSE(s.raw->have_traps);
	sample_free(&s);
	/* Guests that trap cannot run so. */
	s = take(&native, "good", false);
	CU_ASSERT_EQUAL(s.status, SAMPLE_SKIP);
	sample_free(&s);
	s = take(&native, "dies", true);
	CU_ASSERT_EQUAL(s.status, SAMPLE_FAIL);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, "died of signal 9"));
	sample_free(&s);
	s = take(&native, "gone", true);
	CU_ASSERT_EQUAL(s.status, SAMPLE_FAIL);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, "cannot run "));
	sample_free(&s);
	tear_down();
}

static void test_qemu(void)
{
	const struct variant qemu = { .backend = &peer_qemu_tcg, .engine = "lean" };
	char options[100];
	struct error err;
	struct sample s;

	set_up();
	CU_ASSERT_EQUAL(peer_qemu_tcg.probe(&err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not installed"));
	script("qemu-system-x86_64", "echo \"$*\"\ncase \"$*\" in *'-accel tcg '*"
				     "'-cpu max,erms=off,pku=off -m 65536K '*) " GOOD ";; esac");
	CU_ASSERT_EQUAL(peer_qemu_tcg.probe(&err), 0);
	s = take(&qemu, "good", false);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(s.raw->console, "-append iters=40 -device pc-testdev -kernel "));
	sample_free(&s);
	peer_options(&qemu, 64 * MiB, options, sizeof(options));
	CU_ASSERT_STRING_EQUAL(options, "cpu=max,erms=off,pku=off mem=65536K");
	tear_down();
}

/* With KVM, where there is one: the real kernel's for our own machines is QEMU's, too. */
static void test_qemu_kvm(void)
{
	const struct variant qemu = { .backend = &peer_qemu_kvm };
	char options[100];
	struct error err = { "" }, why = { "" };
	struct sample s;

	set_up();
	CU_ASSERT_EQUAL(peer_qemu_kvm.probe(&err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "qemu-system-x86_64 is not installed"));
	script("qemu-system-x86_64", "echo \"$*\"\ncase \"$*\" in *'-accel kvm '*"
				     "'-cpu host -m 65536K '*) " GOOD ";; esac");
	CU_ASSERT_EQUAL(peer_qemu_kvm.probe(&err), backend_by_name("kvm")->probe(&why));
	if (why.text[0])
		CU_ASSERT_STRING_EQUAL(err.text, why.text);
	s = take(&qemu, "good", false);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(s.raw->console, "-append iters=40 -device pc-testdev -kernel "));
	sample_free(&s);
	peer_options(&qemu, 64 * MiB, options, sizeof(options));
	CU_ASSERT_STRING_EQUAL(options, "cpu=host mem=65536K");
	tear_down();
}

/* A machine that hangs at random: the first start does, and the second one says its line. */
static void test_hang(void)
{
	const struct variant microvm = { .backend = &peer_qemu_tcg, .engine = "microvm" };
	struct bench bench = fake_bench("linux/boot");
	const struct sample_runner runner = { peer_or_machine_body, dir, NSEC_PER_SEC };
	const struct sample_request request = { .bench = &bench,
						.variant = &microvm,
						.iterations = 1,
						.mem_size = 64 * MiB,
						.kernel = "/proc/self/exe",
						.timeout_ns = 7 * NSEC_PER_SEC };
	struct sample s;
	sigset_t none;

	bench.in_linux = bench.boot = true;
	set_up();
	sigemptyset(&none);
	script("qemu-system-x86_64",
	       "test -e \"$0.ran\" || { : >\"$0.ran\"; exec /bin/sleep 100; }\n/bin/rm \"$0.ran\"\n"
	       "case \"$*\" in *'-M microvm -cpu max '*'-- boot iters=1 '*) echo 'init: first "
	       "line'\n"
	       "echo 'fvbench: bench=boot mode=64 iters=1 cycles=0 loop=0 ok'; exit 1;; esac");
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	/* Of the start that counts: well below the time that the other one was waited for. */
	CU_ASSERT_TRUE(s.raw->init_ticks > 0);
	CU_ASSERT_TRUE(s.raw->wall_ns < request.timeout_ns / 15);
	sample_free(&s);
	/* A kernel that gives up every time has failed, for the reason that it gave. */
	script("qemu-system-x86_64", "echo 'Kernel panic - not syncing: no timer'; echo '</TASK>'");
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	CU_ASSERT_EQUAL(s.status, SAMPLE_FAIL);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, "did not get to init in 6 starts; last words: "
						"Kernel panic - not syncing: no timer"));
	sample_free(&s);
	/* Its guests cannot tell the time. */
	bench.boot = false;
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	CU_ASSERT_EQUAL(s.status, SAMPLE_SKIP);
	sample_free(&s);
	tear_down();
}

/* A Linux guest under QEMU: kernel and initramfs; natively the program alone. */
static void test_linux(void)
{
	const struct variant qemu = { .backend = &peer_qemu_tcg, .engine = "max" },
			     native = { .backend = &peer_native };
	struct bench bench = fake_bench("linux/good");
	const struct sample_runner runner = { peer_or_machine_body, dir, NSEC_PER_SEC };
	struct sample_request request = { .bench = &bench,
					  .variant = &qemu,
					  .iterations = 40,
					  .mem_size = 64 * MiB,
					  .kernel = "/proc/self/exe",
					  .timeout_ns = FAKE_TIMEOUT };
	struct sample s;
	sigset_t none;

	bench.in_linux = bench.native = true;
	set_up();
	sigemptyset(&none);
	script("qemu-system-x86_64",
	       "case \"$*\" in *' -append console=ttyS0 panic=-1 quiet -- good iters=40 -kernel "
	       "/proc/self/exe -initrd '*/linux/good.cpio) echo init: first line; " GOOD ";; esac");
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	sample_free(&s);
	request.variant = &native;
	request.kernel = "/nonexistent/vmlinuz";
	script("linux/good", "test \"$*\" = iters=40 && " GOOD);
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	sample_free(&s);
	tear_down();
}

static void test_no_kernel(void)
{
	const struct variant qemu = { .backend = &peer_qemu_tcg, .engine = "max" };
	struct bench bench = fake_bench("linux/fork");
	const struct sample_runner runner = { peer_or_machine_body, dir, NSEC_PER_SEC };
	const struct sample_request request = { .bench = &bench,
						.variant = &qemu,
						.iterations = 1,
						.mem_size = 64 * MiB,
						.kernel = "/nonexistent/vmlinuz",
						.timeout_ns = NSEC_PER_SEC };
	struct sample s;
	sigset_t none;

	bench.in_linux = true;
	sigemptyset(&none);
	CU_ASSERT_EQUAL_FATAL(sample_take(&runner, &request, &none, &s, NULL), 0);
	CU_ASSERT_EQUAL(s.status, SAMPLE_SKIP);
	CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, "run make guests"));
	sample_free(&s);
}

static void test_names(void)
{
	static const struct variant_defaults plain;
	const struct backend *const *all = with_peers(fake_backends);
	struct variant v[VARIANTS_MAX];
	struct error err;

	CU_ASSERT_EQUAL(variants_parse(v, all, "native,alpha", &plain, &err), 2);
	CU_ASSERT_TRUE(is_peer(v[0].backend));
	CU_ASSERT_FALSE(is_peer(v[1].backend));
	CU_ASSERT_TRUE(is_peer(&peer_qemu_kvm));
	CU_ASSERT_EQUAL(variants_parse(v, all, "native:fast", &plain, &err), -EINVAL);
	CU_ASSERT_EQUAL(variants_parse(v, all, "native:kernel", &plain, &err), -EINVAL);
}

CU_TestInfo tests_peer[] = {
	{ "native programs run compute guests' work", test_native },
	{ "QEMU gets the same machine, or is missed in one line", test_qemu },
	{ "QEMU with KVM", test_qemu_kvm },
	{ "a machine that hangs is started again", test_hang },
	{ "Linux guests and their programs", test_linux },
	{ "Linux guests need a kernel", test_no_kernel },
	{ "peers are named like backends", test_names },
	CU_TEST_INFO_NULL,
};
