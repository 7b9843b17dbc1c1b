/* SPDX-License-Identifier: MIT */
#include "bench/warmup.h"
#include "bench/stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "fvbench-chunks: ops="

/* A decimal number at *AT, which moves behind it. */
static bool take_number(const char **at, u64 *value)
{
	char *end;

	if (**at < '0' || **at > '9')
		return false;
	errno = 0;
	*value = strtoull(*at, &end, 10);
	*at = end;
	return !errno;
}

static int parse(struct chunks *s, const char *line)
{
	u64 ticks;

	s->n = 0;
	if (!take_number(&line, &s->ops) || !s->ops)
		return -EINVAL;
	while (*line == ' ' && s->n < DESIGN_CHUNKS) {
		line++;
		if (!take_number(&line, &ticks) || !ticks)
			return -EINVAL;
		s->per_op[s->n++] = (double)ticks / (double)s->ops;
	}
	return *line && *line != '\r' ? -EINVAL : 0;
}

int chunks_find(struct chunks *s, const char *text, size_t len)
{
	const char *at = memmem(text, len, PREFIX, strlen(PREFIX)), *end;
	char *line;
	int ret;

	s->n = 0;
	if (!at)
		return -ENODATA;
	at += strlen(PREFIX);
	end = memchr(at, '\n', len - (size_t)(at - text));
	if (!end)
		return -EINVAL;
	line = strndup(at, (size_t)(end - at));
	ret = line ? parse(s, line) : -ENOMEM;
	free(line);
	return ret;
}

/* ---- levels --------------------------------------------------------------------------------- */

#define SHORTEST 3    /* values in a level that ends beyond the first quarter */
#define PENALTY	 6    /* times log N, for each more */
#define SAME	 0.01 /* so far apart are levels that are the same, at least */
#define AROUND	 5    /* neighbours on each side */
#define QUIET	 1e-3 /* no noise is taken to be less than this */

struct levels {
	unsigned int n;
	double log[DESIGN_CHUNKS];
	bool out[DESIGN_CHUNKS]; /* one that an interrupt made */
	double noise;		 /* standard deviation within a level */
	/* Sums over those that are not OUT, of the first I. */
	double count[DESIGN_CHUNKS + 1], sum[DESIGN_CHUNKS + 1], square[DESIGN_CHUNKS + 1];
};

/* Standard deviation by the distances of neighbours, whatever the level does. */
static double noise_of(const double *v, unsigned int n)
{
	double step[DESIGN_CHUNKS];
	double noise;

	for (unsigned int i = 1; i < n; i++)
		step[i - 1] = v[i] - v[i - 1];
	noise = 1.4826 * stats_mad(step, n - 1) / sqrt(2);
	return noise > QUIET ? noise : QUIET;
}

/* Far above its neighbours (Barrett et al. 2017, section 4.1, with the fewer of them that there are
 * here), but not as what it follows: the first values are slow because they are first. */
static bool outlier(const struct levels *l, unsigned int i)
{
	unsigned int from = i > AROUND ? i - AROUND : 0;
	unsigned int to = i + AROUND < l->n ? i + AROUND + 1 : l->n;
	double spread = 3 * 1.4826 * stats_mad(l->log + from, to - from), most;

	most = stats_median(l->log + from, to - from) + fmax(spread, 3 * l->noise);
	return i && l->log[i] > most && (l->log[i - 1] <= most || l->out[i - 1]);
}

static void prepare(struct levels *l, const double *v, unsigned int n)
{
	l->n = n;
	for (unsigned int i = 0; i < n; i++)
		l->log[i] = log(v[i]);
	l->noise = noise_of(l->log, n);
	for (unsigned int i = 0; i < n; i++)
		l->out[i] = outlier(l, i);
	/* Three in a row are a level. */
	for (unsigned int i = 1, run = 0; i < n; i++) {
		run = l->out[i] ? run + 1 : 0;
		for (unsigned int k = 0; run >= SHORTEST && k < run; k++)
			l->out[i - k] = false;
	}
	l->count[0] = l->sum[0] = l->square[0] = 0;
	for (unsigned int i = 0; i < n; i++) {
		double x = l->out[i] ? 0 : l->log[i];

		l->count[i + 1] = l->count[i] + !l->out[i];
		l->sum[i + 1] = l->sum[i] + x;
		l->square[i + 1] = l->square[i] + x * x;
	}
}

static double mean(const struct levels *l, unsigned int from, unsigned int to)
{
	return (l->sum[to] - l->sum[from]) / (l->count[to] - l->count[from]);
}

/* What one level from FROM to TO leaves unexplained, in units of the noise. */
static double cost(const struct levels *l, unsigned int from, unsigned int to)
{
	double count = l->count[to] - l->count[from], sum = l->sum[to] - l->sum[from];
	double left = count > 0 ? l->square[to] - l->square[from] - sum * sum / count : INFINITY;

	return left / (l->noise * l->noise);
}

