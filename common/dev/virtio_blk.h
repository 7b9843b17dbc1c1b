/* SPDX-License-Identifier: MIT */
/*
 * virtio block device (virtio 1.2, section 5.2): one queue, reads, writes, flush, identifier,
 * discard and write zeroes.
 *
 * The disk is used by a thread of its own. It writes to the disk from guest memory, and reads from
 * the disk into buffers of ours, which the vCPU thread copies: guest memory changes on that thread
 * only. A short read of what the host has in memory is done without that thread. Without
 * VIRTIO_BLK_F_FLUSH accepted, each write is on stable storage when it completes.
 */
#ifndef FVB_VIRTIO_BLK_H
#define FVB_VIRTIO_BLK_H

#include "common/dev/virtio.h"
#include "common/disk.h"
#include "common/error.h"

struct virtio_blk;

/* A device for DISK, which stays the caller's, with its thread running; NOTIFY(NOTIFY_ARG) is
 * called on that thread when the vCPU thread has something to do here. INDEX is its number among
 * the disks. 0, or negative errno with ERR filled. */
int virtio_blk_new(struct virtio_blk **out, struct disk *disk, unsigned int index, struct ram *ram,
		   const struct virtio_host *host, void (*notify)(void *arg), void *notify_arg,
		   struct error *err);
struct virtio_device *virtio_blk_device(struct virtio_blk *blk);

/* Do all that was asked for but zeroes, end the thread, and put what was written on stable storage:
 * 0 or a negative errno. The device does nothing any more. */
int virtio_blk_stop(struct virtio_blk *blk);
/* NULL is fine. */
void virtio_blk_free(struct virtio_blk *blk);

#endif
