/* SPDX-License-Identifier: MIT */
#include "common/tracefs.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where it is usually mounted; before Linux 4.1 it was part of debugfs. */
static const char *const roots[] = { "/sys/kernel/tracing/events",
				     "/sys/kernel/debug/tracing/events" };

static int id_at(const char *root, const char *system, const char *event)
{
	char path[PATH_MAX];
	int id = -1;
	FILE *f;

	if (snprintf(path, sizeof(path), "%s/%s/%s/id", root, system, event) >= (int)sizeof(path))
		return -1;
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &id) != 1)
		id = -1;
	fclose(f);
	return id;
}

int tracefs_id(const char *system, const char *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		int id = id_at(roots[i], system, event);

		if (id >= 0)
			return id;
	}
	return -ENOENT;
}

bool tracefs_readable(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (!access(roots[i], R_OK | X_OK))
			return true;
	return false;
}

static int is_event(const struct dirent *e)
{
	return e->d_type == DT_DIR && e->d_name[0] != '.';
}

int tracefs_each(const char *system, int (*fn)(void *arg, const char *event), void *arg)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		struct dirent **list;
		char path[PATH_MAX];
		int n;

		if (snprintf(path, sizeof(path), "%s/%s", roots[i], system) >= (int)sizeof(path))
			continue;
		n = scandir(path, &list, is_event, alphasort);
		if (n < 0)
			continue;
		for (int e = 0; e < n; e++) {
			if (!ret)
				ret = fn(arg, list[e]->d_name);
			free(list[e]);
		}
		free(list);
		break;
	}
	return ret;
}
