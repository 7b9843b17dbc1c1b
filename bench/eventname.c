/* SPDX-License-Identifier: MIT */
#include "bench/eventname.h"
#include "common/tracefs.h"

#include <ctype.h>
#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_ 128

const char *event_group_name(enum event_group group)
{
	static const char *const name[] = { "hardware", "software", "tracepoint" };

	return name[group];
}

enum event_group event_group(const struct pmu_event *event)
{
	switch (event->attr.type) {
	case PERF_TYPE_SOFTWARE:
		return EVENT_SOFTWARE;
	case PERF_TYPE_TRACEPOINT:
		return EVENT_TRACEPOINT;
	default:
		return EVENT_HARDWARE;
	}
}

/* Is the word MODIFIER among those after NAME's colons? */
static bool has_modifier(const char *name, const char *modifier)
{
	size_t n = strlen(modifier);

	for (name = strchr(name, ':'); name; name = strchr(name + 1, ':'))
		if (!strncasecmp(name + 1, modifier, n) && !isalnum((unsigned char)name[1 + n]) &&
		    name[1 + n] != '_' && name[1 + n] != '-')
			return true;
	return false;
}

void event_library(char *text, size_t size)
{
	int version = pfm_get_version();

	snprintf(text, size, "%d.%d", PFM_MAJ_VERSION(version), PFM_MIN_VERSION(version));
}

/* ---- all names -------------------------------------------------------------------------------
 */

struct each {
	int (*fn)(void *arg, const char *name, const char *text);
	void *arg;
};

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* One whose unit masks have no default: by each of them. */
static int each_mask(const struct each *each, const pfm_event_info_t *info)
{
	int ret = 0;

	for (int a = 0; !ret && a < info->nattrs; a++) {
		pfm_event_attr_info_t attr = { .size = sizeof(attr) };
		char name[2 * NAME_MAX_];

		if (pfm_get_event_attr_info(info->idx, a, PFM_OS_PERF_EVENT, &attr) ||
		    attr.type != PFM_ATTR_UMASK)
			continue;
		snprintf(name, sizeof(name), "%s:%s", info->name, attr.name);
		ret = each->fn(each->arg, name, attr.desc);
	}
	return ret;
}

/* The processor's own. */
static int each_own(const struct each *each, const pfm_event_info_t *info)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof(arg) };

	if (info->equiv)
		return 0;
	if (pfm_get_os_event_encoding(info->name, PFM_PLM3, PFM_OS_PERF_EVENT, &arg) ==
	    PFM_ERR_UMASK)
		return each_mask(each, info);
	return each->fn(each->arg, info->name, info->desc);
}

/* Generic events have a formal name and several short ones, of which the first one is told. */
static int each_generic(const struct each *each, const pfm_event_info_t *info, char *last)
{
	char name[NAME_MAX_];

	if (!info->equiv || !strcmp(info->equiv, last))
		return 0;
	snprintf(last, NAME_MAX_, "%s", info->equiv);
	snprintf(name, sizeof(name), "%s", info->name);
	lower(name);
	return each->fn(each->arg, name, strcmp(info->desc, info->equiv) ? info->desc : "");
}

static int each_of(const struct each *each, const pfm_pmu_info_t *pmu)
{
	bool generic = pmu->pmu == PFM_PMU_PERF_EVENT;
	char last[NAME_MAX_] = "";
	int ret = 0;

	for (int i = pmu->first_event; !ret && i >= 0; i = pfm_get_event_next(i)) {
		pfm_event_info_t info = { .size = sizeof(info) };

		if (pfm_get_event_info(i, PFM_OS_PERF_EVENT, &info))
			continue;
		ret = generic ? each_generic(each, &info, last) : each_own(each, &info);
	}
	return ret;
}

int event_each(int (*fn)(void *arg, const char *name, const char *text), void *arg)
{
	const struct each each = { fn, arg };
	int ret = 0;

	if (pfm_initialize())
		return -ENOTSUP;
	for (int i = 0; !ret && i < PFM_PMU_MAX; i++) {
		pfm_pmu_info_t pmu = { .size = sizeof(pmu) };

		/* Raw events are a syntax, no names. */
		if (!pfm_get_pmu_info((pfm_pmu_t)i, &pmu) && pmu.is_present &&
		    pmu.pmu != PFM_PMU_PERF_EVENT_RAW)
			ret = each_of(&each, &pmu);
	}
	return ret;
}

/* ---- what was meant --------------------------------------------------------------------------
 */

struct guess {
	const char *name;
	size_t len; /* of it, without modifiers */
	unsigned int distance;
	char best[NAME_MAX_];
};

