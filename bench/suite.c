/* SPDX-License-Identifier: MIT */
#include "bench/suite.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	M64 = 1,
	M32 = 2,
	COMPUTE = 4,
	KERNEL = 8,
	LONG = 16,
	BOOT = 32,
	IN_LINUX = 64,
	MAYBE = 128
};

static const struct {
	const char *name;
	unsigned int modes;
	u64 iterations;
	const char *trap;
	unsigned int traps_per_op;
	const char *text;
} guests[] = {
#define BENCH(name, modes, iterations, trap, per_op, text) \
	{ name, modes, iterations, trap, per_op, text },
#define LINUX(name, kind, iterations, text) \
	{ name, M64 | IN_LINUX | (kind), iterations, NULL, 0, text },
#define HOLE(name, modes, insn, why)
#include "bench/suite.def"
#undef BENCH
#undef LINUX
#undef HOLE
};

static const struct {
	const char *name;
	unsigned int modes;
	const char *insn, *why;
} holes[] = {
#define BENCH(name, modes, iterations, trap, per_op, text)
#define LINUX(name, kind, iterations, text)
#define HOLE(name, modes, insn, why) { name, modes, insn, why },
#include "bench/suite.def"
#undef BENCH
#undef LINUX
#undef HOLE
};

static void find_hole(struct bench *b, const char *name, unsigned int mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++)
		if (holes[i].modes & mode && !strcmp(holes[i].name, name)) {
			b->hole = holes[i].insn;
			b->hole_maybe = holes[i].modes & MAYBE;
			b->hole_why = holes[i].why;
		}
}

struct bench *suite_load(size_t *n)
{
	struct bench *table = calloc(2 * ARRAY_SIZE(guests), sizeof(*table));

	*n = 0;
	for (size_t i = 0; table && i < ARRAY_SIZE(guests); i++)
		for (unsigned int mode = M64; mode <= M32; mode <<= 1) {
			struct bench *b = &table[*n];

			if (!(guests[i].modes & mode))
				continue;
			*b = (struct bench){ .mode = mode == M64 ? 64 : 32,
					     .iterations = guests[i].iterations,
					     .trap = guests[i].trap,
					     .traps_per_op = guests[i].traps_per_op,
					     .compute = guests[i].modes & COMPUTE,
					     .native = guests[i].modes & (COMPUTE | KERNEL),
					     .in_linux = guests[i].modes & IN_LINUX,
					     .boot = guests[i].modes & BOOT,
					     .tenth = guests[i].modes & (COMPUTE | LONG),
					     .text = guests[i].text };
			snprintf(b->name, sizeof(b->name), "%s%s", guests[i].name,
				 mode == M64 ? "" : "-32");
			find_hole(b, guests[i].name, mode);
			++*n;
		}
	return table;
}

const char *bench_guest_name(const struct bench *bench)
{
	const char *slash = strchr(bench->name, '/');

	return slash ? slash + 1 : bench->name;
}

int bench_file(const struct bench *bench, const char *dir, bool native, char *path,
	       struct error *err)
{
	const char *in = native && !bench->in_linux ? "native/" : "";
	const char *end = native ? "" : bench->in_linux ? ".cpio" : ".elf";

	if (snprintf(path, PATH_MAX, "%s/%s%s%s", dir, in, bench->name, end) < PATH_MAX)
		return 0;
	return fail(err, -ENAMETOOLONG, "the guest's path is too long");
}

static bool wanted(const struct bench *bench, const char *const *glob, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!fnmatch(glob[i], bench->name, FNM_PATHNAME))
			return true;
	return !nr && !bench->in_linux;
}

int suite_select(const struct bench *table, size_t n, const char *const *glob, size_t nr,
		 const struct bench **out, struct error *err)
{
	int found = 0;

	for (size_t g = 0; g < nr; g++) {
		size_t i = 0;

		while (i < n && !wanted(&table[i], &glob[g], 1))
			i++;
		if (i == n)
			return fail(err, -EINVAL,
				    "no benchmark matches \"%s\"; fvbench list shows them, "
				    "fvbench list 'linux/*' those in Linux",
				    glob[g]);
	}
	for (size_t i = 0; i < n; i++)
		if (wanted(&table[i], glob, nr))
			out[found++] = &table[i];
	return found;
}

/* The folder of the running program. */
static bool program_dir(char *path)
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return true;
}

int suite_guest_dir(const char *dir, char *path, struct error *err)
{
	/* The program is copied to the top of the tree, also runs from where it was built, and may
	 * be installed (doc/install.mk). */
	static const char *const from_program[] = { "build/nano", "../nano",
						    "../lib/fvbench/nano" };
	char program[PATH_MAX];

	if (dir) {
		if (snprintf(path, PATH_MAX, "%s", dir) < PATH_MAX && !access(path, R_OK | X_OK))
			return 0;
		return fail(err, -ENOENT, "cannot read the guests' folder %.200s", dir);
	}
	for (size_t i = 0; program_dir(program) && i < ARRAY_SIZE(from_program); i++)
		if (snprintf(path, PATH_MAX, "%s/%s", program, from_program[i]) < PATH_MAX &&
		    !access(path, R_OK | X_OK))
			return 0;
	return fail(err, -ENOENT,
		    "the microbenchmark guests are not built; make nano builds them, --guests DIR "
		    "says where they are");
}

int suite_kernel(const char *file, const char *dir, char *path, struct error *err)
{
	int n = file ? snprintf(path, PATH_MAX, "%s", file)
		     : snprintf(path, PATH_MAX, "%s/../guests/vmlinuz-cloud-amd64", dir);

	return n < PATH_MAX ? 0 : fail(err, -ENAMETOOLONG, "the kernel's path is too long");
}
