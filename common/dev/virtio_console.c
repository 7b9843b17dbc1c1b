/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio_console.h"
#include "common/worker.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>

#define CLASS_COMMUNICATION_OTHER 0x078000u
#define RING			  65536u /* a power of two */
#define INPUT_MAX		  1024u	 /* bytes at once */

enum { RX, TX };

/* A chain that was taken from a queue and is not used up. */
struct held {
	struct virtq_chain chain;
	bool valid;
	u64 at; /* bytes of it that are done */
};

struct virtio_console {
	struct virtio_device v; /* first: what the bus hands back */
	struct virtio_console_io io;
	struct worker worker;
	struct job drain;
	bool draining; /* the worker has the job */
	struct held rx, tx;
	atomic_size_t head, tail; /* bytes ever put and taken */
	u8 ring[RING];
};

static struct virtio_console *console_of(struct virtio_device *v)
{
	return container_of(v, struct virtio_console, v);
}

/* On the worker: print what is in the ring. */
static void drain(struct job *job)
{
	struct virtio_console *c = container_of(job, struct virtio_console, drain);
	size_t tail = atomic_load(&c->tail), n;

	while ((n = atomic_load(&c->head) - tail)) {
		size_t at = tail % RING;

		if (n > RING - at)
			n = RING - at;
		c->io.write(c->io.arg, c->ring + at, n);
		tail += n;
		atomic_store(&c->tail, tail);
	}
}

static bool hold(struct virtio_console *c, unsigned int q, struct held *h)
{
	if (!h->valid) {
		h->valid = virtio_pop(&c->v, q, &h->chain);
		h->at = 0;
	}
	return h->valid;
}

static void give_back(struct virtio_console *c, unsigned int q, struct held *h, u32 written)
{
	virtio_push(&c->v, q, &h->chain, written);
	h->valid = false;
}

/* Copy what fits of the held chain into the ring: true if that was all. */
static bool copy_output(struct virtio_console *c)
{
	struct held *h = &c->tx;

	while (h->at < h->chain.out_len) {
		size_t head = atomic_load(&c->head), at = head % RING;
		size_t n = RING - (head - atomic_load(&c->tail));

		if (n > RING - at)
			n = RING - at;
		n = virtq_copy_out(&h->chain, h->at, c->ring + at, n);
		if (!n)
			return false;
		h->at += n;
		atomic_store(&c->head, head + n);
	}
	return true;
}

static void take_output(struct virtio_console *c)
{
	while (hold(c, TX, &c->tx) && copy_output(c))
		give_back(c, TX, &c->tx, 0);
	if (c->draining || atomic_load(&c->head) == atomic_load(&c->tail))
		return;
	c->draining = true;
	worker_submit(&c->worker, &c->drain);
}

static void give_input(struct virtio_console *c)
{
	struct held *h = &c->rx;
	u8 buf[INPUT_MAX];

	while (hold(c, RX, h)) {
		u64 room = h->chain.in_len < sizeof(buf) ? h->chain.in_len : sizeof(buf);
		size_t n = c->io.read(c->io.arg, buf, room);

		if (room && !n)
			break;
		virtq_copy_in(&c->v.queue[RX], &h->chain, 0, buf, n);
		give_back(c, RX, h, (u32)n);
	}
}

static void console_poll(struct virtio_device *v)
{
	struct virtio_console *c = console_of(v);

	while (worker_done(&c->worker))
		c->draining = false;
	if (!virtio_live(v))
		return;
	take_output(c);
	give_input(c);
}

static bool console_reset(struct virtio_device *v)
{
	struct virtio_console *c = console_of(v);

	c->rx.valid = c->tx.valid = false;
	return true;
}

static const struct virtio_type console_type = {
	.id = VIRTIO_ID_CONSOLE,
	.class_code = CLASS_COMMUNICATION_OTHER,
	.nr_queues = 2,
	.poll = console_poll,
	.reset = console_reset,
};

int virtio_console_new(struct virtio_console **out, const struct virtio_console_io *io,
		       struct ram *ram, const struct virtio_host *host, void (*notify)(void *arg),
		       void *notify_arg, struct error *err)
{
	struct virtio_console *c = calloc(1, sizeof(*c));
	int r;

	*out = NULL;
	if (!c)
		return fail(err, -ENOMEM, "out of memory for the virtio console");
	c->io = *io;
	c->drain.run = drain;
	virtio_init(&c->v, &console_type, "console", 0, ram, host);
	r = worker_start(&c->worker, notify, notify_arg, err);
	if (r)
		free(c);
	else
		*out = c;
	return r;
}

struct virtio_device *virtio_console_device(struct virtio_console *c)
{
	return &c->v;
}

void virtio_console_stop(struct virtio_console *c)
{
	if (!c->worker.started)
		return;
	worker_stop(&c->worker);
	/* What came after the thread had looked for the last time. */
	drain(&c->drain);
}

void virtio_console_free(struct virtio_console *c)
{
	if (c)
		virtio_console_stop(c);
	free(c);
}
