/* SPDX-License-Identifier: MIT */
/*
 * Ports by which a guest talks to whoever debugs it:
 *
 *   0x80  POST code: the last byte written is kept and reads back
 *   0xe9  debug console of Bochs and QEMU: a byte out; reads give 0xe9, which says it is there
 *   0xf4  exit (QEMU's isa-debug-exit, iosize 4): 1-, 2- or 4-byte writes end the machine
 *
 * vCPU thread only.
 */
#ifndef FVB_DEBUGPORT_H
#define FVB_DEBUGPORT_H

#include "common/bus.h"
#include "common/types.h"

struct debugport {
	void (*put)(void *arg, u8 byte);
	void *put_arg;
	void (*exit)(void *arg, int status);
	void *exit_arg;
	u8 post; /* last POST code */
};

/* PUT takes each byte of the debug console and should only buffer it. EXIT gets
 * (value << 1) | 1, computed in 32 bits and cut to the 8 that a process exit status has: it is odd,
 * so never "success". */
void debugport_init(struct debugport *port, void (*put)(void *arg, u8 byte), void *put_arg,
		    void (*exit)(void *arg, int status), void *exit_arg);
int debugport_attach(struct debugport *port, struct bus *pio);

#endif
