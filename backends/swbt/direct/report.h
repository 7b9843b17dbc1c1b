/* SPDX-License-Identifier: MIT */
/* --patch-report FILE: every instruction that was closed, as CSV (results/README.md). */
#ifndef FVB_SWBT_DIRECT_REPORT_H
#define FVB_SWBT_DIRECT_REPORT_H

#include "backends/swbt/direct/scan.h"
#include "common/error.h"

/* Instructions that it has room for: of a guest that makes code all the time there is no end. */
#define REPORT_MAX 262144u

struct csv_key;
struct report;

/* To PATH; names from the file KERNEL, or NULL. NULL with ERR filled if it cannot be. */
struct report *report_open(const char *path, const char *kernel, struct error *err);

/* The instruction at AT of the page GPA was closed (struct scan_client). */
void report_closed(struct report *r, const struct scan *s, u64 gpa, u32 at, u32 inner);

/* The guest came to the instruction at LINEAR and GPA, which is closed. */
void report_hit(struct report *r, u64 linear, u64 gpa);

/* Write it; R is gone then. 0, or negative errno with ERR filled. */
int report_close(struct report *r, const struct csv_key *key, struct error *err);

#endif
