/* SPDX-License-Identifier: MIT */
#include "bench/facts.h"
#include "bench/meta.h"
#include "bench/probe.h"
#include "common/hostkind.h"
#include "tests/unit/fakebench.h"
#include "tests/unit/jsoncheck.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(const struct fact *fact)
{
	for (; fact->key; fact++) {
		char text[FACT_TEXT] = "";
		enum fact_level level = fact->get(text);

		CU_ASSERT_TRUE(memchr(text, '\0', FACT_TEXT) != NULL);
		CU_ASSERT_PTR_NULL(strchr(text, '\n'));
		/* A fact that is known says something. */
		CU_ASSERT_TRUE(level == FACT_UNKNOWN || text[0]);
	}
}

static void test_facts(void)
{
	check(host_facts);
	check(virt_facts);
}

static int die(void)
{
	raise(SIGILL);
	return 0;
}

static int seven(void)
{
	return 7;
}

static void test_helpers(void)
{
	char text[8];

	CU_ASSERT_EQUAL(fact_in_child(die), -SIGILL);
	CU_ASSERT_EQUAL(fact_in_child(seven), 7);
	CU_ASSERT_TRUE(fact_line("/proc/sys/kernel/ostype", text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(text, "Linux");
	CU_ASSERT_FALSE(fact_line("/nonexistent", text, sizeof(text)));
	CU_ASSERT_STRING_EQUAL(text, "");
}

static void test_host_kind(void)
{
	const char *was = getenv("FVBENCH_HOST_KIND");
	char *saved = was ? strdup(was) : NULL;
	const char *real;

	unsetenv("FVBENCH_HOST_KIND");
	real = host_kind();
	CU_ASSERT_TRUE(!strcmp(real, "native") || !strcmp(real, "nested") ||
		       !strcmp(real, "emulated"));
	setenv("FVBENCH_HOST_KIND", "emulated", 1);
	CU_ASSERT_STRING_EQUAL(host_kind(), "emulated");
	setenv("FVBENCH_HOST_KIND", "nonsense", 1);
	CU_ASSERT_STRING_EQUAL(host_kind(), real);
	unsetenv("FVBENCH_HOST_KIND");
	if (saved)
		setenv("FVBENCH_HOST_KIND", saved, 1);
	free(saved);
}

static void test_probe(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	probe_print(f, fake_backends);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  /dev/kvm "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  alpha                 works here\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "  broken                no: no such processor; buy one\n"));
	free(text);
}

static void test_sha256(void)
{
	char path[] = "/tmp/fvbench-test-XXXXXX", digest[SHA256_HEX];
	int fd = mkstemp(path);

	CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, "abc", 3) == 3);
	close(fd);
	meta_sha256(path, digest);
	/* FIPS 180-2, appendix B.1. */
	CU_ASSERT_STRING_EQUAL(digest,
			       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	unlink(path);
	meta_sha256(path, digest);
	CU_ASSERT_STRING_EQUAL(digest, "");
}

static void test_meta(void)
{
	static const struct variant_defaults plain;
	struct bench bench = fake_bench("good");
	const struct bench *list[] = { &bench };
	struct variant variant[VARIANTS_MAX];
	struct run run = { .run_id = "r1",
			   .host_kind = "nested",
			   .bench = list,
			   .benches = 1,
			   .variant = variant,
			   .reps = 3,
			   .scale = 1,
			   .mem_size = 1536 * KiB,
			   .cpu = "v2" };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	run.variants = (unsigned int)variants_parse(variant, fake_backends, "alpha", &plain, NULL);
	CU_ASSERT_EQUAL(meta_write(f, &run, "/nonexistent"), 0);
	fclose(f);
	CU_ASSERT_TRUE(json_valid(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"run_id\": \"r1\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"options\": \"irqchip=user cpu=v2 mem=1536K\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"bench\": \"good\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"tsc_khz\": \""));
	free(text);
	f = fopen("/dev/full", "w");
	CU_ASSERT_TRUE(meta_write(f, &run, "/nonexistent") < 0);
	fclose(f);
}

CU_TestInfo tests_facts[] = {
	{ "every fact is one line, or unknown", test_facts },
	{ "a fact that kills its process is a fact", test_helpers },
	{ "kind of host", test_host_kind },
	{ "the probe names every backend", test_probe },
	{ "SHA-256 of a file", test_sha256 },
	{ "run.json is JSON", test_meta },
	CU_TEST_INFO_NULL,
};
