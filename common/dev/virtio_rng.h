/* SPDX-License-Identifier: MIT */
/* virtio entropy device (virtio 1.2, section 5.4): random bytes of the host's kernel, which never
 * has to wait for them once it has started. */
#ifndef FVB_VIRTIO_RNG_H
#define FVB_VIRTIO_RNG_H

#include "common/dev/virtio.h"

/* Make V such a device; virtio_init says what the parameters are. */
void virtio_rng_init(struct virtio_device *v, struct ram *ram, const struct virtio_host *host);

#endif
