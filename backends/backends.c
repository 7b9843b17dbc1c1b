/* SPDX-License-Identifier: MIT */
#include "backends/backends.h"

#include <stdio.h>
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
	for (unsigned int i = 0; b->engines && b->engines[i]; i++)
		if (!strcmp(b->engines[i], word))
			return true;
	return false;
}

const char *backend_engines(const struct backend *b, char *text, size_t size)
{
	size_t n = 0;

	snprintf(text, size, "none");
	for (unsigned int i = 0; b->engines && b->engines[i] && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", i ? ", " : "", b->engines[i]);
	return text;
}

const char *backend_engine(const struct backend *b, const char *word)
{
	return word || !b->engines ? word : b->engines[0];
}
