/* SPDX-License-Identifier: MIT */
#include "common/dev/virtq.h"
#include "common/vectors.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

/* Sizes and places in the rings; section 2.7. */
#define DESC_SIZE    16u
#define AVAIL_RING   4u
#define USED_RING    4u
#define USED_ELEMENT 8u

void virtq_reset(struct virtq *q)
{
	struct ram *ram = q->ram;

	*q = (struct virtq){ .ram = ram, .size = VIRTQ_SIZE };
}

static int breaks(struct virtq *q, const char *rule)
{
	q->broken = rule;
	return -EPROTO;
}

int virtq_enable(struct virtq *q)
{
	if (!q->size || q->size > VIRTQ_SIZE || (q->size & (q->size - 1)))
		q->broken = "the queue's size is not a power of two or too large";
	else if (q->desc % 16 || q->avail % 2 || q->used % 4)
		q->broken = "a ring is not aligned";
	else if (!ram_at(q->ram, q->desc, DESC_SIZE * q->size) ||
		 !ram_at(q->ram, q->avail, AVAIL_RING + 2u * q->size) ||
		 !ram_at(q->ram, q->used, USED_RING + USED_ELEMENT * q->size))
		q->broken = "a ring is not in RAM";
	if (q->broken)
		return -EINVAL;
	q->ready = true;
	return 0;
}

/* virtq_enable has seen that the rings are in RAM, which stays where it is. */
static inline const u8 *ring_at(const struct virtq *q, u64 gpa, u32 len)
{
	return ram_at(q->ram, gpa, len);
}

static u16 get_u16(const struct virtq *q, u64 gpa)
{
	u16 v;

	memcpy(&v, ring_at(q, gpa, sizeof(v)), sizeof(v));
	return v;
}

static int add_segment(struct virtq *q, struct virtq_chain *c, const struct vring_desc *d)
{
	unsigned int n = c->nr_out + c->nr_in;
	void *host = ram_at(q->ram, d->addr, d->len);

	if (n == VIRTQ_SEGMENTS)
		return breaks(q, "a chain has too many descriptors, or runs in a circle");
	if (!host)
		return breaks(q, "a buffer is not in RAM");
	if (d->flags & VRING_DESC_F_WRITE) {
		c->nr_in++;
		c->in_len += d->len;
	} else if (c->nr_in) {
		return breaks(q, "a chain has a readable buffer behind a writable one");
	} else {
		c->nr_out++;
		c->out_len += d->len;
	}
	c->seg[n] = (struct iovec){ host, d->len };
	c->gpa[n] = d->addr;
	return 0;
}

/* A table of descriptors: the queue's own, or one that a descriptor points to. */
struct table {
	const u8 *at;
	u32 nr;
	bool indirect;
};

static int walk(struct virtq *q, struct virtq_chain *c, struct table t, u16 i);

static int walk_indirect(struct virtq *q, struct virtq_chain *c, const struct vring_desc *d)
{
	struct table t = { ram_at(q->ram, d->addr, d->len), d->len / DESC_SIZE, true };

	if (d->flags & VRING_DESC_F_NEXT)
		return breaks(q, "a descriptor is indirect and has a next");
	if (!d->len || d->len % DESC_SIZE || d->len > 65536 * DESC_SIZE)
		return breaks(q, "an indirect table has no valid size");
	if (!t.at)
		return breaks(q, "an indirect table is not in RAM");
	return walk(q, c, t, 0);
}

static int walk(struct virtq *q, struct virtq_chain *c, struct table t, u16 i)
{
	struct vring_desc d;
	int r;

	/* Each round adds a segment, or is the last. */
	for (;;) {
		if (i >= t.nr)
			return breaks(q, "a descriptor's index is beyond its table");
		memcpy(&d, t.at + (u32)i * DESC_SIZE, sizeof(d));
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (t.indirect)
				return breaks(q, "an indirect table has an indirect descriptor");
			return walk_indirect(q, c, &d);
		}
		r = add_segment(q, c, &d);
		if (r || !(d.flags & VRING_DESC_F_NEXT))
			return r;
		i = d.next;
	}
}

int virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	struct table t = { NULL, q->size, false };
	u16 offered;
	int r;

	if (!q->ready || q->broken)
		return 0;
	offered = (u16)(get_u16(q, q->avail + 2) - q->next_avail);
	if (!offered)
		return 0;
	if (offered > q->size)
		return breaks(q, "more chains are offered than the queue has entries");
	t.at = ring_at(q, q->desc, DESC_SIZE * q->size);
	c->nr_out = c->nr_in = 0;
	c->out_len = c->in_len = 0;
	c->head = get_u16(q, q->avail + AVAIL_RING + 2u * (q->next_avail % q->size));
	r = walk(q, c, t, c->head);
	if (r)
		return r;
	q->next_avail++;
	return 1;
}

void virtq_push(struct virtq *q, const struct virtq_chain *c, u32 len)
{
	struct vring_used_elem e = { c->head, len };
	u64 at = q->used + USED_RING + USED_ELEMENT * (q->next_used % q->size);

	if (!q->ready || q->broken)
		return;
	memcpy(ram_at_to_write(q->ram, at, sizeof(e)), &e, sizeof(e));
	q->next_used++;
	memcpy(ram_at_to_write(q->ram, q->used + 2, 2), &q->next_used, 2);
}

bool virtq_wants_interrupt(const struct virtq *q)
{
	return q->ready && !(get_u16(q, q->avail) & VRING_AVAIL_F_NO_INTERRUPT);
}

/* What of segment S comes behind the first *AT bytes, fewer of which are left then; LEN 0: nothing.
 */
static struct iovec behind(const struct iovec *s, u64 *at)
{
	u64 skip = *at < s->iov_len ? *at : s->iov_len;

	*at -= skip;
	return (struct iovec){ (u8 *)s->iov_base + skip, s->iov_len - skip };
}

size_t virtq_copy_out(const struct virtq_chain *c, u64 at, void *buf, size_t len)
{
	size_t done = 0;

	vectors_take();
	for (unsigned int i = 0; i < c->nr_out && done < len; i++) {
		struct iovec s = behind(&c->seg[i], &at);
		size_t n = s.iov_len < len - done ? s.iov_len : len - done;

		memcpy((u8 *)buf + done, s.iov_base, n);
		done += n;
	}
	return done;
}

size_t virtq_copy_in(const struct virtq *q, const struct virtq_chain *c, u64 at, const void *buf,
		     size_t len)
{
	size_t done = 0;

	vectors_take();
	for (unsigned int i = c->nr_out; i < c->nr_out + c->nr_in && done < len; i++) {
		struct iovec s = behind(&c->seg[i], &at);
		size_t n = s.iov_len < len - done ? s.iov_len : len - done;
		u64 gpa = c->gpa[i] + c->seg[i].iov_len - s.iov_len;

		if (n)
			memcpy(ram_at_to_write(q->ram, gpa, n), (const u8 *)buf + done, n);
		done += n;
	}
	return done;
}

int virtq_iov_out(const struct virtq_chain *c, u64 at, struct iovec *iov)
{
	int n = 0;

	for (unsigned int i = 0; i < c->nr_out; i++) {
		struct iovec s = behind(&c->seg[i], &at);

		if (s.iov_len)
			iov[n++] = s;
	}
	return n;
}
