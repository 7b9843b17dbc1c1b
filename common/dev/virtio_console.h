/* SPDX-License-Identifier: MIT */
/*
 * virtio console (virtio 1.2, section 5.3): one port, hvc0.
 *
 * Output is copied into a ring, and the guest goes on; a thread of its own empties the ring. Only
 * when the ring is full does the guest's buffer wait, never the vCPU. Input is asked for whenever
 * the guest has a buffer for it.
 */
#ifndef FVB_VIRTIO_CONSOLE_H
#define FVB_VIRTIO_CONSOLE_H

#include "common/dev/virtio.h"
#include "common/error.h"

/* The other end. */
struct virtio_console_io {
	/* Up to MAX bytes of input, 0 if there are none; virtio_poll when there may be more. On the
	 * vCPU thread. */
	size_t (*read)(void *arg, u8 *buf, size_t max);
	/* Print LEN bytes, however long that takes. On the device's thread. */
	void (*write)(void *arg, const u8 *data, size_t len);
	void *arg;
};

struct virtio_console;

/* A device with its thread running; NOTIFY(NOTIFY_ARG) is called on that thread when virtio_poll
 * has something to do. 0, or negative errno with ERR filled. */
int virtio_console_new(struct virtio_console **out, const struct virtio_console_io *io,
		       struct ram *ram, const struct virtio_host *host, void (*notify)(void *arg),
		       void *notify_arg, struct error *err);
struct virtio_device *virtio_console_device(struct virtio_console *c);

/* Print what was taken from the guest and end the thread; io->write is what can cut it short. */
void virtio_console_stop(struct virtio_console *c);
/* NULL is fine. */
void virtio_console_free(struct virtio_console *c);

#endif
