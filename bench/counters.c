/* SPDX-License-Identifier: MIT */
#include "bench/counters.h"
#include "bench/eventname.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void try_it(struct counter *c)
{
	int fd = pmu_open(&c->event, false);

	if (fd < 0)
		pmu_reason(&c->event, fd, c->reason, sizeof(c->reason));
	else
		close(fd);
}

static int add(struct counters *counters, const char *name, struct error *err)
{
	struct counter *c = &counters->list[counters->nr];
	struct error why = { "" };
	int ret;

	if (counters->nr == COUNTERS_MAX)
		return fail(err, -EINVAL, "--events takes at most %d events", COUNTERS_MAX);
	if (!*name || strlen(name) >= sizeof(c->name))
		return fail(err, -EINVAL,
			    "--events takes names of events with commas between them; "
			    "fvbench events lists those of this host");
	for (unsigned int i = 0; i < counters->nr; i++)
		if (!strcasecmp(counters->list[i].name, name))
			return fail(err, -EINVAL, "--events names %s twice", name);
	strcpy(c->name, name);
	ret = event_encode(name, &c->event, &why);
	if (ret == -EINVAL)
		return fail(err, ret, "--events: %s: %.200s", name, why.text);
	strcpy(c->reason, why.text);
	c->costly = event_group(&c->event) == EVENT_TRACEPOINT;
	if (!ret)
		try_it(c);
	counters->nr++;
	return 0;
}

int counters_parse(struct counters *counters, const char *list, struct error *err)
{
	char copy[COUNTERS_MAX * COUNTER_NAME], *rest = copy, *name;
	int ret = 0;

	memset(counters, 0, sizeof(*counters));
	if (snprintf(copy, sizeof(copy), "%s", list) >= (int)sizeof(copy))
		return fail(err, -EINVAL, "--events takes at most %d events", COUNTERS_MAX);
	while (!ret && (name = strsep(&rest, ",")))
		ret = add(counters, name, err);
	return ret;
}

void counters_complain(const struct counters *counters, FILE *f, const char *prefix)
{
	for (unsigned int i = 0; i < counters->nr; i++)
		if (counters->list[i].reason[0])
			fprintf(f, "%s: %s is not counted: %s\n", prefix, counters->list[i].name,
				counters->list[i].reason);
}

/* ---- in the sample's process -----------------------------------------------------------------
 */

void counting_open(struct counting *c, const struct counters *counters, bool count, bool stopped,
		   struct counted *counted)
{
	c->counters = counters;
	c->counted = counted;
	if (!counters)
		return;
	for (unsigned int i = 0; i < counters->nr; i++) {
		const struct counter *one = &counters->list[i];

		c->fd[i] = one->costly == count && !one->reason[0] ? pmu_open(&one->event, stopped)
								   : -1;
		c->before[i] = (struct pmu_reading){ 0 };
		counted[i].wanted = c->fd[i] >= 0;
	}
}

static unsigned int nr(const struct counting *c)
{
	return c->counters ? c->counters->nr : 0;
}

void counting_begin(struct counting *c)
{
	for (unsigned int i = 0; i < nr(c); i++)
		if (c->fd[i] >= 0 && pmu_read(c->fd[i], &c->before[i])) {
			close(c->fd[i]);
			c->fd[i] = -1;
		}
}

void counting_end(struct counting *c)
{
	for (unsigned int i = 0; i < nr(c); i++) {
		struct pmu_reading after;

		if (c->fd[i] >= 0 && !pmu_read(c->fd[i], &after))
			c->counted[i].known =
				!pmu_between(&c->before[i], &after, &c->counted[i].count);
	}
}

unsigned int counting_open_nr(const struct counting *c)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr(c); i++)
		n += c->fd[i] >= 0;
	return n;
}

void counting_pass(const struct counting *c)
{
	int to = COUNTERS_FD;

	/* Without FD_CLOEXEC, which dup2 takes away. */
	for (unsigned int i = 0; i < nr(c); i++)
		if (c->fd[i] >= 0)
			dup2(c->fd[i], to++);
}

void counting_close(struct counting *c)
{
	for (unsigned int i = 0; i < nr(c); i++)
		if (c->fd[i] >= 0)
			close(c->fd[i]);
	c->counters = NULL;
}

/* ---- rows ------------------------------------------------------------------------------------
 */

void counters_rows(const struct counters *counters, const struct counted *counted, u64 iterations,
		   void (*put)(void *arg, const char *name, const char *unit, long double value),
		   void *arg)
{
	for (unsigned int i = 0; counters && i < counters->nr; i++) {
		const struct counter *c = &counters->list[i];
		char name[COUNTER_NAME + 32];

		if (!counted[i].known)
			continue;
		snprintf(name, sizeof(name), "counter.%s", c->name);
		put(arg, name, c->event.unit, counted[i].count.value);
		snprintf(name, sizeof(name), "counter_per_op.%s", c->name);
		put(arg, name, c->event.unit,
		    (long double)counted[i].count.value / (long double)iterations);
		if (!(counted[i].count.share < 1))
			continue;
		snprintf(name, sizeof(name), "counter.%s.running", c->name);
		put(arg, name, "share", counted[i].count.share);
	}
}
