/* SPDX-License-Identifier: MIT */
#include "bench/commands.h"
#include "bench/eventname.h"
#include "bench/options.h"
#include "bench/run.h"
#include "common/csv.h"
#include "common/tracefs.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct row {
	enum event_group group;
	char name[128], text[120], reason[320]; /* no REASON: it can be counted */
};

struct command {
	const char *system[OPTIONS_GLOBS]; /* of tracepoints; the NULL ends it */
	unsigned int systems;
	const char *now; /* the one that is listed */
	struct record csv;
	struct row *row;
	size_t nr, room;
};

/* ---- what there is ----------------------------------------------------------------------------
 */

static struct row *new_row(struct command *c)
{
	if (c->nr == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct row *row = realloc(c->row, room * sizeof(*row));

		if (!row)
			return NULL;
		c->row = row;
		c->room = room;
	}
	memset(&c->row[c->nr], 0, sizeof(struct row));
	return &c->row[c->nr++];
}

/* Open it, as run would. */
static void try_it(struct row *row, enum event_group otherwise)
{
	struct pmu_event event;
	struct error err;
	int fd;

	row->group = otherwise;
	if (event_encode(row->name, &event, &err)) {
		snprintf(row->reason, sizeof(row->reason), "%s", err.text);
		return;
	}
	row->group = event_group(&event);
	fd = pmu_open(&event, false);
	if (fd < 0)
		pmu_reason(&event, fd, row->reason, sizeof(row->reason));
	else
		close(fd);
}

static int add(void *arg, const char *name, const char *text)
{
	struct row *row = new_row(arg);

	if (!row)
		return -ENOMEM;
	snprintf(row->name, sizeof(row->name), "%s", name);
	snprintf(row->text, sizeof(row->text), "%s", text ? text : "");
	try_it(row, EVENT_HARDWARE);
	return 0;
}

static int add_tracepoint(void *arg, const char *name)
{
	struct command *c = arg;
	struct row *row = new_row(c);

	if (!row)
		return -ENOMEM;
	snprintf(row->name, sizeof(row->name), "%.40s:%.80s", c->now, name);
	try_it(row, EVENT_TRACEPOINT);
	return 0;
}

static int collect(struct command *c, struct error *err)
{
	int ret = event_each(add, c);

	/* Without libpfm4 there are tracepoints still. */
	for (unsigned int i = 0; (!ret || ret == -ENOTSUP) && i < c->systems; i++) {
		c->now = c->system[i];
		ret = tracefs_each(c->now, add_tracepoint, c);
	}
	return ret == -ENOMEM ? fail(err, ret, "out of memory") : 0;
}

/* ---- telling it -------------------------------------------------------------------------------
 */

static void count(const struct command *c, enum event_group group, size_t *all, size_t *fine)
{
	*all = *fine = 0;
	for (size_t i = 0; i < c->nr; i++) {
		*all += c->row[i].group == group;
		*fine += c->row[i].group == group && !c->row[i].reason[0];
	}
}

/* Those that cannot be counted, one paragraph for each reason; DONE[i]: told already. */
static void print_others(const struct command *c, enum event_group group, bool *done)
{
	for (size_t i = 0; i < c->nr; i++) {
		size_t column = 100;

		if (c->row[i].group != group || !c->row[i].reason[0] || done[i])
			continue;
		printf("  not counted: %s:", c->row[i].reason);
		for (size_t j = i; j < c->nr; j++) {
			if (c->row[j].group != group || strcmp(c->row[j].reason, c->row[i].reason))
				continue;
			done[j] = true;
			column += strlen(c->row[j].name) + 1;
			if (column > 96) {
				printf("\n   ");
				column = strlen(c->row[j].name) + 4;
			}
			printf(" %s", c->row[j].name);
		}
		printf("\n");
	}
}

static void print_group(const struct command *c, enum event_group group, bool *done)
{
	size_t all, fine;

	count(c, group, &all, &fine);
	printf("%s: %zu of %zu can be counted\n", event_group_name(group), fine, all);
	if (group == EVENT_TRACEPOINT && !all)
		printf("  %s\n", tracefs_readable()
					 ? "this kernel has none of that name (modprobe kvm?)"
					 : "none can be seen: mount -t tracefs tracefs "
					   "/sys/kernel/tracing, as root");
	for (size_t i = 0; i < c->nr; i++)
		if (c->row[i].group == group && !c->row[i].reason[0])
			printf(c->row[i].text[0] ? "  %-32s %s\n" : "  %s%s\n", c->row[i].name,
			       c->row[i].text);
	print_others(c, group, done);
	printf("\n");
}

static int print(const struct command *c, struct error *err)
{
	bool *done = calloc(c->nr + 1, sizeof(*done));
	char library[32];

	if (!done)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int g = 0; g < EVENT_GROUPS; g++)
		print_group(c, (enum event_group)g, done);
	event_library(library, sizeof(library));
	printf("Names and modifiers are libpfm4's (%s): cycles:u user code alone, :k the kernel "
	       "alone, :mg while\na guest of kvm runs, :mh while none does.\n",
	       library);
	free(done);
	return 0;
}

static void csv_header(FILE *f)
{
	fputs("group,event,countable,reason,description\n", f);
}

static int write_csv(FILE *f, const struct command *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		const struct row *row = &c->row[i];

		fprintf(f, "%s,", event_group_name(row->group));
		csv_text(f, row->name);
		fprintf(f, ",%u,", !row->reason[0]);
		csv_text(f, row->reason);
		fputc(',', f);
		csv_text(f, row->text);
		fputc('\n', f);
	}
	return csv_flush(f);
}

/* ---- the command ------------------------------------------------------------------------------
 */

enum { OPT_CSV = 256 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case OPT_CSV:
		c->csv.path = arg;
		break;
	case ARGP_KEY_ARG:
		if (c->systems == OPTIONS_GLOBS || strchr(arg, '/') || strchr(arg, ':'))
			argp_failure(state, EXIT_USAGE, 0,
				     "takes groups of tracepoints such as kvm or sched; not '%s'",
				     arg);
		c->system[c->systems++] = arg;
		break;
	case ARGP_KEY_END:
		if (!c->systems) {
			c->system[c->systems++] = "kvm";
			c->system[c->systems++] = "kvmmmu";
		}
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option options[] = {
	{ "csv", OPT_CSV, "FILE", 0, "Write them to FILE, one in a row, with the reason", 0 }, { 0 }
};

static const char doc[] =
	"List the events that run --events can count on this host; each is opened to see. Those of "
	"the "
	"processor and of the kernel's software counters, and the kernel's tracepoints of each "
	"GROUP "
	"(default: kvm, kvmmmu).\vExit status: 0; 2 bad option; 4 the host failed us.";

static int complain(const struct error *err, int status)
{
	fprintf(stderr, "fvbench events: %s\n", err->text);
	return status;
}

int cmd_events(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "[GROUP...]", doc, NULL, NULL, NULL };
	static struct command c;
	struct error err = { "" };
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	ret = record_open(&c.csv, csv_header, &err);
	if (ret)
		return complain(&err, ret == -ENOSPC ? EXIT_HOST : EXIT_USAGE);
	ret = collect(&c, &err);
	if (!ret && c.csv.file)
		ret = write_csv(c.csv.file, &c);
	if (record_close(&c.csv, &err))
		ret = -EIO;
	if (!ret)
		ret = print(&c, &err);
	free(c.row);
	return ret ? complain(&err, EXIT_HOST) : EXIT_FINE;
}
