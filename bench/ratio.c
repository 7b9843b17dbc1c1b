/* SPDX-License-Identifier: MIT */
#include "bench/ratio.h"

#include <math.h>
#include <stdlib.h>

/* ---- Student's t ---------------------------------------------------------------------------- */

/* The continued fraction of the incomplete beta function, DLMF 8.17.22, by Lentz's method. */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 0, d = 0, h = 1;

	for (int i = 0; i < 400; i++) {
		int m = i / 2;
		double k = m, step;
		double term = !i      ? 1
			      : i & 1 ? -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
				      : k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k));

		d = 1 + term * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = i ? 1 + term / c : 1 / tiny;
		c = fabs(c) < tiny ? tiny : c;
		step = i ? c * d : d;
		h *= step;
		if (i > 2 && fabs(step - 1) < 1e-15)
			break;
	}
	return h;
}

/* The regularized incomplete beta function I_x(a, b). */
static double beta_share(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_p(double t, double df)
{
	return beta_share(df / 2, 0.5, df / (df + t * t));
}

/* ---- are they the same? --------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What is known of a mean without the lowest and highest fifth. */
struct trimmed {
	double mean;
	double variance; /* of that mean */
	double kept;	 /* values that went into it */
};

/* Sorts V[0..N), N >= 1. */
static struct trimmed trim(double *v, size_t n)
{
	size_t cut = n / 5, kept = n - 2 * cut;
	double mean = 0, centre = 0, squares = 0;

	qsort(v, n, sizeof(*v), by_value);
	for (size_t i = cut; i < n - cut; i++)
		mean += v[i] / (double)kept;
	/* Winsorized: those outside count as the outermost that is inside. */
	for (size_t i = 0; i < n; i++) {
		v[i] = i < cut ? v[cut] : i >= n - cut ? v[n - cut - 1] : v[i];
		centre += v[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++)
		squares += (v[i] - centre) * (v[i] - centre);
	return (struct trimmed){ mean, squares / (double)(kept * (kept - 1)), (double)kept };
}

#define ROUNDING 1e-12

/* The distance of two means, or of one from 0 (B NULL), is chance with this probability. */
static double welch(const struct trimmed *a, const struct trimmed *b)
{
	double distance = a->mean - (b ? b->mean : 0);
	double variance = a->variance + (b ? b->variance : 0), df;

	/* Numbers that do not vary are the same up to rounding, or are not. */
	if (fabs(distance) < ROUNDING)
		return 1;
	if (variance < ROUNDING * ROUNDING)
		return 0;
	df = a->variance * a->variance / (a->kept - 1);
	if (b)
		df += b->variance * b->variance / (b->kept - 1);
	return student_p(distance / sqrt(variance), variance * variance / df);
}

double ratio_test(const double *a, size_t na, const double *b, size_t nb, bool paired)
{
	double *log_a = malloc((na + nb + 1) * sizeof(*log_a)), *log_b = log_a + na, p = NAN;
	bool positive = log_a && na >= 3 && nb >= 3;
	struct trimmed x, y;

	for (size_t i = 0; positive && i < na; i++) {
		positive = a[i] > 0;
		log_a[i] = log(a[i]);
	}
	for (size_t i = 0; positive && i < nb; i++) {
		positive = b[i] > 0;
		log_b[i] = log(b[i]);
	}
	if (positive && paired && na >= RATIO_PAIRS) {
		for (size_t i = 0; i < na; i++)
			log_a[i] -= log_b[i];
		x = trim(log_a, na);
		p = welch(&x, NULL);
	} else if (positive) {
		x = trim(log_a, na);
		y = trim(log_b, nb);
		p = welch(&x, &y);
	}
	free(log_a);
	return p;
}

/* ---- how much? ------------------------------------------------------------------------------ */

/* V[0..n) of one resample: those that DRAWN says. */
static double median_drawn(const double *v, const size_t *drawn, size_t n, double *room)
{
	for (size_t i = 0; i < n; i++)
		room[i] = v[drawn[i]];
	qsort(room, n, sizeof(*room), by_value);
	return stats_quantile_sorted(room, n, 0.5);
}

struct draws {
	size_t *drawn;
	double *room, *ratio;
};

static struct interval bootstrap(const double *a, size_t na, const double *b, size_t nb,
				 bool paired, u64 seed, const struct draws *d)
{
	struct interval range = { NAN, NAN };
	size_t good = 0;

	for (size_t r = 0; r < STATS_RESAMPLES; r++) {
		double x, y;

		for (size_t i = 0; i < na; i++)
			d->drawn[i] = stats_random_below(&seed, na);
		x = median_drawn(a, d->drawn, na, d->room);
		for (size_t i = 0; !paired && i < nb; i++)
			d->drawn[i] = stats_random_below(&seed, nb);
		y = median_drawn(b, d->drawn, nb, d->room);
		if (x > 0 && y > 0)
			d->ratio[good++] = x / y;
	}
	/* The ends of fewer would not be those of a 95 % interval. */
	if (good < STATS_RESAMPLES)
		return range;
	qsort(d->ratio, good, sizeof(*d->ratio), by_value);
	range.low = stats_quantile_sorted(d->ratio, good, 0.025);
	range.high = stats_quantile_sorted(d->ratio, good, 0.975);
	return range;
}

struct ratio ratio_of(const double *a, size_t na, const double *b, size_t nb, bool paired, u64 seed)
{
	double x = stats_median(a, na), y = stats_median(b, nb);
	struct ratio r = { .value = NAN, .range = { NAN, NAN }, .p = NAN, .paired = paired };
	size_t most = na > nb ? na : nb;
	struct draws d = { malloc((most + 1) * sizeof(*d.drawn)),
			   malloc((most + 1) * sizeof(*d.room)),
			   malloc(STATS_RESAMPLES * sizeof(*d.ratio)) };

	if (x > 0 && y > 0)
		r.value = x / y;
	if (!isnan(r.value) && na >= 2 && nb >= 2 && d.drawn && d.room && d.ratio)
		r.range = bootstrap(a, na, b, nb, paired, seed, &d);
	r.p = ratio_test(a, na, b, nb, paired);
	free(d.drawn);
	free(d.room);
	free(d.ratio);
	return r;
}

/* ---- how many at once? ---------------------------------------------------------------------- */

static int by_pointed(const void *a, const void *b)
{
	return by_value(*(const double *const *)a, *(const double *const *)b);
}

void significance_adjust(double *p, size_t n)
{
	double **sorted = malloc((n + 1) * sizeof(*sorted)), least = 1;
	size_t nr = 0;

	for (size_t i = 0; i < n; i++) {
		if (!sorted)
			p[i] = NAN; /* not told is better than told wrong */
		else if (!isnan(p[i]))
			sorted[nr++] = &p[i];
	}
	if (nr)
		qsort(sorted, nr, sizeof(*sorted), by_pointed);
	for (size_t i = nr; i--;) {
		double adjusted = *sorted[i] * (double)nr / (double)(i + 1);

		least = adjusted < least ? adjusted : least;
		*sorted[i] = least;
	}
	free(sorted);
}
