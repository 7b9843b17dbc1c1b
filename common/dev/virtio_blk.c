/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio_blk.h"
#include "common/worker.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CLASS_STORAGE_OTHER 0x018000u
#define HEADER		    sizeof(struct virtio_blk_outhdr)
#define SEG_MAX		    126u       /* and header and status fill the queue */
#define SIZE_MAX_BYTES	    (32 * KiB) /* of a segment */
#define DATA_MAX	    (4 * MiB)  /* of a request: SEG_MAX * SIZE_MAX_BYTES, and a little */
#define ZERO_SECTORS_MAX    (1u << 22) /* 2 GiB at once */
#define CACHED_MAX	    (64 * KiB) /* of a read without the worker */
#define BUFFERS		    8u	       /* reads at work at once */
#define WRITE_ZEROES_FLAGS  VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP

struct request {
	struct job job;
	struct virtio_blk *blk;
	struct request *next_free;
	struct virtq_chain chain;
	u32 type;
	u64 offset, len; /* on the disk, bytes */
	int buffer;	 /* that a read goes to; -1: none */
	bool flush;	 /* after a write */
	int error;	 /* 0, or the host's negative errno */
	struct iovec iov[VIRTQ_SEGMENTS];
};

struct virtio_blk {
	struct virtio_device v; /* first: what the bus hands back */
	char name[16];
	struct disk *disk;
	struct worker worker;
	unsigned int at_work;	 /* requests that the worker has */
	bool said;		 /* one line about the host's errors is enough */
	struct request *stalled; /* a read that waits for a buffer */
	struct request *free;
	u8 *buffers;
	u32 buffers_used; /* by bit */
	struct request request[VIRTQ_SIZE];
};

static struct virtio_blk *blk_of(struct virtio_device *v)
{
	return container_of(v, struct virtio_blk, v);
}

/* ---- the worker's side -------------------------------------------------------------------------
 */

static u8 *buffer_of(const struct request *r)
{
	return r->blk->buffers + (u64)r->buffer * DATA_MAX;
}

static int write_data(struct request *r)
{
	int nr = virtq_iov_out(&r->chain, HEADER, r->iov);
	int ret = disk_write(r->blk->disk, r->offset, r->iov, nr, r->len);

	return !ret && r->flush ? disk_flush(r->blk->disk) : ret;
}

static void run_request(struct job *job)
{
	struct request *r = container_of(job, struct request, job);
	struct disk *disk = r->blk->disk;
	int ret;

	switch (r->type) {
	case VIRTIO_BLK_T_IN:
		ret = disk_read(disk, r->offset, buffer_of(r), r->len);
		break;
	case VIRTIO_BLK_T_OUT:
		ret = write_data(r);
		break;
	case VIRTIO_BLK_T_FLUSH:
		ret = disk_flush(disk);
		break;
	case VIRTIO_BLK_T_DISCARD:
		ret = disk_discard(disk, r->offset, r->len);
		break;
	default:
		ret = disk_zero(disk, r->offset, r->len);
		if (!ret && r->flush)
			ret = disk_flush(disk);
	}
	r->error = ret;
}

/* ---- the vCPU thread's side --------------------------------------------------------------------
 */

static void release(struct request *r)
{
	struct virtio_blk *blk = r->blk;

	if (r->buffer >= 0)
		blk->buffers_used &= ~BIT(r->buffer);
	r->buffer = -1;
	r->next_free = blk->free;
	blk->free = r;
}

/* The last writable byte is the status; what is before it is data. */
static void complete(struct request *r, u8 status)
{
	struct virtio_device *v = &r->blk->v;
	u64 written = 1;

	if (virtio_live(v) && !v->resetting) {
		if (r->type == VIRTIO_BLK_T_IN && status == VIRTIO_BLK_S_OK) {
			virtq_copy_in(&v->queue[0], &r->chain, 0, buffer_of(r), r->len);
			written += r->len;
		}
		virtq_copy_in(&v->queue[0], &r->chain, r->chain.in_len - 1, &status, 1);
		virtio_push(v, 0, &r->chain, (u32)written);
	}
	release(r);
}

/* A short read that need not wait for the host's disk is done at once: two threads that hand it to
 * each other take longer. Only while the worker rests, so that the disk is ours. */
static bool read_cached(struct request *r)
{
	struct virtio_blk *blk = r->blk;

	if (r->type != VIRTIO_BLK_T_IN || r->len > CACHED_MAX || blk->at_work ||
	    disk_read_cached(blk->disk, r->offset, buffer_of(r), r->len))
		return false;
	complete(r, VIRTIO_BLK_S_OK);
	return true;
}

