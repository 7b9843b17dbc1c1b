/* SPDX-License-Identifier: MIT */
#include "tests/unit/jsoncheck.h"

#include <jansson.h>

bool json_valid(const char *text)
{
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	json_decref(root);
	return root;
}
