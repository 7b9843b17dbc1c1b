/* SPDX-License-Identifier: MIT */
/* Running gnuplot(1) on a script of ours. */
#ifndef FVB_BENCH_GNUPLOT_H
#define FVB_BENCH_GNUPLOT_H

#include "common/error.h"
#include "common/types.h"

#include <stdio.h>

/*
 * TEXT as a string constant of gnuplot, in single quotes, in which it replaces nothing. What is not
 * UTF-8 and control characters become '?', as a file may say anything. Labels must be set
 * noenhanced, or ^ and _ in names become superscripts.
 */
void gnuplot_text(FILE *script, const char *text);

/*
 * Have gnuplot, found on PATH, run SCRIPT, without anybody's init files; what it writes to standard
 * output is in *OUT, which the caller frees, *LEN bytes and a NUL. -ENOENT: there is no gnuplot;
 * -EINVAL: it refused the script; -EIO: nothing came out; ERR says what and what to do.
 */
int gnuplot_run(const char *script, char **out, size_t *len, struct error *err);

#endif
