/* SPDX-License-Identifier: MIT */
#include "backends/backends.h"

#include <string.h>

const struct backend *const backends[] = { &kvm_backend, &swbt_backend, NULL };

const struct backend *backend_by_name(const char *name)
{
	for (unsigned int i = 0; backends[i]; i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

bool backend_has_engine(const struct backend *b, const char *word)
{
	const size_t len = strlen(word);

	for (const char *p = b->engines; p && *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && !strncmp(p, word, n))
			return true;
		p += n;
	}
	return false;
}
