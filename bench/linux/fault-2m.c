/* SPDX-License-Identifier: MIT */
/* First touch of an anonymous page of 2 MiB, and its share of giving 64 MiB back. */
#define UNIT	 (2 << 20)
#define UNITS	 32
#define ADVICE	 MADV_HUGEPAGE
#define TOO_MANY skip /* a host whose memory is in pieces */
#include "fault.h"
