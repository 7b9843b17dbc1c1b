/* SPDX-License-Identifier: MIT */
#include "common/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void csv_options(char *text, size_t size, const char *irqchip, const char *cpu, u64 mem_size,
		 const struct backend *b, const struct backend_values *values)
{
	bool whole = mem_size % MiB == 0;
	int len = snprintf(text, size,
			   mem_size ? "irqchip=%s cpu=%s mem=%" PRIu64 "%c" : "irqchip=%s cpu=%s",
			   irqchip, cpu, (u64)(mem_size / (whole ? MiB : KiB)), whole ? 'M' : 'K');

	if ((size_t)len < size)
		backendopt_text(text + len, size - (size_t)len, b, values, " ");
}

void csv_text(FILE *f, const char *text)
{
	if (!text)
		return;
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, f);
		return;
	}
	putc('"', f);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', f);
		putc(*text, f);
	}
	putc('"', f);
}

void csv_key(FILE *f, const struct csv_key *key)
{
	const char *const text[] = {
		key->run_id,	key->backend, key->engine, key->options,
		key->host_kind, key->guest,   key->bench,
	};

	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		csv_text(f, text[i]);
		putc(',', f);
	}
	if (key->rep)
		fprintf(f, "%d", key->rep);
	putc(',', f);
	if (key->iterations)
		fprintf(f, "%" PRIu64, key->iterations);
	putc(',', f);
}

int csv_flush(FILE *f)
{
	errno = 0;
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}

int csv_close(FILE *f)
{
	int r;

	if (!f)
		return 0;
	r = csv_flush(f);
	if (fclose(f) && !r)
		r = -errno;
	return r;
}
