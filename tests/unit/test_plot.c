/* SPDX-License-Identifier: MIT */
/* Figures as scripts for gnuplot: what is in them, what is left out and said so, and that names out
 * of a file stay text. */
#include "bench/gnuplot.h"
#include "bench/plot.h"
#include "common/csv.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD	    CSV_KEY_COLUMNS ",metric,unit,value\n"
#define SAMPLE(v)   "r,swbt,bt,,nested,in.elf,in,1,10,cycles_per_op,cycles," v "\n"
#define EMULATED(v) "r,kvm,,,emulated,in.elf,in,1,10,cycles_per_op,cycles," v "\n"

static const struct plot_options as_cost = { .kind = -1, .width = DRAWING_SINGLE };

static int load(struct data *d, const char *text, struct error *err)
{
	struct csv_file *file = calloc(1, sizeof(*file));
	int ret = read_text(file, "x.csv", text, strlen(text), err);

	return ret ? ret : data_index(d, file, 1, err);
}

/* The figure of TEXT; what it came to. */
static int make(const char *text, const struct plot_options *o, char **script, char **caption,
		struct error *err)
{
	struct data d;
	int ret;

	*script = *caption = NULL;
	CU_ASSERT_EQUAL_FATAL(load(&d, text, err), 0);
	ret = plot_script(&d, 0, o, script, caption, err);
	data_free(&d);
	return ret;
}

static unsigned int count(const char *text, const char *word)
{
	unsigned int n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

static void check_text(const char *text, const char *want)
{
	char *got = NULL;
	size_t len;
	FILE *f = open_memstream(&got, &len);

	gnuplot_text(f, text);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(got, want);
	free(got);
}

static void test_text(void)
{
	check_text("plain", "'plain'");
	check_text("it's", "'it''s'");
	check_text("`ls` \"x\" @y {/Bold z} \\", "'`ls` \"x\" @y {/Bold z} \\'");
	check_text("two\nlines\t\x7f", "'two?lines?\?'");
	check_text("\xc3\xa9 \xe2\x89\xa4 \xf0\x9f\x98\x80",
		   "'\xc3\xa9 \xe2\x89\xa4 \xf0\x9f\x98\x80'");
	/* Overlong, surrogate, cut off, beyond the last. */
	check_text("\xc0\xa7", "'?\?'");
	check_text("\xe0\x80\xa7", "'?\?\?'");
	check_text("\xed\xa0\x80", "'?\?\?'");
	check_text("\xe2\x89", "'?\?'");
	check_text("\xf4\x90\x80\x80", "'?\?\?\?'");
	check_text("\xff", "'?'");
}

static void test_format(void)
{
	CU_ASSERT_EQUAL(drawing_format("a/b.svg"), DRAWING_SVG);
	CU_ASSERT_EQUAL(drawing_format("b.PDF"), DRAWING_PDF);
	CU_ASSERT_EQUAL(drawing_format("svg.png"), DRAWING_PNG);
	CU_ASSERT_EQUAL(drawing_format(".svg"), -EINVAL);
	CU_ASSERT_EQUAL(drawing_format("svg"), -EINVAL);
	CU_ASSERT_EQUAL(drawing_format("a.jpg"), -EINVAL);
}

/* The median and its interval are in the data; the axis begins below them. */
static void test_cost(void)
{
	char *script, *caption;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(make(HEAD SAMPLE("40") SAMPLE("50") SAMPLE("60"), &as_cost, &script,
				   &caption, &err),
			      0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n0.0000 50 40 60\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "set yrange [10:78]"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "set label 1 'in' at screen"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'cycles per operation'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "up to 3 samples"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "Host: nested."));
	CU_ASSERT_PTR_NULL(strstr(caption, "Left out"));
	/* The caption is in the figure only where it was asked for. */
	CU_ASSERT_PTR_NULL(strstr(script, "Host: nested"));
	free(script);
	free(caption);
}

static void test_left_out(void)
{
	struct plot_options o = as_cost;
	char *script, *caption;
	struct error err = { "" };

	o.footer = true;
	CU_ASSERT_EQUAL_FATAL(
		make(HEAD SAMPLE("40") SAMPLE("-0.1")
			     EMULATED("9") "r,swbt,bt,,nested,a,no,1,,status,text,fail: dead\n"
					   "r,swbt,bt,,nested,a,sk,1,,status,text,skip: no\n"
					   "r,swbt,bt,,nested,a,nil,1,1,cycles_per_op,cycles,-2\n",
		     &o, &script, &caption, &err),
		0);
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "Left out: 1 rows of emulated hosts"));
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "Cross: failed (1)."));
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "No bar: skipped (1)."));
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "Triangle: below 0.1 cycles"));
	CU_ASSERT_PTR_NULL(strstr(script, "kvm"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "Cost of an operation"));
	free(script);
	free(caption);
	CU_ASSERT_EQUAL(make(HEAD EMULATED("9"), &as_cost, &script, &caption, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "x.csv: nothing to show: no times but of emulated hosts");
	CU_ASSERT_EQUAL(make(HEAD, &as_cost, &script, &caption, &err), -EINVAL);
}

