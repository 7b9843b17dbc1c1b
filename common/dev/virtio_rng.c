/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio_rng.h"

#include <linux/virtio_ids.h>
#include <sys/random.h>

#define CLASS_SYSTEM_OTHER 0x088000u
#define BYTES_MAX	   256u /* of one request: what getrandom gives in one piece */

/* Part of a buffer is an answer, too (section 5.4.6.1); none is if the host has nothing. */
static void rng_poll(struct virtio_device *v)
{
	struct virtq_chain c;
	u8 bytes[BYTES_MAX];

	while (virtio_pop(v, 0, &c)) {
		ssize_t n = getrandom(bytes, sizeof(bytes), 0);

		n = n < 0 ? 0 : n;
		virtio_push(v, 0, &c, (u32)virtq_copy_in(&v->queue[0], &c, 0, bytes, (size_t)n));
	}
}

static bool rng_reset(struct virtio_device *v)
{
	(void)v;
	return true;
}

static const struct virtio_type rng_type = {
	.id = VIRTIO_ID_RNG,
	.class_code = CLASS_SYSTEM_OTHER,
	.nr_queues = 1,
	.poll = rng_poll,
	.reset = rng_reset,
};

void virtio_rng_init(struct virtio_device *v, struct ram *ram, const struct virtio_host *host)
{
	virtio_init(v, &rng_type, "rng", 0, ram, host);
}