/* Levenshtein's distance, letters' case aside, of A[0..N) and B; both are cut to NAME_MAX_. */
static unsigned int distance(const char *a, size_t n, const char *b)
{
	unsigned int row[NAME_MAX_ + 1], m = (unsigned int)strnlen(b, NAME_MAX_);

	for (unsigned int j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= n && i <= NAME_MAX_; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= m; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);
			unsigned int change = diagonal + !same;

			diagonal = row[j];
			if (row[j - 1] < row[j])
				row[j] = row[j - 1];
			row[j] = row[j] + 1 < change ? row[j] + 1 : change;
		}
	}
	return row[m];
}

static int consider(void *arg, const char *name, const char *text)
{
	struct guess *g = arg;
	unsigned int d = distance(g->name, g->len, name);

	(void)text;
	if (d < g->distance) {
		g->distance = d;
		snprintf(g->best, sizeof(g->best), "%s", name);
	}
	return 0;
}

static int consider_tracepoint(void *arg, const char *event)
{
	return consider(arg, event, NULL);
}

/* A name is meant where no more than a third of what was written differs. */
static bool convincing(const struct guess *g)
{
	return g->best[0] && g->distance <= (g->len + 2) / 3;
}

static int unknown(const char *name, struct error *err)
{
	struct guess g = { .name = name, .len = strcspn(name, ":"), .distance = UINT32_MAX };

	event_each(consider, &g);
	if (convincing(&g))
		return fail(err, -ENOENT, "no such event here; did you mean %.100s?", g.best);
	return fail(err, -ENOENT, "no such event here; fvbench events lists them");
}

/* ---- encoding --------------------------------------------------------------------------------
 */

static bool is_word(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
			return false;
	return n > 0;
}

/* NAME is SYSTEM:EVENT with a SYSTEM that the kernel has, or that it could have. */
static int encode_tracepoint(const char *name, struct pmu_event *event, struct error *err)
{
	size_t n = strcspn(name, ":");
	char system[64];
	struct guess g = { .name = name + n + 1, .distance = UINT32_MAX };
	int id;

	snprintf(system, sizeof(system), "%.*s", (int)n, name);
	id = tracefs_id(system, g.name);
	if (id >= 0) {
		event->attr =
			(struct perf_event_attr){ .type = PERF_TYPE_TRACEPOINT, .config = (u64)id };
		return 0;
	}
	if (!tracefs_readable())
		return fail(err, -ENOENT,
			    "no tracepoint can be seen here: mount -t tracefs tracefs "
			    "/sys/kernel/tracing, as root");
	g.len = strlen(g.name);
	tracefs_each(system, consider_tracepoint, &g);
	if (convincing(&g))
		return fail(err, -ENOENT, "no such tracepoint here; did you mean %.60s:%.100s?",
			    system, g.best);
	return fail(err, -ENOENT, "no such event or tracepoint here; fvbench events lists them");
}

static bool could_be_tracepoint(const char *name)
{
	static const char *const modifiers[] = { "u", "k", "h", "mg", "mh", "excl", "pinned" };
	size_t n = strcspn(name, ":");

	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++)
		if (has_modifier(name, modifiers[i]))
			return false;
	return name[n] == ':' && is_word(name, n) && is_word(name + n + 1, strlen(name + n + 1));
}

/* libpfm4 leaves guests out unless it is told otherwise; here the guest is the point. */
static void guests_too(const char *name, struct perf_event_attr *attr)
{
	if (has_modifier(name, "mg") || has_modifier(name, "mh"))
		return;
	attr->exclude_guest = 0;
	attr->exclude_host = 0;
}

static int encode_known(const char *name, struct perf_event_attr *attr, struct error *err)
{
	if (attr->sample_period || attr->freq || attr->precise_ip)
		return fail(err, -EINVAL,
			    "events are counted, not sampled: no period, freq, precise");
	if (has_modifier(name, "cpu"))
		return fail(err, -EINVAL, "events are counted where the guest runs: no cpu");
	guests_too(name, attr);
	return 0;
}

int event_encode(const char *name, struct pmu_event *event, struct error *err)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	pfm_perf_encode_arg_t arg = { .attr = &attr, .size = sizeof(arg) };
	int r;

	*event = (struct pmu_event){ .unit = "count" };
	if (!*name || strchr(name, ','))
		return fail(err, -EINVAL, "one event has one name, without comma");
	r = pfm_initialize();
	if (!r)
		r = pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT_EXT,
					      &arg);
	if (!r) {
		event->attr = attr;
		if (attr.type == PERF_TYPE_SOFTWARE && (attr.config == PERF_COUNT_SW_CPU_CLOCK ||
							attr.config == PERF_COUNT_SW_TASK_CLOCK))
			event->unit = "ns";
		return encode_known(name, &event->attr, err);
	}
	if (r == PFM_ERR_NOTFOUND)
		return could_be_tracepoint(name) ? encode_tracepoint(name, event, err)
						 : unknown(name, err);
	return fail(err, -ENOENT, "%s (by libpfm4)", pfm_strerror(r));
}