static void test_selection(void)
{
	const char *const glob[] = { "o*" };
	struct plot_options o = as_cost;
	char *script, *caption;
	struct error err = { "" };

	o.glob = glob;
	o.globs = 1;
	CU_ASSERT_EQUAL(make(HEAD SAMPLE("40"), &o, &script, &caption, &err), -EINVAL);
	o.globs = 0;
	o.backends = "swbt:b,swb,swbt:bt2,kvm";
	CU_ASSERT_EQUAL(make(HEAD SAMPLE("40"), &o, &script, &caption, &err), -EINVAL);
	o.backends = "kvm,swbt:bt";
	CU_ASSERT_EQUAL(make(HEAD SAMPLE("40"), &o, &script, &caption, &err), 0);
	free(script);
	free(caption);
}

/* A name can end no string, data block or line of the script. */
static void test_hostile(void)
{
	char *script, *caption;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(make(HEAD "r,\"x'\nEOD\nsystem('id')\",,,nested,a,\"b'; !id #\",1,10,"
					"cycles_per_op,cycles,7\n",
				   &as_cost, &script, &caption, &err),
			      0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'x''?EOD?system(''id'')'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'b''; !id #'"));
	CU_ASSERT_PTR_NULL(strstr(script, "\nsystem"));
	free(script);
	free(caption);
}

/* One that is too long becomes smaller, and then shorter, between two characters. */
static void test_long(void)
{
	char *script = NULL, name[1001];
	size_t len;
	FILE *f = open_memstream(&script, &len);
	struct drawing fig = { .f = f, .width = 240, .height = 100, .type = 1 };

	drawing_label_within(&fig, 0, 0, DRAWING_LEFT, 0, 8, 100, "short");
	drawing_label_within(&fig, 0, 0, DRAWING_LEFT, 0, 8, 30, "not as short");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name + 37, "\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 12);
	drawing_label_within(&fig, 0, 0, DRAWING_LEFT, 0, 8, 100, name);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'short' at screen 0.00000,0.00000 left rotate by 0 "
					      "font ',8.000'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'not as short'"));
	CU_ASSERT_EQUAL(count(script, "',8.000'"), 1);
	CU_ASSERT_EQUAL(count(script, "',4.000'"), 1);
	CU_ASSERT_EQUAL(count(script, "\u00e9\u2026' at"), 1);
	CU_ASSERT_PTR_NULL(strchr(script, '?'));
	CU_ASSERT(len < 600);
	free(script);
}

#define TRAPS CSV_KEY_COLUMNS ",cause,count,cycles,p50,p99\n"

