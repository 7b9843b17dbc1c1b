/* SPDX-License-Identifier: MIT */
#include "common/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZEROS (64 * KiB) /* at a time, where holes cannot be made */

struct disk {
	int fd;
	int overlay; /* -1: none */
	u8 *written; /* a bit for each sector: it is in the overlay */
	u64 written_size;
	u64 size;
	bool read_only;
	bool no_cached; /* disk_read_cached does not work here */
	bool dirty;	/* written to since the last flush */
	atomic_bool hurry;
};

/* ---- opening -----------------------------------------------------------------------------------
 */

struct mode {
	const char *suffix;
	bool read_only, snapshot;
};

static const struct mode modes[] = { { ",ro", true, false },
				     { ",snapshot", false, true },
				     { "", false, false } };

static const struct mode *mode_of(const char *spec)
{
	const struct mode *m = modes;

	for (;; m++) {
		size_t len = strlen(spec), end = strlen(m->suffix);

		if (len > end && !strcmp(spec + len - end, m->suffix))
			return m;
		if (!*m->suffix)
			return m;
	}
}

/* Two writers would destroy the image, and a reader would see it change: one writer, or readers. */
static int lock(int fd, bool shared)
{
	struct flock lock = { .l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

static int open_file(struct disk *d, const char *path, bool shared, struct error *err)
{
	struct stat st;
	off_t size;
	int r;

	/* Not to hang on a FIFO. */
	d->fd = open(path, (shared ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (d->fd < 0)
		return fail(err, -errno, "cannot open disk %s%s: %s", path,
			    shared ? "" : " for writing (,ro and ,snapshot only read it)",
			    strerror(errno));
	if (fstat(d->fd, &st))
		return fail(err, -errno, "cannot open disk %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail(
			err, -EINVAL,
			"disk %s is neither a file nor a block device; --disk takes a raw image",
			path);
	size = lseek(d->fd, 0, SEEK_END);
	if (size <= 0 || size % DISK_SECTOR)
		return fail(
			err, -EINVAL,
			"disk %s has %lld bytes; a raw image has a multiple of 512, at least 512",
			path, (long long)size);
	d->size = (u64)size;
	r = lock(d->fd, shared);
	if (r == -EAGAIN || r == -EACCES)
		return fail(err, -EBUSY, "disk %s is in use by another machine or program (locked)",
			    path);
	/* Some file systems have no locks; it works without. */
	return 0;
}

static int make_overlay(struct disk *d, struct error *err)
{
	const char *dir = getenv("TMPDIR");

	d->overlay = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (d->overlay < 0)
		d->overlay = memfd_create("disk-snapshot", MFD_CLOEXEC);
	if (d->overlay < 0 || ftruncate(d->overlay, (off_t)d->size))
		return fail(err, -errno, "cannot make a temporary file of %llu MiB: %s",
			    (unsigned long long)(d->size / MiB), strerror(errno));
	d->written_size = d->size / DISK_SECTOR / 8 + 1;
	d->written = mmap(NULL, d->written_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (d->written == MAP_FAILED) {
		d->written = NULL;
		return fail(err, -ENOMEM, "out of memory for the snapshot of a disk");
	}
	return 0;
}

int disk_open(struct disk **out, const char *spec, struct error *err)
{
	const struct mode *mode = mode_of(spec);
	char *path = strndup(spec, strlen(spec) - strlen(mode->suffix));
	struct disk *d = calloc(1, sizeof(*d));
	int r;

	*out = NULL;
	if (!path || !d) {
		r = fail(err, -ENOMEM, "out of memory for a disk");
		goto out;
	}
	d->fd = d->overlay = -1;
	d->read_only = mode->read_only;
	r = open_file(d, path, mode->read_only || mode->snapshot, err);
	if (!r && mode->snapshot)
		r = make_overlay(d, err);
out:
	free(path);
	if (r)
		disk_close(d);
	else
		*out = d;
	return r;
}

void disk_close(struct disk *d)
{
	if (!d)
		return;
	if (d->written)
		munmap(d->written, d->written_size);
	if (d->overlay >= 0)
		close(d->overlay);
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

u64 disk_size(const struct disk *d)
{
	return d->size;
}

bool disk_read_only(const struct disk *d)
{
	return d->read_only;
}

/* ---- the overlay's map -------------------------------------------------------------------------
 */

static bool is_written(const struct disk *d, u64 sector)
{
	return d->written[sector / 8] >> sector % 8 & 1;
}

static void note_written(struct disk *d, u64 offset, u64 len)
{
	for (u64 s = offset / DISK_SECTOR; s < (offset + len) / DISK_SECTOR; s++)
		d->written[s / 8] |= (u8)BIT(s % 8);
}

/* How many of LEN bytes at OFFSET are in the same file, and which one that is. */
static u64 same_file(const struct disk *d, u64 offset, u64 len, int *fd)
{
	u64 first = offset / DISK_SECTOR, s = first;
	bool written;

	*fd = d->fd;
	if (!d->written)
		return len;
	written = is_written(d, first);
	if (written)
		*fd = d->overlay;
	while (s < (offset + len) / DISK_SECTOR && is_written(d, s) == written)
		s++;
	return (s - first) * DISK_SECTOR;
}

/* ---- reading and writing -----------------------------------------------------------------------
 */

/* Where writes go. */
static int target(const struct disk *d)
{
	return d->written ? d->overlay : d->fd;
}

static int read_all(int fd, u64 offset, u8 *buf, u64 len)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO; /* the file has become shorter */
		buf += n;
		offset += (u64)n;
		len -= (u64)n;
	}
	return 0;
}

int disk_read(struct disk *d, u64 offset, void *buf, u64 len)
{
	u8 *p = buf;
	int r = 0;

	while (len && !r) {
		int fd;
		u64 n = same_file(d, offset, len, &fd);

		r = read_all(fd, offset, p, n);
		p += n;
		offset += n;
		len -= n;
	}
	return r;
}

int disk_read_cached(struct disk *d, u64 offset, void *buf, u64 len)
{
	struct iovec iov = { buf, len };
	ssize_t n;
	int fd;

	if (d->no_cached || same_file(d, offset, len, &fd) != len)
		return -EAGAIN;
	n = preadv2(fd, &iov, 1, (off_t)offset, RWF_NOWAIT);
	/* Not every file system can tell. */
	d->no_cached = n < 0 && errno == EOPNOTSUPP;
	return n == (ssize_t)len ? 0 : -EAGAIN;
}

/* Drop N bytes from the front of *IOV. */
static void advance(struct iovec **iov, int *nr, size_t n)
{
	while (*nr && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (*nr) {
		(*iov)->iov_base = (u8 *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int disk_write(struct disk *d, u64 offset, struct iovec *iov, int nr, u64 len)
{
	u64 at = offset;

	if (d->read_only)
		return -EROFS;
	d->dirty = true;
	while (at < offset + len) {
		ssize_t n = pwritev(target(d), iov, nr, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += (u64)n;
		advance(&iov, &nr, (size_t)n);
	}
	if (d->written)
		note_written(d, offset, len);
	return 0;
}

static int write_zeros(struct disk *d, u64 offset, u64 len)
{
	static const u8 zeros[ZEROS];
	int r = 0;

	while (len && !r) {
		if (atomic_load(&d->hurry))
			return -ECANCELED;
		u64 n = len < ZEROS ? len : ZEROS;
		struct iovec iov = { (void *)zeros, n };

		r = disk_write(d, offset, &iov, 1, n);
		offset += n;
		len -= n;
	}
	return r;
}

void disk_hurry(struct disk *d)
{
	atomic_store(&d->hurry, true);
}

int disk_zero(struct disk *d, u64 offset, u64 len)
{
	if (d->read_only)
		return -EROFS;
	if (atomic_load(&d->hurry))
		return -ECANCELED;
	d->dirty = true;
	if (fallocate(target(d), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)len))
		return write_zeros(d, offset, len);
	if (d->written)
		note_written(d, offset, len);
	return 0;
}

int disk_discard(struct disk *d, u64 offset, u64 len)
{
	if (d->read_only)
		return -EROFS;
	if (atomic_load(&d->hurry))
		return 0;
	d->dirty = true;
	/* In an overlay what was discarded must stay what it was or become zeros; either will do.
	 */
	fallocate(target(d), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len);
	return 0;
}

int disk_flush(struct disk *d)
{
	int r = 0;

	/* A snapshot ends with the machine: nobody will look for it on stable storage. */
	if (d->dirty && !d->written && fdatasync(d->fd))
		r = -errno;
	d->dirty = d->dirty && r;
	return r;
}
