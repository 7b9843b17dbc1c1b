/* SPDX-License-Identifier: MIT */
#include "bench/show.h"
#include "bench/machine.h"

#include <errno.h>
#include <string.h>

#define REFERENCE_ENGINE "step" /* the architecture, one instruction at a time */
#define MEMORY		 (16 * MiB)

enum { OPT_BACKEND = 512, OPT_GUESTS, OPT_CSV };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct show_options *o = state->input;

	switch (key) {
	case OPT_BACKEND:
		o->backends = arg;
		return 0;
	case OPT_GUESTS:
		o->guests = arg;
		return 0;
	case OPT_CSV:
		o->csv = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option show_options[] = {
	{ "backend", OPT_BACKEND, "LIST", 0,
	  "Engines to try, as in run (default: all that work here but step)", 0 },
	{ "guests", OPT_GUESTS, "DIR", 0,
	  "Folder of the guests' files (default: those built or installed with this program)", 0 },
	{ "csv", OPT_CSV, "FILE", 0, "Write all that was seen to FILE", 0 },
	{ 0 }
};

const struct argp show_argp = { show_options, parse, NULL, NULL, NULL, NULL, NULL };

static void append(char *text, size_t size, const struct backend *b, const char *engine)
{
	size_t n = strlen(text);

	if (strcmp(engine, REFERENCE_ENGINE))
		snprintf(text + n, size - n, "%s%s%s%s", n ? "," : "", b->name, *engine ? ":" : "",
			 engine);
}

/* "swbt:trap,swbt:trap+patch,swbt:bt,kvm": every way that works here, DIRECT ones or the others. */
static void append_all(char *text, size_t size, bool direct)
{
	static const char *const none[] = { "", NULL };
	struct error why;

	for (const struct backend *const *b = backends; *b; b++) {
		const char *const *engine = (*b)->engines ? (*b)->engines : none;

		for (; !(*b)->probe(&why) && *engine; engine++)
			if (!strncmp(*engine, "trap", 4) == direct)
				append(text, size, *b, *engine);
	}
}

static int find_reference(struct show *show, const struct variant_defaults *defaults,
			  struct error *err)
{
	char name[64];

	for (const struct backend *const *b = backends; *b; b++)
		if (backend_has_engine(*b, REFERENCE_ENGINE)) {
			snprintf(name, sizeof(name), "%.32s:" REFERENCE_ENGINE, (*b)->name);
			return variants_parse(show->reference, backends, name, defaults, err);
		}
	return fail(err, -ENODEV, "no engine " REFERENCE_ENGINE);
}

int show_init(struct show *show, const char *list, const char *guests, struct error *err)
{
	const struct variant_defaults defaults = { .irqchip = IRQCHIP_USER };
	char all[256] = "";
	int ret = suite_guest_dir(guests, show->dir, err);

	if (!ret)
		ret = find_reference(show, &defaults, err);
	if (ret < 0)
		return ret;
	append_all(all, sizeof(all), true);
	append_all(all, sizeof(all), false);
	ret = variants_parse(show->variant, backends, list ? list : all, &defaults, err);
	if (ret < 0)
		return ret;
	show->variants = (unsigned int)ret;
	show->alike[0] = show->reference->backend;
	for (int i = 0; i < ret; i++)
		show->alike[i + 1] = show->variant[i].backend;
	show->runner = (struct sample_runner){ machine_body, show->dir, 5 * NSEC_PER_SEC };
	sigprocmask(SIG_BLOCK, NULL, &show->mask);
	return 0;
}

int show_take(const struct show *show, const struct variant *variant, const char *name,
	      unsigned int bits, u64 iterations, const char *args, bool count, u64 timeout_ns,
	      struct sample *sample, struct error *err)
{
	struct bench guest = { .mode = bits, .iterations = iterations };
	const struct sample_request request = { .bench = &guest,
						.variant = variant,
						.iterations = iterations,
						.args = args,
						.mem_size = MEMORY,
						.cpu = "host",
						.alike = show->alike,
						.timeout_ns = timeout_ns,
						.count = count };

	snprintf(guest.name, sizeof(guest.name), "shows/%.24s%s", name, bits == 32 ? "-32" : "");
	return sample_take(&show->runner, &request, &show->mask, sample, err);
}

u64 show_extra(const struct verdict *v, const char *key)
{
	for (unsigned int i = 0; i < v->nr_extra; i++)
		if (!strcmp(v->extra[i].key, key))
			return v->extra[i].value;
	return 0;
}

void show_name(const struct variant *v, char *text, size_t size)
{
	const char *rest = v->label + strlen(v->backend->name);
	size_t len = strlen(v->engine);
	bool unsaid = len && (strncmp(rest, ":", 1) || strncmp(rest + 1, v->engine, len));

	snprintf(text, size, "%.32s%s%s%.80s", v->backend->name, unsaid ? ":" : "",
		 unsaid ? v->engine : "", rest);
}
