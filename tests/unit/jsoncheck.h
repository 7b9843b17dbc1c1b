/* SPDX-License-Identifier: MIT */
/* Is TEXT one JSON value? */
#ifndef FVB_TESTS_JSONCHECK_H
#define FVB_TESTS_JSONCHECK_H

#include <stdbool.h>

bool json_valid(const char *text);

#endif