static void submit(struct request *r)
{
	if (read_cached(r))
		return;
	r->blk->at_work++;
	worker_submit(&r->blk->worker, &r->job);
}

/* False: there is no buffer for this read now. */
static bool get_buffer(struct request *r)
{
	u32 unused = ~r->blk->buffers_used & (BIT(BUFFERS) - 1);

	if (r->type != VIRTIO_BLK_T_IN)
		return true;
	if (!unused)
		return false;
	r->buffer = __builtin_ctz(unused);
	r->blk->buffers_used |= BIT(r->buffer);
	return true;
}

static void send_id(struct request *r)
{
	char id[VIRTIO_BLK_ID_BYTES] = "";
	u64 room = r->chain.in_len - 1;

	strncpy(id, r->blk->name, sizeof(id));
	virtq_copy_in(&r->blk->v.queue[0], &r->chain, 0, id, room < sizeof(id) ? room : sizeof(id));
	complete(r, VIRTIO_BLK_S_OK);
}

/* Is [offset, offset + len) on the disk? */
static bool on_disk(const struct request *r)
{
	u64 size = disk_size(r->blk->disk);

	return r->offset <= size && r->len <= size - r->offset;
}

/* The one range of a discard or write zeroes request; section 5.2.6. */
static u8 parse_range(struct request *r)
{
	struct virtio_blk_discard_write_zeroes range;
	u32 allowed = r->type == VIRTIO_BLK_T_DISCARD ? 0 : WRITE_ZEROES_FLAGS;

	if (r->chain.out_len != HEADER + sizeof(range) ||
	    virtq_copy_out(&r->chain, HEADER, &range, sizeof(range)) != sizeof(range))
		return VIRTIO_BLK_S_IOERR;
	if (range.flags & ~allowed)
		return VIRTIO_BLK_S_UNSUPP;
	if (range.num_sectors > ZERO_SECTORS_MAX || range.sector > disk_size(r->blk->disk))
		return VIRTIO_BLK_S_IOERR;
	r->offset = range.sector * DISK_SECTOR;
	r->len = (u64)range.num_sectors * DISK_SECTOR;
	return disk_read_only(r->blk->disk) || !r->len || !on_disk(r) ? VIRTIO_BLK_S_IOERR
								      : VIRTIO_BLK_S_OK;
}

