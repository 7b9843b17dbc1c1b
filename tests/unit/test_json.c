/* SPDX-License-Identifier: MIT */
#include "bench/json.h"
#include "tests/unit/jsoncheck.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_checker(void)
{
	static const char *const good[] = { "{}", "[]", "[1, 2]",
					    "{\"a\": [null, \"\\u0041\"]}\n" };
	static const char *const bad[] = { "",	    "{",       "[1,]",	   "{\"a\"}", "{\"a\":1,}",
					   "[1 2]", "\"\\x\"", "\"a\nb\"", "01",      "{} {}" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CU_ASSERT_TRUE(json_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_FALSE(json_valid(bad[i]));
}

static void test_writer(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct json j;

	jsonw_init(&j, f);
	jsonw_object(&j, NULL);
	jsonw_text(&j, "plain", "x");
	jsonw_text(&j, "odd\"key", "tab\t quote\" back\\slash \x01");
	jsonw_text(&j, "unknown", NULL);
	jsonw_number(&j, "big", INT64_MAX);
	jsonw_bool(&j, "yes", true);
	jsonw_real(&j, "half", 0.5);
	jsonw_real(&j, "none of them", NAN);
	jsonw_array(&j, "list");
	jsonw_number(&j, NULL, 0);
	jsonw_object(&j, NULL);
	jsonw_end(&j);
	jsonw_end(&j);
	jsonw_array(&j, "none");
	jsonw_end(&j);
	jsonw_end(&j);
	fclose(f);
	CU_ASSERT_TRUE(json_valid(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"plain\": \"x\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"tab\\u0009 quote\\\" back\\\\slash \\u0001\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"unknown\": null"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "9223372036854775807,"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"yes\": true"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"half\": 0.5"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"none of them\": null"));
	CU_ASSERT_EQUAL(text[len - 1], '\n');
	free(text);
}

CU_TestInfo tests_json[] = {
	{ "the checker tells JSON from what is not", test_checker },
	{ "the writer's output is JSON", test_writer },
	CU_TEST_INFO_NULL,
};
