/* SPDX-License-Identifier: MIT */
/* fvbench verify: who is compared, and what it came to. */
#include "bench/commands.h"
#include "bench/session.h"
#include "bench/verify.h"

/* Nobody said which: every engine. One backend without engines has nobody to be compared with but
 * itself, with other interrupt controllers. */
static void add_variants(struct session *s)
{
	struct error ignored;
	char other[64];
	int nr;

	if (s->o.backends)
		return;
	nr = variants_every_engine(s->variant, backends, &s->o.variants, &ignored);
	if (nr > 0)
		s->run.variants = (unsigned int)nr;
	if (s->run.variants != 1 || !s->variant[0].backend->irq_line)
		return;
	snprintf(other, sizeof(other), "%s:user,%s:kernel", s->variant[0].backend->name,
		 s->variant[0].backend->name);
	if (variants_parse(s->variant, backends, other, &s->o.variants, &ignored) == 2)
		s->run.variants = 2;
}

int cmd_verify(int argc, char **argv)
{
	struct session s = { 0 };
	struct verify_sum sum = { 0 };
	struct error err = { "" };
	int ret;

	options_verify(&s.o, argc, argv);
	ret = session_init(&s, backends, &err);
	if (ret) {
		session_fini(&s);
		return complain("verify", &err, EXIT_USAGE);
	}
	add_variants(&s);
	printf("comparing");
	for (unsigned int i = 0; i < s.run.variants; i++)
		printf(" %s", s.variant[i].label);
	printf("%s\n", s.run.variants == 1 ? " with the guests' own checks only" : "");
	ret = verify_all(&s.run, &s.runner, s.o.counts, stdout, &sum, &err);
	session_fini(&s);
	if (ret)
		return complain("verify", &err, EXIT_HOST);
	printf("%u passed, %u failed, %u skipped\n", sum.passed, sum.failed, sum.skipped);
	return sum.failed ? EXIT_BENCH_FAILED : EXIT_FINE;
}
