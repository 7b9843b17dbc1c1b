/* SPDX-License-Identifier: MIT */
/* What a program must not be surprised by, of how it was started. */
#ifndef FVB_PROCESS_H
#define FVB_PROCESS_H

/*
 * First in main(). Where standard input, output or error is closed, the next file that is opened
 * would be it, a disk image, say, and get what is printed: their numbers are taken by something
 * whose use fails, as it should. And a file beyond the user's limit (ulimit -f) is an error of the
 * write, not the end.
 */
void process_init(void);

#endif
