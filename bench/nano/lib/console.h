/* SPDX-License-Identifier: MIT */
/* Text to COM1, polled. */
#ifndef NANO_CONSOLE_H
#define NANO_CONSOLE_H

#include "nano.h"

#define UART	     0x3f8
#define UART_SCRATCH (UART + 7) /* a register that does nothing but hold a byte */

void console_init(void);
void console_write(const char *text);

#endif
