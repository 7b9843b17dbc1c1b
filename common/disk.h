/* SPDX-License-Identifier: MIT */
/*
 * A disk image: a raw file or a block device, locked while it is open. With a snapshot, writes go
 * to an anonymous temporary file and the image is never changed.
 *
 * After disk_open, one thread at a time uses a disk. OFFSET and LEN are bytes, multiples of 512
 * within the disk. Functions return 0 or a negative errno.
 */
#ifndef FVB_DISK_H
#define FVB_DISK_H

#include "common/error.h"
#include "common/types.h"

#include <sys/uio.h>

#define DISK_SECTOR 512u

struct disk;

/* Open SPEC: "FILE", "FILE,ro" or "FILE,snapshot". 0, or negative errno with ERR saying what is
 * wrong with which file. */
int disk_open(struct disk **out, const char *spec, struct error *err);
/* What was written is not flushed first. NULL is fine. */
void disk_close(struct disk *disk);

u64 disk_size(const struct disk *disk);
bool disk_read_only(const struct disk *disk);

int disk_read(struct disk *disk, u64 offset, void *buf, u64 len);
/* The same if all of it is in the host's memory: 0, or a negative errno if it is not, or if that
 * cannot be known; never waits for a device. */
int disk_read_cached(struct disk *disk, u64 offset, void *buf, u64 len);
/* IOV, of NR entries with LEN bytes together, is used up. */
int disk_write(struct disk *disk, u64 offset, struct iovec *iov, int nr, u64 len);
/* From any thread, for good: what can take long without writing anything of the guest's is not
 * wanted any more. disk_zero ends, or does not begin: -ECANCELED. */
void disk_hurry(struct disk *disk);
/* The range reads as zeros from now on, and need not take space. */
int disk_zero(struct disk *disk, u64 offset, u64 len);
/* The range's contents do not matter any more. */
int disk_discard(struct disk *disk, u64 offset, u64 len);
/* All that was written is on stable storage. */
int disk_flush(struct disk *disk);

#endif
