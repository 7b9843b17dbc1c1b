/* SPDX-License-Identifier: MIT */
/* Result files read back: RFC 4180, kinds, numbers, and what is said of bad ones. */
#include "bench/metrics.h"
#include "bench/read.h"
#include "common/csv.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY  CSV_KEY_COLUMNS
#define HEAD KEY ",metric,unit,value\n"
#define ROW  "r,swbt,bt,,nested,in.elf,in,1,10,"

static int read_string(struct csv_file *f, const char *text, struct error *err)
{
	return read_text(f, "x.csv", text, strlen(text), err);
}

static void test_fields(void)
{
	static const char text[] =
		HEAD "r1,kvm,,\"a \"\"b\"\", c\nd\",nested,g,in,1,10,m,count,7\r\n"
		     "r1,kvm,,,nested,g,in,,,m,count,\n";
	struct csv_file f;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(read_string(&f, text, &err), 0);
	CU_ASSERT_EQUAL(f.kind, READ_SAMPLES);
	CU_ASSERT_EQUAL(f.columns, 12);
	CU_ASSERT_EQUAL_FATAL(f.rows, 2);
	CU_ASSERT_STRING_EQUAL(read_cell(&f, 0, f.key[KEY_OPTIONS]), "a \"b\", c\nd");
	CU_ASSERT_STRING_EQUAL(read_cell(&f, 0, f.key[KEY_ENGINE]), "");
	CU_ASSERT_EQUAL(read_number(&f, 0, read_column(&f, "value")), 7);
	CU_ASSERT_TRUE(isnan(read_number(&f, 1, read_column(&f, "value"))));
	CU_ASSERT_EQUAL(f.line[1], 4);
	CU_ASSERT_STRING_EQUAL(f.note, "");
	CU_ASSERT_EQUAL(read_column(&f, "nosuch"), -1);
	CU_ASSERT_STRING_EQUAL(read_cell(&f, 0, -1), "");
	read_free(&f);
}

/* What our own writer writes comes back as it was. */
static void test_written(void)
{
	static const struct csv_key key = { "r",      "swbt", "bt", "a=\"1\",\n2", "nested",
					    "in.elf", "in",   3,    1ull << 60 };
	struct csv_file f;
	struct error err = { "" };
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	metrics_csv_header(out);
	csv_key(out, &key);
	fputs("cycles_per_op,cycles,1.5e-3,\n", out);
	fclose(out);
	CU_ASSERT_EQUAL_FATAL(read_text(&f, "x", text, len, &err), 0);
	CU_ASSERT_STRING_EQUAL(read_cell(&f, 0, f.key[KEY_OPTIONS]), key.options);
	CU_ASSERT_EQUAL(read_number(&f, 0, f.key[KEY_REP]), 3);
	CU_ASSERT_EQUAL(read_number(&f, 0, read_column(&f, "value")), 1.5e-3);
	read_free(&f);
	free(text);
}

/* Columns may come in any order and there may be more; two files may have become one. */
static void test_columns(void)
{
	struct csv_file f;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(read_string(&f,
					  "new,p99,p50,cycles,count,cause," KEY
					  "\nx,,2,3,4,port-in," ROW "\n",
					  &err),
			      -EINVAL); /* ROW ends in a comma: one field too many */
	CU_ASSERT_EQUAL_FATAL(read_string(&f, HEAD ROW "m,count,1\n" HEAD ROW "m,count,2\n", &err),
			      0);
	CU_ASSERT_EQUAL(f.rows, 2);
	CU_ASSERT_EQUAL(f.line[1], 4);
	read_free(&f);
	CU_ASSERT_EQUAL_FATAL(read_string(&f,
					  "new,cycles,p50,p99,count,cause," KEY
					  "\nx,3,,2,4,port-in,"
					  "r,swbt,bt,,nested,in.elf,in,1,10\n",
					  &err),
			      0);
	CU_ASSERT_EQUAL(f.kind, READ_TRAPS);
	CU_ASSERT_EQUAL(read_number(&f, 0, read_column(&f, "p99")), 2);
	CU_ASSERT_STRING_EQUAL(read_cell(&f, 0, f.key[KEY_BENCH]), "in");
	read_free(&f);
}

