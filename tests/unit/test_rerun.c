/* SPDX-License-Identifier: MIT */
/* What fvbench rerun makes of a recorded command, and what it finds different. */
#include "bench/context.h"
#include "bench/rerun.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rerun r;
static struct error err;

static void load(const char *text)
{
	memset(&r, 0, sizeof(r));
	r.root = json_loads(text, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(r.root);
}

static void expect(const char *want)
{
	char text[500] = "";

	for (int i = 0; i < r.words; i++) {
		strcat(text, i ? " " : "");
		strcat(text, r.word[i]);
	}
	CU_ASSERT_STRING_EQUAL(text, want);
	CU_ASSERT_PTR_NULL(r.word[r.words]);
	rerun_free(&r);
}

static void test_outputs(void)
{
	static char csv[] = "--csv=new.csv";
	char *more[] = { csv };

	load("{\"command\": [\"./fvbench\", \"run\", \"--csv\", \"a b\", \"--reps\", \"3\", "
	     "\"--meta=run.json\", \"--tr\", \"t.csv\", \"--report\", \"r.md\", \"--timeout\", "
	     "\"9\", \"in\", \"--\", \"--csv\"]}");
	CU_ASSERT_EQUAL(rerun_command(&r, more, 1, &err), 0);
	expect("fvbench run --reps 3 --timeout 9 in --csv=new.csv -- --csv");
}

/* What was left to defaults is as it was then, in whatever way they come out now. */
static void test_defaults(void)
{
	load("{\"command\": [\"fvbench\", \"run\", \"in\"], \"reps\": 7, "
	     "\"options\": {\"backend\": null, \"engine\": null, \"matrix\": []}, \"variants\": "
	     "[{\"backend\": \"kvm\", \"label\": \"kvm:kernel\"}, "
	     "{\"backend\": \"swbt\", \"label\": \"swbt:bt-chain=off\"}]}");
	CU_ASSERT_EQUAL(rerun_command(&r, NULL, 0, &err), 0);
	expect("fvbench run in --backend kvm:kernel,swbt:bt-chain=off --reps 7");
	load("{\"command\": [\"fvbench\", \"run\", \"--matrix\", \"bt-chain=on,off\"], "
	     "\"options\": {\"backend\": null, \"engine\": null, \"matrix\": "
	     "[\"bt-chain=on,off\"]}, \"variants\": "
	     "[{\"backend\": \"swbt\", \"label\": \"swbt\"}, "
	     "{\"backend\": \"swbt\", \"label\": \"swbt:bt-chain=off\"}]}");
	CU_ASSERT_EQUAL(rerun_command(&r, NULL, 0, &err), 0);
	expect("fvbench run --matrix bt-chain=on,off --backend swbt");
	load("{\"command\": [\"fvbench\", \"selftest\"], \"reps\": 10, "
	     "\"options\": {\"backend\": null}, \"variants\": "
	     "[{\"label\": \"swbt A\"}, {\"label\": \"swbt B\"}, {\"label\": \"kvm A\"}]}");
	CU_ASSERT_EQUAL(rerun_command(&r, NULL, 0, &err), 0);
	expect("fvbench selftest --backend swbt,kvm --reps 10");
	load("{\"command\": [\"fvbench\", \"run\", \"--backend\", \"swbt\"], "
	     "\"options\": {\"backend\": \"swbt\"}, \"variants\": [{\"label\": \"swbt\"}]}");
	CU_ASSERT_EQUAL(rerun_command(&r, NULL, 0, &err), 0);
	expect("fvbench run --backend swbt");
}

static void test_too_long(void)
{
	json_t *words;

	load("{\"command\": [\"fvbench\", \"run\"]}");
	words = json_object_get(r.root, "command");
	for (int i = 0; i < RERUN_WORDS; i++)
		json_array_append_new(words, json_string("in"));
	CU_ASSERT_EQUAL(rerun_command(&r, NULL, 0, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 512 words"));
	rerun_free(&r);
}

/* Of what was written now, nothing differs; of nothing, all is unknown. */
static void test_context(void)
{
	char *text = NULL, *said = NULL;
	struct json j;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	jsonw_init(&j, f);
	jsonw_object(&j, NULL);
	context_write(&j, false);
	jsonw_end(&j);
	fclose(f);
	load(text);
	CU_ASSERT_PTR_NOT_NULL(json_object_get(json_object_get(r.root, "libraries"), "zydis"));
	r.out = open_memstream(&said, &len);
	rerun_compare_context(&r);
	CU_ASSERT_EQUAL(r.differences, 0);
	rerun_free(&r);
	r.root = json_object();
	rerun_compare_context(&r);
	CU_ASSERT_EQUAL(r.differences, 5);
	fclose(r.out);
	CU_ASSERT_PTR_NOT_NULL(strstr(said, "differs: libraries: not recorded\n"));
	rerun_free(&r);
	free(text);
	free(said);
}

static void test_build_id(void)
{
	char id[100], little[8];

	context_build_id(id, sizeof(id));
	CU_ASSERT_TRUE(strlen(id) >= 32);
	CU_ASSERT_EQUAL(strspn(id, "0123456789abcdef"), strlen(id));
	context_build_id(little, sizeof(little));
	CU_ASSERT_TRUE(strlen(little) < sizeof(little) && !strncmp(id, little, strlen(little)));
}

static void test_files(void)
{
	char path[] = "/tmp/fvbench-test-XXXXXX";
	int fd = mkstemp(path);

	CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, "{\n\"a\": x}", 9) == 9);
	close(fd);
	CU_ASSERT_EQUAL(rerun_load(&r, path, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is no JSON: line 2: "));
	unlink(path);
	CU_ASSERT_EQUAL(rerun_load(&r, path, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No such file"));
}

CU_TestInfo tests_rerun[] = {
	{ "files that were written are not written again", test_outputs },
	{ "defaults are as they were", test_defaults },
	{ "a command of too many words", test_too_long },
	{ "what differs", test_context },
	{ "the build ID", test_build_id },
	{ "files that are no JSON, or not there", test_files },
	CU_TEST_INFO_NULL,
};
