/* SPDX-License-Identifier: MIT */
/* Tables of text: columns below each other, and text that stays text in each format. */
#include "bench/grid.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check(const struct grid *g, enum grid_format format, const char *wanted)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	grid_print(f, g, format);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(text, wanted);
	free(text);
}

static void test_formats(void)
{
	struct grid g;

	CU_ASSERT_EQUAL_FATAL(grid_init(&g, "Costs", 3, 3), 0);
	grid_set(&g, 0, 0, "what");
	grid_set(&g, 0, 1, "a");
	grid_set(&g, 0, 2, "%s", "b");
	grid_set(&g, 1, 0, "in");
	grid_set(&g, 1, 1, "%d", 1234);
	grid_set(&g, 2, 0, "nothing to say");
	grid_set(&g, 3, 0, "out");
	grid_set(&g, 3, 2, "5");
	check(&g, GRID_TABLE,
	      "Costs\n\nwhat               a  b\nin              1234\nout                   "
	      "5\n\n");
	check(&g, GRID_MARKDOWN,
	      "### Costs\n\n"
	      "| what           |    a |   b |\n"
	      "|----------------|-----:|----:|\n"
	      "| in             | 1234 |     |\n"
	      "| out            |      |   5 |\n\n");
	check(&g, GRID_LATEX,
	      "\\begin{table*}\n\\centering\\footnotesize\n\\setlength{\\tabcolsep}{4pt}"
	      "\n\\caption{Costs}\n\\begin{tabular}{lrr}\n\\hline\n"
	      "what           &    a & b \\\\\n\\hline\n"
	      "in             & 1234 &   \\\\\n"
	      "out            &      & 5 \\\\\n\\hline\n\\end{tabular}\n\\end{table*}\n\n");
	g.left = 3;
	check(&g, GRID_TABLE,
	      "Costs\n\nwhat            a     b\nin              1234\nout                   "
	      "5\n\n");
	grid_free(&g);
}

/* Whatever a file calls a benchmark, it is no command. */
static void test_escapes(void)
{
	struct grid g;

	CU_ASSERT_EQUAL_FATAL(grid_init(&g, "5 % & more", 1, 2), 0);
	grid_set(&g, 0, 0, "[b]*c_d~e<f");
	grid_set(&g, 1, 0, "%s", "\\i{x} $1 #2 ^4 >5 |6\n\x1b[2J");
	grid_set(&g, 1, 1, "1");
	check(&g, GRID_LATEX,
	      "\\begin{table*}\n\\centering\\footnotesize\n\\setlength{\\tabcolsep}{4pt}"
	      "\n\\caption{5 \\% \\& more}\n\\begin{tabular}{lr}\n"
	      "\\hline\n"
	      "{}[b]*c\\_d\\textasciitilde{}e\\textless{}f"
	      "                                              &   \\\\\n\\hline\n"
	      "\\textbackslash{}i\\{x\\} \\$1 \\#2 \\textasciicircum{}4 \\textgreater{}5 "
	      "\\textbar{}6??[2J & 1 \\\\\n\\hline\n\\end{tabular}\n\\end{table*}\n\n");
	grid_set(&g, 1, 0, "x");
	check(&g, GRID_MARKDOWN,
	      "### 5 % & more\n\n"
	      "| \\[b]\\*c\\_d\\~e\\<f |     |\n"
	      "|------------------|----:|\n"
	      "| x                |   1 |\n\n");
	grid_free(&g);
}

static void test_names(void)
{
	CU_ASSERT_EQUAL(grid_format("latex"), GRID_LATEX);
	CU_ASSERT_EQUAL(grid_format("csv"), GRID_CSV);
	CU_ASSERT_EQUAL(grid_format("html"), -EINVAL);
}

CU_TestInfo tests_grid[] = { { "text, Markdown, LaTeX", test_formats },
			     { "text that looks like commands", test_escapes },
			     { "names of formats", test_names },
			     CU_TEST_INFO_NULL };
