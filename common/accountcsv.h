/* SPDX-License-Identifier: MIT */
/* Files of --overhead; columns and parts: results/README.md. */
#ifndef FVB_ACCOUNTCSV_H
#define FVB_ACCOUNTCSV_H

#include "common/account.h"
#include "common/csv.h"

#include <stdio.h>

void accountcsv_header(FILE *f);
/* A's rows under KEY, of each phase that the run came through, flushed. 0 or the negative errno of
 * a failed write. */
int accountcsv_write(FILE *f, const struct csv_key *key, const struct account *a);

#endif
