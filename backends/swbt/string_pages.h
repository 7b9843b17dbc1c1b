/* SPDX-License-Identifier: MIT */
/* REP MOVS and REP STOS through pages that the TLB knows, which is most of what they do. */
#ifndef FVB_SWBT_STRING_PAGES_H
#define FVB_SWBT_STRING_PAGES_H

#include "backends/swbt/emulate.h"

/* Bytes that one call of a string instruction does at once: some two microseconds. */
#define STRING_BURST (256 * KiB)

/*
 * Do up to N elements of I, MOVS or STOS with REP, upwards in 64-bit mode from [RSI] and to [RDI],
 * which are moved; RCX is not. Returns how many: up to what needs a closer look (a page that is not
 * in the TLB, is large, no RAM, or holds translated code, an element on two pages), 0 if the first
 * one does. Never faults.
 */
u64 string_pages(struct vcpu *v, const struct insn *i, u64 n);

#endif
