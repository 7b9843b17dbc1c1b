/* SPDX-License-Identifier: MIT */
#include "bench/verify.h"

#include "common/hostkind.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ARITHMETIC_FLAGS 0x8d5ull /* CF, PF, AF, ZF, SF, OF */

/* Is KEY (LEN characters before an equals sign) the name of a time, or of what depends on one? */
static bool is_time(const char *key, size_t len)
{
	return (len == 6 && !strncmp(key, "cycles", 6)) || (len == 4 && !strncmp(key, "loop", 4)) ||
	       (len > 4 && (!strncmp(key, "lat_", 4) || !strncmp(key, "var_", 4)));
}

void verify_normalize(const char *text, size_t len, char *out, size_t size)
{
	size_t word = 0, n = 0; /* where in OUT the current word starts */

	for (size_t i = 0; i < len && n + 2 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c != '\n' && (c < ' ' || c > '~'))
			continue;
		out[n++] = (char)c;
		if (isspace(c))
			word = n;
		if (c != '=' || !is_time(out + word, n - 1 - word))
			continue;
		if (i + 1 < len && isdigit((unsigned char)text[i + 1]))
			out[n++] = '*';
		while (i + 1 < len && isdigit((unsigned char)text[i + 1]))
			i++;
	}
	out[n] = '\0';
}

const char *verify_state_differs(const struct cpu_state *a, const struct cpu_state *b)
{
	struct cpu_state x = *a;

	memcpy(x.gpr, b->gpr, sizeof(x.gpr));
	x.ev = b->ev;
	x.rflags = (a->rflags & ~ARITHMETIC_FLAGS) | (b->rflags & ARITHMETIC_FLAGS);
	return cpu_state_differs(&x, b);
}

/* The first line of A that B does not have at its place, and B's, for a message. */
static int output_differs(const char *a, const char *b, struct error *err)
{
	while (*a && *b) {
		size_t la = strcspn(a, "\n"), lb = strcspn(b, "\n");

		if (la != lb || strncmp(a, b, la))
			break;
		a += la + (a[la] == '\n');
		b += lb + (b[lb] == '\n');
	}
	if (!*a && !*b)
		return 0;
	return fail(err, -EINVAL, "printed \"%.*s\", not \"%.*s\"", (int)strcspn(b, "\n"), b,
		    (int)strcspn(a, "\n"), a);
}

/* What is compared of what S printed. */
static const char *output(const struct bench *bench, const struct sample *s, char *text)
{
	const char *line;

	verify_normalize(s->raw->console, s->raw->console_len, text, SAMPLE_CONSOLE);
	if (!bench->in_linux)
		return text;
	line = strstr(text, VERDICT_PREFIX);
	return line ? line : "";
}

int verify_compare(const struct bench *bench, const struct sample *a, const struct sample *b,
		   struct error *err)
{
	static char text_a[SAMPLE_CONSOLE], text_b[SAMPLE_CONSOLE];
	const char *field;

	if (output_differs(output(bench, a, text_a), output(bench, b, text_b), err))
		return -EINVAL;
	if (bench->in_linux)
		return 0;
	field = verify_state_differs(&a->raw->state, &b->raw->state);
	if (field)
		return fail(err, -EINVAL, "ended with another %s", field);
	return 0;
}

/* No trap of any cause that is seen, but for host interrupts: those come when they like. */
static int no_traps(const struct trap_stats *t, struct error *err)
{
	for (unsigned int i = 0; i < TRAP_NR; i++)
		if (i != TRAP_INTERRUPT && t->counted & BIT(i) && t->c[i].count)
			return fail(err, -EINVAL, "%" PRIu64 " traps of cause %s, not 0",
				    t->c[i].count, trap_name(i));
	return 0;
}

int verify_counts(const struct bench *bench, const struct sample *s, struct error *err)
{
	const struct trap_stats *t = &s->raw->traps;
	u64 want = s->verdict.iters * bench->traps_per_op;
	int cause;

	if (!bench->trap || s->status != SAMPLE_OK)
		return 0;
	if (!s->raw->have_traps)
		return fail(err, -EINVAL, "did not pass the marks around its measured section");
	if (!strcmp(bench->trap, "*"))
		return no_traps(t, err);
	cause = trap_by_name(bench->trap);
	if (cause < 0)
		return fail(err, -EINVAL, "suite.def names no trap cause: %s", bench->trap);
	/* Elsewhere a host may hide its exits; the rig's kernel does not, so there it is a fault.
	 */
	if (!(t->counted & BIT(cause)))
		return strcmp(host_kind(), "emulated")
			       ? 0
			       : fail(err, -EINVAL, "traps of cause %s are not visible",
				      bench->trap);
	if (t->c[cause].count != want)
		return fail(err, -EINVAL, "%" PRIu64 " traps of cause %s, not %" PRIu64,
			    t->c[cause].count, bench->trap, want);
	return 0;
}

/* Compute guests need no time to be right, but an engine may be a hundred times slower than
 * another. */
#define COMPUTE_SHARE 100

u64 verify_iterations(const struct run *run, const struct bench *bench)
{
	u64 n = run_iterations(run, bench);

	return bench->compute && !run->iterations ? (n + COMPUTE_SHARE - 1) / COMPUTE_SHARE : n;
}