static u8 parse_data(struct request *r, u64 sector)
{
	bool in = r->type == VIRTIO_BLK_T_IN;

	r->len = in ? r->chain.in_len - 1 : r->chain.out_len - HEADER;
	r->offset = sector * DISK_SECTOR;
	if (sector > disk_size(r->blk->disk) || r->len % DISK_SECTOR || r->len > DATA_MAX)
		return VIRTIO_BLK_S_IOERR;
	if (!in && disk_read_only(r->blk->disk))
		return VIRTIO_BLK_S_IOERR;
	return on_disk(r) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

static u8 parse(struct request *r, u64 sector)
{
	switch (r->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		return parse_data(r, sector);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return parse_range(r);
	case VIRTIO_BLK_T_FLUSH:
	case VIRTIO_BLK_T_GET_ID:
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void start(struct request *r)
{
	struct virtio_blk *blk = r->blk;
	struct virtio_blk_outhdr h;
	u8 status;

	if (virtq_copy_out(&r->chain, 0, &h, sizeof(h)) != sizeof(h) || !r->chain.in_len) {
		virtio_break(&blk->v, "a request has no header or no room for its status");
		release(r);
		return;
	}
	r->type = h.type;
	r->flush = !virtio_has(&blk->v, VIRTIO_BLK_F_FLUSH);
	status = parse(r, h.sector);
	if (status != VIRTIO_BLK_S_OK)
		complete(r, status);
	else if (r->type == VIRTIO_BLK_T_GET_ID)
		send_id(r);
	else if (get_buffer(r))
		submit(r);
	else
		blk->stalled = r;
}

/* The guest gets no reason, and the user may not hear of it at all. */
static void report(struct request *r)
{
	struct virtio_device *v = &r->blk->v;

	if (r->blk->said)
		return;
	r->blk->said = true;
	v->host.say(v->host.arg, v->pci.name,
		    r->type == VIRTIO_BLK_T_IN
			    ? "the guest has an I/O error, as the image cannot be read"
			    : "the guest has an I/O error, as the image cannot be written",
		    strerror(-r->error));
}

static void take_done(struct virtio_blk *blk)
{
	struct job *job;

	while ((job = worker_done(&blk->worker))) {
		struct request *r = container_of(job, struct request, job);

		blk->at_work--;
		if (r->error)
			report(r);
		complete(r, r->error ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
	}
}

static void retry_stalled(struct virtio_blk *blk)
{
	struct request *r = blk->stalled;

	if (!r || !get_buffer(r))
		return;
	blk->stalled = NULL;
	submit(r);
}

/* As many as there are struct requests: a driver that offers more has to wait for the first. */
static void blk_poll(struct virtio_device *v)
{
	struct virtio_blk *blk = blk_of(v);
	struct request *r;

	take_done(blk);
	retry_stalled(blk);
	while (!blk->stalled && (r = blk->free) && virtio_pop(v, 0, &r->chain)) {
		blk->free = r->next_free;
		start(r);
	}
}

static bool blk_reset(struct virtio_device *v)
{
	struct virtio_blk *blk = blk_of(v);

	take_done(blk);
	if (blk->stalled)
		release(blk->stalled);
	blk->stalled = NULL;
	return !blk->at_work;
}

static const struct virtio_type blk_type = {
	.id = VIRTIO_ID_BLOCK,
	.class_code = CLASS_STORAGE_OTHER,
	.nr_queues = 1,
	.poll = blk_poll,
	.reset = blk_reset,
};

static void describe(struct virtio_blk *blk)
{
	const struct virtio_blk_config config = {
		.capacity = disk_size(blk->disk) / DISK_SECTOR,
		.size_max = SIZE_MAX_BYTES,
		.seg_max = SEG_MAX,
		.blk_size = DISK_SECTOR,
		.max_discard_sectors = ZERO_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = 1,
		.max_write_zeroes_sectors = ZERO_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};

	blk->v.config_len = offsetof(struct virtio_blk_config, write_zeroes_may_unmap) + 1;
	memcpy(blk->v.config, &config, blk->v.config_len);
}

static u64 features(const struct disk *disk)
{
	u64 f = BIT64(VIRTIO_BLK_F_SIZE_MAX) | BIT64(VIRTIO_BLK_F_SEG_MAX) |
		BIT64(VIRTIO_BLK_F_BLK_SIZE) | BIT64(VIRTIO_BLK_F_FLUSH);

	return f | (disk_read_only(disk)
			    ? BIT64(VIRTIO_BLK_F_RO)
			    : BIT64(VIRTIO_BLK_F_DISCARD) | BIT64(VIRTIO_BLK_F_WRITE_ZEROES));
}

int virtio_blk_new(struct virtio_blk **out, struct disk *disk, unsigned int index, struct ram *ram,
		   const struct virtio_host *host, void (*notify)(void *arg), void *notify_arg,
		   struct error *err)
{
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int r;

	*out = blk;
	if (!blk)
		return fail(err, -ENOMEM, "out of memory for a disk's device");
	blk->disk = disk;
	snprintf(blk->name, sizeof(blk->name), "disk%u", index);
	virtio_init(&blk->v, &blk_type, blk->name, features(disk), ram, host);
	describe(blk);
	for (unsigned int i = 0; i < VIRTQ_SIZE; i++) {
		struct request *q = &blk->request[i];

		q->blk = blk;
		q->job.run = run_request;
		q->buffer = -1;
		release(q);
	}
	blk->buffers = mmap(NULL, BUFFERS * DATA_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (blk->buffers == MAP_FAILED) {
		blk->buffers = NULL;
		r = fail(err, -ENOMEM, "out of memory for a disk's buffers");
	} else {
		r = worker_start(&blk->worker, notify, notify_arg, err);
	}
	if (r) {
		virtio_blk_free(blk);
		*out = NULL;
	}
	return r;
}

struct virtio_device *virtio_blk_device(struct virtio_blk *blk)
{
	return &blk->v;
}

int virtio_blk_stop(struct virtio_blk *blk)
{
	if (!blk->worker.started)
		return 0;
	/* Zeroes for gigabytes may wait; whoever wrote data gets it written. */
	disk_hurry(blk->disk);
	worker_stop(&blk->worker);
	return disk_flush(blk->disk);
}

void virtio_blk_free(struct virtio_blk *blk)
{
	if (!blk)
		return;
	virtio_blk_stop(blk);
	if (blk->buffers)
		munmap(blk->buffers, BUFFERS * DATA_MAX);
	free(blk);
}