static void test_kinds(void)
{
	static const struct {
		const char *columns;
		enum read_kind kind;
	} cases[] = {
		{ "metric,unit,value", READ_SAMPLES },
		{ "cause,count,cycles,p50,p99", READ_TRAPS },
		{ "cause,count,cycles,p50,p99,p90,per_op,share", READ_TRAPS },
		{ "cause,unit,at_most,count,cumulative", READ_DISTANCES },
		{ "cause,address,symbol,count,cycles", READ_HOT },
		{ "cause,start_ns,count,cycles", READ_TIMELINE },
		{ "phase,part,ns,share", READ_OVERHEAD },
		{ "metric,unit,rank,address,symbol,value", READ_TRANSLATOR },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct csv_file f;
		struct error err = { "" };
		char text[256];

		snprintf(text, sizeof(text), KEY ",%s\n", cases[i].columns);
		CU_ASSERT_EQUAL_FATAL(read_string(&f, text, &err), 0);
		CU_ASSERT_EQUAL(f.kind, cases[i].kind);
		CU_ASSERT_EQUAL(f.rows, 0);
		read_free(&f);
	}
}

/* What a crash leaves is told and left out, wherever it cut the last line. */
static void test_cut(void)
{
	static const char whole[] = HEAD ROW "m,count,1\n",
			  last[] = ROW "\"m\"\"x\",count,12345\r\n";
	char text[sizeof(whole) + sizeof(last)];
	struct error err = { "" };
	struct csv_file f;

	for (size_t n = 1; n < sizeof(last) - 1; n++) {
		snprintf(text, sizeof(text), "%s%.*s", whole, (int)n, last);
		CU_ASSERT_EQUAL_FATAL(read_string(&f, text, &err), 0);
		CU_ASSERT_EQUAL(f.rows, 1);
		CU_ASSERT_STRING_EQUAL(f.note, "x.csv:3: the last line has no end and is left out");
		read_free(&f);
	}
}

static void test_wrong(void)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "x.csv: empty" },
		{ "a,b", "x.csv:1: the header's line has no end" },
		{ "a,a\n", "x.csv:1: column \"a\" twice" },
		{ "a,b\n1,2\n", "x.csv:1: no column \"run_id\": no file of fvbench's" },
		{ KEY ",address,hits\n",
		  "x.csv:1: no columns of a file that fvbench run writes (--csv, --traps, ...)" },
		{ HEAD ROW "m,count\n", "x.csv:2: 11 fields, the header has 12" },
		{ HEAD ROW "m,count,1\n\n", "x.csv:3: 1 fields, the header has 12" },
		{ HEAD ROW "m,count,1,2\n", "x.csv:2: more fields than the header has" },
		{ HEAD ROW "m,count,many\n", "x.csv:2: value is no number: \"many\"" },
		{ HEAD ROW "m,count,0x10\n", "x.csv:2: value is no number: \"0x10\"" },
		{ HEAD ROW "m,count,nan\n", "x.csv:2: value is no number: \"nan\"" },
		{ HEAD ROW "m,count,1e999\n", "x.csv:2: value is no number: \"1e999\"" },
		{ HEAD ROW "m,count,\"a\nb\"\n", "x.csv:2: value is no number: \"a?b\"" },
		{ HEAD "r,k,,,n,g,b,one,1,m,count,1\n", "x.csv:2: rep is no number: \"one\"" },
		{ HEAD "r,k,,\"a\nb\",n,g,b,1,1,m\n", "x.csv:2: 10 fields, the header has 12" },
		{ HEAD ROW "a\"b,count,1\n",
		  "x.csv:2: a quote within a field that does not begin with one" },
		{ HEAD ROW "\"a\"b,count,1\n", "x.csv:2: text after a closing quote" },
		{ HEAD ROW "a\rb,count,1\n", "x.csv:2: a carriage return without a line feed" },
	};
	static const char zero[] = HEAD ROW "m,count,\0\n";
	struct csv_file f;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CU_ASSERT_EQUAL(read_string(&f, cases[i].text, &err), -EINVAL);
		CU_ASSERT_STRING_EQUAL(err.text, cases[i].says);
	}
	CU_ASSERT_EQUAL(read_text(&f, "x.csv", zero, sizeof(zero) - 1, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "x.csv:2: a zero byte: no text file");
	CU_ASSERT_EQUAL(read_file(&f, "/nonexistent/x", &err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "/nonexistent/x: No such file or directory");
	CU_ASSERT_EQUAL(read_file(&f, "/", &err), -EISDIR);
}

CU_TestInfo tests_read[] = { { "quotes, blanks and line ends as in RFC 4180", test_fields },
			     { "what is written is read", test_written },
			     { "columns by their names", test_columns },
			     { "the header tells the kind", test_kinds },
			     { "a last line without an end", test_cut },
			     { "what is wrong, and where", test_wrong },
			     CU_TEST_INFO_NULL };
