/* SPDX-License-Identifier: MIT */
/* The other end of a virtio console: the program's terminal. Output goes there from the device's
 * own thread, past the buffer that COM1's output goes through. */
#ifndef FVB_HVC_H
#define FVB_HVC_H

#include "common/dev/virtio_console.h"
#include "common/terminal.h"

/* What vm_config.hvc needs for terminal T, which is opened before the machine runs. */
struct virtio_console_io hvc_io(struct terminal *t);

#endif
