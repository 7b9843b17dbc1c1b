/* SPDX-License-Identifier: MIT */
/* Several result files as one: variants, their names, and the numbers of each. */
#include "bench/data.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD CSV_KEY_COLUMNS ",metric,unit,value\n"

static void load(struct data *d, const char *a, const char *b)
{
	const char *const text[] = { a, b };
	struct csv_file *file = calloc(2, sizeof(*file));
	struct error err = { "" };
	unsigned int n = b ? 2 : 1;

	for (unsigned int i = 0; i < n; i++)
		CU_ASSERT_EQUAL_FATAL(read_text(&file[i], "x", text[i], strlen(text[i]), &err), 0);
	CU_ASSERT_EQUAL_FATAL(data_index(d, file, n, &err), 0);
}

static void check_labels(const struct data *d, const char *const *label)
{
	for (unsigned int i = 0; i < d->variants; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(label[i]);
		CU_ASSERT_STRING_EQUAL(d->variant[i].label, label[i]);
	}
	CU_ASSERT_PTR_NULL(label[d->variants]);
}

static void test_labels(void)
{
	static const char text[] = HEAD
		"r,swbt,bt,irqchip=user cpu=host mem=64M bt-inline=off,nested,g,in,1,1,m,count,1\n"
		"r,swbt,bt,irqchip=user cpu=host mem=64M,nested,g,in,1,1,m,count,1\n"
		"r,swbt,bt,irqchip=user cpu=host mem=512M,nested,g,linux/boot,1,1,m,count,1\n"
		"r,native,,cpu=host,nested,g,fib,1,1,m,count,1\n"
		"r,kvm,,irqchip=kernel,nested,g,in,1,1,m,count,1\n"
		"r,kvm,,irqchip=user,nested,g,in,1,1,m,count,1\n"
		"r,kvm,,irqchip=user,emulated,g,in,1,1,m,count,1\n";
	static const char more[] =
		HEAD "s,swbt,bt,irqchip=user cpu=host mem=128M,nested,g,in,1,1,m,count,1\n";
	struct data d;

	load(&d, text, NULL);
	/* How much RAM a benchmark has does not make another variant of the whole. */
	check_labels(&d, (const char *[]){ "swbt:bt:bt-inline=off", "swbt:bt", "native",
					   "kvm:kernel", "kvm:user", "kvm:user@emulated", NULL });
	CU_ASSERT_EQUAL(d.benches, 3);
	CU_ASSERT_STRING_EQUAL(d.bench[1], "linux/boot");
	CU_ASSERT_FALSE(d.variant[4].emulated);
	CU_ASSERT_TRUE(d.variant[5].emulated);
	data_free(&d);
	/* Unless one had both. */
	load(&d, text, more);
	CU_ASSERT_STRING_EQUAL(d.variant[1].label, "swbt:bt:mem=64M");
	CU_ASSERT_STRING_EQUAL(d.variant[d.variants - 1].label, "swbt:bt:mem=128M");
	data_free(&d);
}

static void test_host_kinds(void)
{
	static const char text[] = HEAD "r,swbt,bt,,nested,g,in,1,1,m,count,1\n"
					"r,swbt,bt,,native,g,in,1,1,m,count,1\n";
	struct data d;

	load(&d, text, NULL);
	check_labels(&d, (const char *[]){ "swbt:bt@nested", "swbt:bt@native", NULL });
	data_free(&d);
}

static void test_series(void)
{
	static const char a[] = HEAD "r,kvm,,,nested,g,in,,10,m,count,5\n"
				     "r,kvm,,,nested,g,in,1,10,m,count,1\n"
				     "r,kvm,,,nested,g,in,1,10,other,count,9\n"
				     "r,kvm,,,nested,g,in,2,10,m,count,\n"
				     "r,kvm,,,nested,g,in,2,10,status,text,ok\n"
				     "r,kvm,,,nested,g,in,3,10,m,count,3\n"
				     "r,swbt,bt,,nested,g,out,1,10,status,text,skip: no\n";
	static const char b[] = HEAD "s,kvm,,,nested,g,in,1,10,m,count,7\n";
	struct data_query q = DATA_METRIC("m");
	struct series *s;
	struct data d;
	struct error err = { "" };
	const char **status;

	load(&d, a, b);
	CU_ASSERT_EQUAL_FATAL(data_series(&d, &q, &s, &err), 0);
	CU_ASSERT_EQUAL_FATAL(s[0].nr, 3);
	CU_ASSERT_EQUAL(s[0].value[0] + 10 * s[0].value[1] + 100 * s[0].value[2], 731);
	CU_ASSERT_EQUAL(s[0].at[1].rep, 3);
	CU_ASSERT_STRING_EQUAL(s[0].at[2].run_id, "s");
	CU_ASSERT_EQUAL(s[0].at[2].file, 1);
	CU_ASSERT_EQUAL(s[1].nr + s[2].nr + s[3].nr, 0);
	series_free(&d, s);
	q.reps = DATA_COUNTING;
	CU_ASSERT_EQUAL_FATAL(data_series(&d, &q, &s, &err), 0);
	CU_ASSERT_EQUAL_FATAL(s[0].nr, 1);
	CU_ASSERT_EQUAL(s[0].value[0], 5);
	series_free(&d, s);
	q = DATA_METRIC("m");
	q.file = 1;
	CU_ASSERT_EQUAL_FATAL(data_series(&d, &q, &s, &err), 0);
	CU_ASSERT_EQUAL(s[0].nr, 1);
	series_free(&d, s);
	status = data_status(&d, -1);
	CU_ASSERT_PTR_NULL(status[0]);
	CU_ASSERT_STRING_EQUAL(status[1 * d.variants + 1], "skip: no");
	free(status);
	data_free(&d);
}

static void test_find(void)
{
	static const char text[] = HEAD "r,swbt,bt,,nested,g,in,1,1,m,count,1\n"
					"r,swbt,step,,nested,g,in,1,1,m,count,1\n"
					"r,kvm,,,emulated,g,in,1,1,m,count,1\n";
	struct error err = { "" };
	struct data d;

	load(&d, text, NULL);
	CU_ASSERT_EQUAL(data_find_variant(&d, "swbt:step", &err), 1);
	CU_ASSERT_EQUAL(data_find_variant(&d, "kvm", &err), 2);
	CU_ASSERT_EQUAL(data_find_variant(&d, "swbt", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "more than one variant is called \"swbt\"; there are: "
					 "swbt:bt, swbt:step, kvm@emulated");
	CU_ASSERT_EQUAL(data_find_variant(&d, "kv", &err), -EINVAL);
	data_free(&d);
}

CU_TestInfo tests_data[] = { { "a variant is named by what tells it apart", test_labels },
			     { "hosts of different kinds are not mixed", test_host_kinds },
			     { "all numbers of a metric", test_series },
			     { "a variant by its name", test_find },
			     CU_TEST_INFO_NULL };
