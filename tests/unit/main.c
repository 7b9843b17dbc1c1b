/* SPDX-License-Identifier: MIT */
/*
 * Runs every suite, or only those named on the command line (exit status 2 if there is none of that
 * name). tests/unit/test_NAME.c holds suite NAME: it defines `CU_TestInfo tests_NAME[]`. The
 * Makefile lists the files in suites.def.
 */
#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SUITE(name) extern CU_TestInfo tests_##name[];
#include "suites.def"
#undef SUITE

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	CU_SuiteInfo all[] = {
#define SUITE(name) { #name, NULL, NULL, NULL, NULL, tests_##name },
#include "suites.def"
#undef SUITE
		CU_SUITE_INFO_NULL
	};
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	for (CU_SuiteInfo *s = all; s->pName; s++) {
		CU_SuiteInfo one[] = { *s, CU_SUITE_INFO_NULL };

		if (wanted(argc, argv, s->pName) && CU_register_suites(one) != CUE_SUCCESS) {
			fprintf(stderr, "unit: %s\n", CU_get_error_msg());
			return 2;
		}
	}
	if (!CU_get_registry()->uiNumberOfSuites) {
		fputs("unit: no such suite\n", stderr);
		return 2;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failures ? 1 : 0;
}