/* Where the levels of the best partition begin, from the last to the first (which is 0): how many.
 */
static unsigned int partition(const struct levels *l, unsigned int begins[DESIGN_CHUNKS])
{
	double best[DESIGN_CHUNKS + 1] = { 0 }, penalty = PENALTY * log(l->n);
	unsigned int from[DESIGN_CHUNKS + 1] = { 0 }, nr = 0;

	for (unsigned int to = 1; to <= l->n; to++) {
		/* What warms up may do so in steps. */
		unsigned int least = to <= l->n / 4 ? 1 : SHORTEST;

		best[to] = cost(l, 0, to);
		for (unsigned int i = 1; i + least <= to; i++) {
			double with = best[i] + cost(l, i, to) + penalty;

			if (with < best[to]) {
				best[to] = with;
				from[to] = i;
			}
		}
	}
	for (unsigned int to = l->n; to; to = from[to])
		begins[nr++] = from[to];
	return nr;
}

/* Of the level before the steady state that comes nearest to being faster. */
static double fastest(const struct levels *l, const unsigned int *begins, unsigned int nr,
		      unsigned int steady)
{
	double least = INFINITY;

	for (unsigned int i = nr; i--;) {
		unsigned int end = i ? begins[i - 1] : l->n;

		if (begins[i] < steady)
			least = fmin(least, mean(l, begins[i], end));
	}
	return least;
}

struct warmup warmup_of(const double *v, unsigned int n)
{
	struct warmup w = { STEADY_UNKNOWN, 0, NAN, NAN };
	unsigned int begins[DESIGN_CHUNKS] = { 0 }, nr, steady;
	struct levels l;
	double last, same;

	if (n < WARMUP_LEAST || n > DESIGN_CHUNKS)
		return w;
	prepare(&l, v, n);
	nr = partition(&l, begins);
	last = mean(&l, begins[0], n);
	same = fmax(SAME, l.noise);
	steady = begins[0];
	for (unsigned int i = 1; i < nr; i++) {
		if (fabs(mean(&l, begins[i], begins[i - 1]) - last) > same)
			break;
		steady = begins[i];
	}
	if (steady > n - n / 4) {
		w.kind = STEADY_NONE;
		w.before = n;
		return w;
	}
	w.kind = !steady					 ? STEADY_FLAT
		 : fastest(&l, begins, nr, steady) < last - same ? STEADY_SLOWDOWN
								 : STEADY_WARMUP;
	w.before = steady;
	w.level = stats_median(v + steady, n - steady);
	w.excess = 0;
	for (unsigned int i = 0; i < steady; i++)
		w.excess += v[i] - w.level;
	return w;
}

const char *steady_name(enum steady_kind kind)
{
	static const char *const name[] = { "unknown", "flat", "warmup", "slowdown", "none" };

	return name[kind];
}

/* ---- drift ---------------------------------------------------------------------------------- */

#define EXACT 60 /* values; of more the normal approximation does */

/* How likely a random order of N values has at least S (above 0) more rising than falling pairs. */
static double order_chance(unsigned int n, int s)
{
	unsigned int pairs = n * (n - 1) / 2, least = (pairs + (unsigned int)s + 1) / 2;
	double *now = calloc(2 * ((size_t)pairs + 1), sizeof(*now)), *next = now + pairs + 1, p = 0;

	if (!now)
		return NAN;
	/* Chances of each number of rising pairs: the K-th value is above 0 to K-1 of those before.
	 */
	now[0] = 1;
	for (unsigned int k = 2; k <= n; k++) {
		for (unsigned int i = 0; i <= k * (k - 1) / 2; i++) {
			next[i] = 0;
			for (unsigned int j = 0; j < k && j <= i; j++)
				next[i] += now[i - j] / k;
		}
		memcpy(now, next, (k * (k - 1) / 2 + 1) * sizeof(*now));
	}
	for (unsigned int i = least; i <= pairs; i++)
		p += now[i];
	free(now);
	return p;
}

static double trend_p(const double *v, unsigned int n)
{
	int s = 0;
	double sd;

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int j = i + 1; j < n; j++)
			s += (v[j] > v[i]) - (v[j] < v[i]);
	s = abs(s);
	if (!s)
		return 1;
	if (n <= EXACT)
		return fmin(1, 2 * order_chance(n, s));
	sd = sqrt((double)n * (n - 1) * (2.0 * n + 5) / 18);
	return erfc((s - 1) / sd / sqrt(2));
}

struct drift drift_of(const double *v, unsigned int n)
{
	struct drift d = { NAN, NAN };

	if (n < 4)
		return d;
	d.change = stats_median(v + n - n / 2, n / 2) / stats_median(v, n / 2) - 1;
	d.p = trend_p(v, n);
	return d;
}

bool drifts(const struct drift *d)
{
	return d->p <= DRIFT_P && fabs(d->change) > DRIFT_CHANGE;
}
