/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/cache.h"
#include "backends/swbt/bt/tunables.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Blocks begin in the middle of a half of a cache line. A loop whose head begins a line runs at
 * half the speed of one that does not on Zen 5 (`copy`, `matrix`, `matrix-avx2`: 1.5 to 1.9 times
 * as many cycles), and one in the middle of a line is slow in `sieve`.
 */
#define ALIGNMENT 32
#define BEGIN	  16

/* Linux 5.14; a C library may be older. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

int cache_init(struct cache *c, size_t size)
{
	int fd = memfd_create("swbt-code", MFD_CLOEXEC), r = 0;

	*c = (struct cache){ .write = MAP_FAILED, .exec = MAP_FAILED, .size = size, .limit = size };
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size)) {
		r = -errno;
		goto out;
	}
	c->write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	c->exec = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (c->write == MAP_FAILED || c->exec == MAP_FAILED)
		r = -errno;
out:
	close(fd);
	return r;
}

void cache_fini(struct cache *c)
{
	if (c->write && c->write != MAP_FAILED)
		munmap(c->write, c->size);
	if (c->exec && c->exec != MAP_FAILED)
		munmap(c->exec, c->size);
	*c = (struct cache){ 0 };
}

void cache_map(struct cache *c, size_t len)
{
	size_t end = ALIGN_UP(c->used + len + BT_CACHE_MAP, BT_CACHE_MAP), more;

	if (end > c->size)
		end = c->size;
	more = end - c->mapped;
	/* Where the host cannot do it, before Linux 5.14, they fault. */
	if (!madvise(c->write + c->mapped, more, MADV_POPULATE_WRITE))
		madvise(c->exec + c->mapped, more, MADV_POPULATE_READ);
	c->mapped = end;
}

u8 *cache_room(const struct cache *c, size_t len)
{
	return c->used + len <= c->limit ? c->write + c->used : NULL;
}

void cache_take(struct cache *c, size_t len)
{
	c->used = ALIGN_UP(c->used + len + BEGIN, ALIGNMENT) - BEGIN;
	if (c->used > c->limit)
		c->used = c->limit;
}
