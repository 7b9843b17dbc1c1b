/* SPDX-License-Identifier: MIT */
#include "bench/save.h"
#include "common/types.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int save_file(const char *path, const char *text, size_t len, struct error *err)
{
	FILE *f = fopen(path, "we");
	bool bad;

	if (!f)
		return fail(err, errno == ENOSPC ? -EIO : -EINVAL, "cannot write %.200s: %s", path,
			    strerror(errno));
	bad = fwrite(text, 1, len, f) != len;
	bad |= fclose(f) != 0;
	return bad ? fail(err, -EIO, "cannot write %.200s: %s", path, strerror(errno)) : 0;
}
