/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split virtqueue (virtio 1.2, section 2.7), with indirect descriptors.
 *
 * The driver is not trusted: each chain is read once, every index, length and address of it is
 * checked on the way, and the work for a chain is bounded by VIRTQ_SEGMENTS. A driver that breaks a
 * rule stops the queue for good (until the device is reset). Everything here is for the vCPU
 * thread, which is also where the driver runs, so nothing changes under us.
 */
#ifndef FVB_VIRTQ_H
#define FVB_VIRTQ_H

#include "common/ram.h"
#include "common/types.h"

#include <sys/uio.h>

#define VIRTQ_SIZE     128 /* most entries that a queue has */
#define VIRTQ_SEGMENTS 130 /* most descriptors that a chain has */

struct virtq {
	struct ram *ram;
	u64 desc, avail, used; /* guest-physical */
	u16 size;	       /* entries, a power of two */
	bool ready;	       /* the driver has enabled it */
	const char *broken;    /* which rule the driver broke; NULL: none */
	u16 next_avail, next_used;
};

/* A chain of buffers: first those to read, then those to write. */
struct virtq_chain {
	u16 head;
	unsigned int nr_out, nr_in;
	u64 out_len, in_len;		  /* bytes */
	struct iovec seg[VIRTQ_SEGMENTS]; /* in host memory: nr_out to read, then nr_in to write */
	u64 gpa[VIRTQ_SEGMENTS];
};

/* As after a reset: no rings, not ready. */
void virtq_reset(struct virtq *q);
/* The driver enables Q, whose size and addresses are set. 0, or -EINVAL with q->broken set. */
int virtq_enable(struct virtq *q);

/* The next chain that the driver offers: 1 with C filled, 0 if there is none (or Q is not ready or
 * broken), -EPROTO if the driver just broke a rule (q->broken says which). */
int virtq_pop(struct virtq *q, struct virtq_chain *c);
/* Give C back, LEN bytes of its writable buffers written. */
void virtq_push(struct virtq *q, const struct virtq_chain *c, u32 len);
/* Does the driver want an interrupt for what was pushed? */
bool virtq_wants_interrupt(const struct virtq *q);

/* Copy LEN bytes between BUF and byte AT of the readable (writable) buffers; returns how many there
 * were. Writing tells the translator. */
size_t virtq_copy_out(const struct virtq_chain *c, u64 at, void *buf, size_t len);
size_t virtq_copy_in(const struct virtq *q, const struct virtq_chain *c, u64 at, const void *buf,
		     size_t len);
/* The readable buffers from byte AT on, as an iovec of at most VIRTQ_SEGMENTS; returns how many. */
int virtq_iov_out(const struct virtq_chain *c, u64 at, struct iovec *iov);

#endif
