/* SPDX-License-Identifier: MIT */
/* The platform of a Linux process: where it begins. */
#ifndef NANO_HOST_H
#define NANO_HOST_H

/*
 * Run the program's `nano` with the arguments ARGV[1] .. NULL: iters=N, and, for a process that is
 * root in a guest, `mark`, which lets it write to fvbench's marker port.
 */
__attribute__((noreturn)) void host_main(char **argv);

#endif
