/* SPDX-License-Identifier: MIT */
#include "common/args.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int args_number(const char *text, u64 min, u64 max, u64 *out)
{
	char *end;
	u64 v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end || v < min || v > max)
		return -EINVAL;
	*out = v;
	return 0;
}

int args_real(const char *text, double min, double max, double *out)
{
	char *end;
	double v = strtod(text, &end);

	/* Written so that NaN fails it too. */
	if (end == text || *end || !(v > min && v <= max))
		return -EINVAL;
	*out = v;
	return 0;
}

int args_size(const char *text, u64 *out)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text[digits] ? strchr(units, toupper((unsigned char)text[digits])) : "";
	unsigned int shift = 0;
	u64 v;

	if (!digits || !unit || (text[digits] && text[digits + 1]))
		return -EINVAL;
	if (*unit)
		shift = 10 * (unsigned int)(unit - units + 1);
	errno = 0;
	v = strtoull(text, NULL, 10);
	if (errno || v > ~0ull >> shift)
		return -EINVAL;
	*out = v << shift;
	return 0;
}

int args_time(const char *text, u64 min, u64 max, u64 *out)
{
	static const struct {
		const char *name;
		u64 ns;
	} units[] = { { "us", 1000 }, { "ms", NSEC_PER_MSEC }, { "s", NSEC_PER_SEC } };
	char *end;
	u64 v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (v > max / units[i].ns || v * units[i].ns < min)
			return -EINVAL;
		*out = v * units[i].ns;
		return 0;
	}
	return -EINVAL;
}

const char *args_twice(const char *const *path, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (args_same_file(path[i], path[j]))
				return path[i];
	return NULL;
}

bool args_same_file(const char *a, const char *b)
{
	return a && b && !strcmp(a, b) && strncmp(a, "/dev/", 5);
}

int args_address(const char *text, u64 *out)
{
	char *end;
	u64 v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end || !isdigit((unsigned char)*text))
		return -EINVAL;
	*out = v;
	return 0;
}
