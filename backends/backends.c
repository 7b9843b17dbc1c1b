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
