/* SPDX-License-Identifier: MIT */
/*
 * A fuzzer for compilers without libFuzzer, and the same on every machine: feeds each seed file as
 * it is, then N mutations of it drawn from a fixed sequence.
 *
 *   replay FOLDER [N]          all files in FOLDER; ends in "P passed, F failed"
 *   replay FILE MUTATION       one input again, in this process, for a debugger (0: the seed
 * itself)
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM	  16384 /* of a seed and what a mutation adds to it */
#define SECONDS	  60	/* that one seed with all its mutations may take */
#define MUTATIONS 2000

struct input {
	u8 data[ROOM];
	size_t size;
};

static u64 next(u64 *state)
{
	u64 x = *state;

	/* xorshift64* (Vigna 2016) */
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull >> 16;
}

static void put(struct input *in, size_t at, u64 value, size_t len)
{
	if (at + len <= in->size)
		memcpy(in->data + at, &value, len);
}

/* Headers are in front: half of all changes go there. */
static size_t place(const struct input *in, u64 *rng)
{
	size_t end = next(rng) & 1 && in->size > 256 ? 256 : in->size;

	return next(rng) % end;
}

static void mutate_once(struct input *in, u64 *rng)
{
	static const u64 numbers[] = { 0,
				       1,
				       0x7f,
				       0x80,
				       0xff,
				       0x7fff,
				       0xffff,
				       0x7fffffff,
				       0x80000000,
				       0xffffffff,
				       0x100000,
				       0x3fffff,
				       0x400000,
				       0xc0000000,
				       0x7fffffffffffffff,
				       0x8000000000000000,
				       ~0ull,
				       ~0ull - 0xfff };
	static const size_t widths[] = { 1, 2, 4, 8 };
	size_t at = place(in, rng), from = place(in, rng), len = widths[next(rng) % 4];

	switch (next(rng) % 6) {
	case 0:
		in->data[at] ^= (u8)(1u << next(rng) % 8);
		break;
	case 1:
		in->data[at] = (u8)next(rng);
		break;
	case 2:
		put(in, at & ~(len - 1), numbers[next(rng) % ARRAY_SIZE(numbers)], len);
		break;
	case 3: /* add a little to a number */
		if (at + 4 <= in->size) {
			u32 v;

			memcpy(&v, in->data + at, 4);
			put(in, at, v + (u32)(next(rng) % 33) - 16, 4);
		}
		break;
	case 4: /* copy a piece over another */
		len = next(rng) % 64;
		if (at + len <= in->size && from + len <= in->size)
			memmove(in->data + at, in->data + from, len);
		break;
	default:
		in->size = 1 + next(rng) % in->size;
	}
}

static void mutate(struct input *in, const struct input *seed, unsigned int mutation)
{
	u64 rng = 0x9e3779b97f4a7c15ull * (mutation + 1);

	*in = *seed;
	if (!mutation)
		return;
	for (u64 n = 1 + next(&rng) % 4; n; n--)
		mutate_once(in, &rng);
}

static bool read_seed(const char *path, struct input *seed)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		return false;
	seed->size = fread(seed->data, 1, ROOM, f);
	fclose(f);
	return seed->size > 0;
}

static void run_one(const struct input *seed, unsigned int mutation)
{
	static struct input in;
	u8 *copy;

	mutate(&in, seed, mutation);
	/* Exactly as long as the input: sanitizers and valgrind see a read beyond its end. */
	copy = malloc(in.size);
	if (!copy)
		abort();
	memcpy(copy, in.data, in.size);
	LLVMFuzzerTestOneInput(copy, in.size);
	free(copy);
}

/* The seed and N mutations in a child of its own; how many inputs went well. */
static unsigned int run_seed(const char *path, unsigned int n, volatile unsigned int *at)
{
	static struct input seed;
	int status = 0;
	pid_t child;

	if (!read_seed(path, &seed)) {
		printf("%s: cannot read\n", path);
		return 0;
	}
	*at = 0;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		alarm(SECONDS);
		for (; *at <= n; ++*at)
			run_one(&seed, *at);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		printf("%s: mutation %u failed with status %#x\n", path, *at, status);
	return *at;
}

static int run_folder(const char *folder, unsigned int n)
{
	unsigned int passed = 0, failed = 0, *at;
	struct dirent **entries;
	int nr = scandir(folder, &entries, NULL, alphasort);

	at = mmap(NULL, sizeof(*at), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (nr < 0 || at == MAP_FAILED) {
		perror(folder);
		return 2;
	}
	for (int i = 0; i < nr; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			unsigned int good = run_seed(path, n, at);

			passed += good;
			failed += good <= n;
		}
		free(entries[i]);
	}
	free(entries);
	if (!passed)
		failed++;
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	static struct input seed;
	struct stat st;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: replay FOLDER [N] | FILE MUTATION\n");
		return 2;
	}
	if (!stat(argv[1], &st) && S_ISDIR(st.st_mode))
		return run_folder(argv[1], argc > 2 ? (unsigned int)atoi(argv[2]) : MUTATIONS);
	if (argc < 3 || !read_seed(argv[1], &seed)) {
		fprintf(stderr, "replay: %s: cannot read, or no mutation given\n", argv[1]);
		return 2;
	}
	run_one(&seed, (unsigned int)atoi(argv[2]));
	return 0;
}
