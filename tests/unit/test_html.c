/* SPDX-License-Identifier: MIT */
/* The page's parts: everything is text, pictures keep apart, rows are those that say something. */
#include "bench/html.h"
#include "common/csv.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What CALL writes to f must be WANT. */
#define ASSERT_WRITES(want, call)                        \
	do {                                             \
		char *text_ = NULL;                      \
		size_t len_;                             \
		FILE *f = open_memstream(&text_, &len_); \
		call;                                    \
		fclose(f);                               \
		CU_ASSERT_STRING_EQUAL(text_, want);     \
		free(text_);                             \
	} while (0)

static void test_text(void)
{
	ASSERT_WRITES("plain", html_text(f, "plain"));
	ASSERT_WRITES("&lt;b a=&quot;x&quot; c=&#39;&amp;amp;&#39;&gt;",
		      html_text(f, "<b a=\"x\" c='&amp;'>"));
	ASSERT_WRITES("a b\uFFFD\uFFFD", html_text(f, "a\nb\t\x7f"));
	ASSERT_WRITES("\u00e9\uFFFD\uFFFD<", (html_text(f, "\u00e9\xc0\xbc"), fputc('<', f)));
	ASSERT_WRITES("\uFFFD\uFFFD\uFFFD", html_text(f, "\xef\xbf\xbf"));
}

static void test_cells(void)
{
	ASSERT_WRITES("<td>&lt;</td>", html_cell(f, "<"));
	ASSERT_WRITES("<td class=\"n\" data-v=\"1234.5678\">1235</td>", html_number(f, 1234.5678));
	ASSERT_WRITES("<td class=\"n\" data-v=\"\"></td>", html_number(f, NAN));
	ASSERT_WRITES("<td class=\"n\" data-v=\"2\">&gt;2</td>", html_number_text(f, 2, ">2"));
}

static void test_svg(void)
{
	ASSERT_WRITES("<svg><path id='p7-gpPt0'/><use xlink:href='#p7-gpPt0'/><g "
		      "fill='url(#p7-gpPat1)' id=\"p7-gnuplot_canvas\"/></svg>\n",
		      html_svg(f,
			       "<?xml version=\"1.0\"?>\n<svg><title>Gnuplot</title><desc>x</desc>"
			       "<path id='gpPt0'/><use xlink:href='#gpPt0'/><g "
			       "fill='url(#gpPat1)' id=\"gnuplot_canvas\"/></svg>\n",
			       7));
	ASSERT_WRITES("", html_svg(f, "no picture", 1));
	ASSERT_WRITES("<svg>", html_svg(f, "<svg><title>no end", 1));
}

static char *rows_of(const char *text, const char *glob)
{
	struct csv_file *file = calloc(1, sizeof(*file));
	struct error err = { "" };
	struct data d;
	char *page = NULL;
	size_t len;
	FILE *f = open_memstream(&page, &len);

	CU_ASSERT_EQUAL_FATAL(read_text(file, "dir/x.csv", text, strlen(text), &err), 0);
	CU_ASSERT_EQUAL_FATAL(data_index(&d, file, 1, &err), 0);
	html_rows(f, &d, 0, &glob, 1);
	fclose(f);
	data_free(&d);
	return page;
}

static void test_rows(void)
{
	char *page = rows_of(CSV_KEY_COLUMNS
			     ",cause,count,cycles,p50,p99\n"
			     "r,swbt,bt,,nested,g,in,,10,<i>,20,,7,\n"
			     "r,swbt,bt,,nested,g,in,,10,msr,0,,,\nr,swbt,bt,,nested,g,in,,10,hlt,,"
			     ",,\n"
			     "r,swbt,bt,,nested,g,out,,10,cpuid,9,,,\n",
			     "i*");

	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<h2>Traps: x.csv</h2>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<tr><td>in</td><td>swbt:bt</td>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<td>&lt;i&gt;</td>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "data-v=\"20\">20</td>"));
	CU_ASSERT_PTR_NULL(strstr(page, "msr"));
	CU_ASSERT_PTR_NULL(strstr(page, "hlt"));
	CU_ASSERT_PTR_NULL(strstr(page, "cpuid"));
	free(page);
	/* Of samples there are none: they are in the table of costs. */
	page = rows_of(CSV_KEY_COLUMNS ",metric,unit,value\n", "*");
	CU_ASSERT_STRING_EQUAL(page, "");
	free(page);
}

/* Another number for each page, and the script has it. */
static void test_nonce(void)
{
	char *page[2], nonce[2][33];
	size_t len;

	for (int i = 0; i < 2; i++) {
		FILE *f = open_memstream(&page[i], &len);
		const char *at;

		html_begin(f, "<t>");
		html_end(f);
		fclose(f);
		at = strstr(page[i], "script-src 'nonce-");
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		snprintf(nonce[i], sizeof(nonce[i]), "%s", at + strlen("script-src 'nonce-"));
		CU_ASSERT_EQUAL(strspn(nonce[i], "0123456789abcdef"), 32);
		CU_ASSERT_PTR_NOT_NULL(strstr(page[i], "<title>&lt;t&gt;</title>"));
		CU_ASSERT_PTR_NOT_NULL(strstr(strstr(page[i], "<script"), nonce[i]));
	}
	CU_ASSERT_STRING_NOT_EQUAL(nonce[0], nonce[1]);
	free(page[0]);
	free(page[1]);
}

CU_TestInfo tests_html[] = {
	{ "text", test_text }, { "cells", test_cells },	    { "pictures", test_svg },
	{ "rows", test_rows }, { "the nonce", test_nonce }, CU_TEST_INFO_NULL,
};
