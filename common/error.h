/* SPDX-License-Identifier: MIT */
/* How a layer tells the program above what went wrong: a negative errno and one line of text. */
#ifndef FVB_ERROR_H
#define FVB_ERROR_H

struct error {
	char text[320]; /* what is wrong and what to do; no newline; "" when nothing was said */
};

/* Put the formatted text into ERR (which may be NULL) and return CODE, a negative errno. */
int fail(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
