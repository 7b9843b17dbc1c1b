/* SPDX-License-Identifier: MIT */
/* First touch of an anonymous page of 4 KiB, and its share of giving 16 MiB back. */
#define UNIT	 4096
#define UNITS	 4096
#define ADVICE	 MADV_NOHUGEPAGE
#define TOO_MANY fail
#include "fault.h"
