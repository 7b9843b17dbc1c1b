/* SPDX-License-Identifier: MIT */
#include "common/vectors.h"

#include <stddef.h>

static _Thread_local struct {
	void (*put)(void *arg);
	void *arg;
} owner;

void vectors_lend(void (*put)(void *arg), void *arg)
{
	owner.put = put;
	owner.arg = arg;
}

void vectors_take(void)
{
	if (owner.put)
		owner.put(owner.arg);
}
