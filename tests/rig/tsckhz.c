/* SPDX-License-Identifier: MIT */
/* Prints the rate of the host's TSC, kHz: run tells it to the VM's kernel, whose TSC it is, too. */
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>

int main(void)
{
	printf("%" PRIu64 "\n", host_tsc_khz());
	return 0;
}