/* A share for each cause, of the counting sample alone; the smallest become one. */
static void test_stack(void)
{
	char text[4096] = TRAPS "r,swbt,bt,,emulated,a,in,,10,port-in,30,,,\n"
				"r,swbt,bt,,emulated,a,in,,10,cpuid,10,,,\n"
				"r,swbt,bt,,emulated,a,in,1,10,cpuid,99,,,\n"
				"r,swbt,bt,,emulated,a,in,,10,msr,,,,\n";
	char *script, *caption;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(make(text, &as_cost, &script, &caption, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n0 0.000000 0.750000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n0 0.750000 1.000000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'4' at")); /* traps for an operation */
	CU_ASSERT_PTR_NULL(strstr(script, "'msr'"));
	free(script);
	free(caption);
	for (int i = 0; i < 9; i++)
		snprintf(text + strlen(text), 64, "r,swbt,bt,,native,a,out,,10,c%d,%d,,,\n", i,
			 20 - i);
	CU_ASSERT_EQUAL_FATAL(make(text, &as_cost, &script, &caption, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'4 others'"));
	CU_ASSERT_PTR_NULL(strstr(script, "'c8'"));
	free(script);
	free(caption);
}

/* Counts of all samples together; rising to 1. */
static void test_distances(void)
{
	char *script, *caption;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(make(CSV_KEY_COLUMNS
				   ",cause,unit,at_most,count,cumulative\n"
				   "r,swbt,bt,,nested,a,in,1,1,all,cycles,200,1,0.5\n"
				   "r,swbt,bt,,nested,a,in,1,1,all,cycles,100,1,1\n"
				   "r,swbt,bt,,nested,a,in,2,1,all,cycles,100,2,1\n"
				   "r,swbt,bt,,nested,a,in,2,1,msr,cycles,100,2,1\n",
				   &as_cost, &script, &caption, &err),
			      0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n100 0\n100 0.750000\n200 1.000000\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "with steps"));
	/* Of 4 traps a line says something else than of 4 million. */
	CU_ASSERT_PTR_NOT_NULL(strstr(caption, "; each line is of 4 traps."));
	free(script);
	free(caption);
}

static void test_timeline(void)
{
	char *script, *caption;
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(make(CSV_KEY_COLUMNS ",cause,start_ns,count,cycles\n"
						   "r,swbt,bt,,nested,a,in,1,1,msr,0,5,\n"
						   "r,swbt,bt,,nested,a,in,1,1,msr,10000000,1,\n"
						   "r,swbt,bt,,nested,a,in,1,1,hlt,10000000,2,\n"
						   "r,swbt,bt,,nested,a,in,2,1,hlt,10000000,9,\n",
				   &as_cost, &script, &caption, &err),
			      0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n0 0 500\n10 0 500\n10 0 100\n20 0 100\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n10 100 300\n20 100 300\n"));
	free(script);
	free(caption);
	/* Slices without traps are not in the file: 20 and 30 ms are multiples of 10. */
	CU_ASSERT_EQUAL_FATAL(make(CSV_KEY_COLUMNS ",cause,start_ns,count,cycles\n"
						   "r,swbt,bt,,nested,a,in,1,1,msr,20000000,1,\n"
						   "r,swbt,bt,,nested,a,in,1,1,msr,30000000,2,\n",
				   &as_cost, &script, &caption, &err),
			      0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "\n20 0 100\n30 0 100\n30 0 200\n40 0 200\n"));
	free(script);
	free(caption);
	/* Nobody can say how long the only slice was. */
	CU_ASSERT_EQUAL(make(CSV_KEY_COLUMNS ",cause,start_ns,count,cycles\n"
					     "r,swbt,bt,,nested,a,in,1,1,msr,0,5,\n",
			     &as_cost, &script, &caption, &err),
			-EINVAL);
}

#define MATRIX(options, bench, v) \
	"r,swbt,bt," options ",nested,a," bench ",1,1,cycles_per_op,cycles," v "\n"

/* Cells against the variant with the fewest options. */
static void test_ablation(void)
{
	struct plot_options o = as_cost;
	char *script, *caption;
	struct error err = { "" };

	o.kind = PLOT_ABLATION;
	CU_ASSERT_EQUAL_FATAL(make(HEAD MATRIX("x=off", "in", "30") MATRIX("", "in", "10")
					   MATRIX("x=off y=off", "in", "5"),
				   &o, &script, &caption, &err),
			      0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'(3.00)'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'(0.50)'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'x=off:y=off'"));
	free(script);
	free(caption);
	CU_ASSERT_EQUAL(make(HEAD MATRIX("", "in", "10"), &o, &script, &caption, &err), -EINVAL);
	/* With samples enough, parentheses tell what is no difference from what is one. */
	CU_ASSERT_EQUAL_FATAL(
		make(HEAD MATRIX("", "in", "10") MATRIX("", "in", "11") MATRIX("", "in", "12")
			     MATRIX("x=off", "in", "30") MATRIX("x=off", "in", "33")
				     MATRIX("x=off", "in", "36") MATRIX("", "out", "10")
					     MATRIX("", "out", "14") MATRIX("", "out", "18")
						     MATRIX("x=off", "out", "11")
							     MATRIX("x=off", "out", "13")
								     MATRIX("x=off", "out", "19"),
		     &o, &script, &caption, &err),
		0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'3.00'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'(0.93)'"));
	free(script);
	free(caption);
}

static void test_overhead(void)
{
	char *script, *caption;
	struct error err = { "" };
	struct plot_options o = as_cost;
	static const char text[] =
		CSV_KEY_COLUMNS ",phase,part,ns,share,wall_ns\n"
				"r,swbt,bt,,nested,a,in,1,1,all,idle,100,0.25,600\n"
				"r,swbt,bt,,nested,a,in,1,1,all,translation,300,0.75,600\n"
				"r,swbt,bt,,nested,a,in,1,1,all,accounting,200,0.5,600\n";

	CU_ASSERT_EQUAL_FATAL(make(text, &o, &script, &caption, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(script, "'swbt:bt, all'"));
	CU_ASSERT_EQUAL(count(script, "0.750000\n"), 1);
	/* What telling took is not in it. */
	CU_ASSERT_PTR_NULL(strstr(script, "accounting"));
	free(script);
	free(caption);
	o.kind = PLOT_COST;
	CU_ASSERT_EQUAL(make(text, &o, &script, &caption, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text,
			       "x.csv: --kind cost cannot be made of a file of --overhead");
}

CU_TestInfo tests_plot[] = {
	{ "names become text", test_text },
	{ "formats by a file's ending", test_format },
	{ "cost: median and interval", test_cost },
	{ "what is left out is said", test_left_out },
	{ "--bench and --backend", test_selection },
	{ "hostile names stay text", test_hostile },
	{ "long names", test_long },
	{ "traps: shares of causes", test_stack },
	{ "distances: all samples, cumulative", test_distances },
	{ "timeline: rates of one sample", test_timeline },
	{ "ablation: against the defaults", test_ablation },
	{ "overhead: shares, and no other kind", test_overhead },
	CU_TEST_INFO_NULL,
};