/* What goes wrong may well not end. */
#define HOLE_NS (8 * NSEC_PER_SEC)

static bool has_holes(const struct variant *variant)
{
	return !strcmp(variant->engine, "trap");
}

bool verify_hole(const struct bench *bench, const struct variant *variant, const struct sample *s)
{
	return bench->hole && has_holes(variant) && !sample_stepped(s->raw);
}

static u64 timeout(const struct run *run, const struct bench *bench, unsigned int variant)
{
	bool hole = bench->hole && has_holes(&run->variant[variant]);

	return hole && run->timeout_ns > HOLE_NS ? HOLE_NS : run->timeout_ns;
}

/* All variants of one benchmark; SAMPLE has room for them. */
static int take_all(const struct run *run, const struct sample_runner *runner,
		    const struct bench *bench, bool counts, const sigset_t *mask,
		    struct sample *sample, struct error *err)
{
	for (unsigned int i = 0; i < run->variants; i++) {
		const struct sample_request request = { .bench = bench,
							.variant = &run->variant[i],
							.iterations = verify_iterations(run, bench),
							.mem_size = run_memory(run, bench),
							.kernel = run->kernel,
							.cpu = run->cpu,
							.alike = run->alike,
							.timeout_ns = timeout(run, bench, i),
							.count = counts ||
								 has_holes(&run->variant[i]) };
		int ret = sample_take(runner, &request, mask, &sample[i], err);

		if (ret)
			return ret;
	}
	return 0;
}

/* Index of a variant that the others are compared with: one that should be right. */
static unsigned int reference(const struct run *run, const struct bench *bench,
			      const struct sample *sample)
{
	for (unsigned int i = 0; i < run->variants; i++)
		if (!verify_hole(bench, &run->variant[i], &sample[i]))
			return i;
	return 0;
}

/* A guest that must go wrong on its variant. 0: it did, and WHY says how. */
static int judge_hole(const struct bench *bench, const struct sample *ref, const struct sample *s,
		      struct error *why)
{
	if (s->status == SAMPLE_FAIL) {
		fail(why, 0, "%s", s->reason);
		return 0;
	}
	if (verify_compare(bench, ref, s, why))
		return 0;
	why->text[0] = '\0';
	if (bench->hole_maybe)
		return 0;
	return fail(why, -EINVAL, "is right, although %s fails silently there (%s)", bench->hole,
		    bench->hole_why);
}

/* Index of the first variant that is at fault, with ERR filled, or -1; then HOLE is what went wrong
 * because it must, or "". */
static int judge(const struct run *run, const struct bench *bench, bool counts,
		 const struct sample *sample, struct error *err, struct error *hole)
{
	unsigned int ref = reference(run, bench, sample);

	hole->text[0] = '\0';
	for (unsigned int i = 0; i < run->variants; i++) {
		if (verify_hole(bench, &run->variant[i], &sample[i])) {
			if (!judge_hole(bench, &sample[ref], &sample[i], hole))
				continue;
			*err = *hole;
			return (int)i;
		}
		if (sample[i].status == SAMPLE_FAIL) {
			fail(err, 0, "%s", sample[i].reason);
			return (int)i;
		}
		if (counts && run->variant[i].backend->hardware &&
		    run->variant[i].irqchip == IRQCHIP_USER &&
		    verify_counts(bench, &sample[i], err))
			return (int)i;
		if (i != ref && verify_compare(bench, &sample[ref], &sample[i], err))
			return (int)i;
	}
	return -1;
}

static int one_guest(const struct run *run, const struct sample_runner *runner,
		     const struct bench *bench, bool counts, const sigset_t *mask, FILE *f,
		     struct verify_sum *sum, struct error *err)
{
	struct sample sample[VARIANTS_MAX] = { 0 };
	struct error why, hole;
	int ret = take_all(run, runner, bench, counts, mask, sample, err), bad = -1;

	if (!ret)
		bad = judge(run, bench, counts, sample, &why, &hole);
	if (!ret && bad >= 0) {
		sum->failed++;
		fprintf(f, "FAIL  %-24s %s: %s\n", bench->name, run->variant[bad].label, why.text);
	} else if (!ret && sample[0].status == SAMPLE_SKIP) {
		sum->skipped++;
		fprintf(f, "skip  %-24s %s\n", bench->name, sample[0].reason);
	} else if (!ret) {
		sum->passed++;
		if (hole.text[0])
			fprintf(f, "ok    %-24s trap fails, as %s %s: %s\n", bench->name,
				bench->hole, bench->hole_maybe ? "may" : "must", hole.text);
		else
			fprintf(f, "ok    %s\n", bench->name);
	}
	for (unsigned int i = 0; i < run->variants; i++)
		sample_free(&sample[i]);
	fflush(f);
	return ret;
}

int verify_all(const struct run *run, const struct sample_runner *runner, bool counts, FILE *f,
	       struct verify_sum *sum, struct error *err)
{
	sigset_t mask;
	int ret = 0;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (unsigned int i = 0; !ret && i < run->benches; i++)
		ret = one_guest(run, runner, run->bench[i], counts, &mask, f, sum, err);
	return ret;
}
