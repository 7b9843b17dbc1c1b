/* SPDX-License-Identifier: MIT */
#include "common/ram.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE (2 * MiB)

static void add_region(struct ram *ram, u64 gpa, u64 size, u64 offset)
{
	if (size)
		ram->region[ram->nr++] = (struct ram_region){ gpa, size, offset };
}

/* Map SIZE bytes, of FD unless that is -1, at a 2 MiB boundary: reserve more, and give back what is
 * around. */
static void *map_aligned(u64 size, int fd)
{
	u64 room = ALIGN_UP(size, HUGE) + HUGE;
	u8 *area, *host;

	area = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (area == MAP_FAILED)
		return NULL;
	host = (u8 *)ALIGN_UP((uintptr_t)area, HUGE);
	if (host > area)
		munmap(area, (size_t)(host - area));
	munmap(host + size, (size_t)(area + room - host) - size);
	if (fd >= 0 && mmap(host, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED) {
		int code = errno;

		munmap(host, size);
		errno = code;
		return NULL;
	}
	return host;
}

static int check_size(u64 size, struct error *err)
{
	if (size < RAM_MIN || size > RAM_MAX || size % 4096)
		return fail(err, -EINVAL,
			    "guest RAM must be 1 MiB to 64 GiB in whole 4 KiB pages; use --mem");
	return 0;
}

/* Takes over FD, which may be -1. */
static int init(struct ram *ram, u64 size, int fd, struct error *err)
{
	u64 low = size < RAM_HOLE_START ? size : RAM_HOLE_START;
	int code;

	ram->fd = fd;
	ram->host = map_aligned(size, fd);
	if (!ram->host) {
		code = -errno;
		if (fd >= 0)
			close(fd);
		return fail(err, code,
			    "cannot reserve %llu MiB of guest RAM: %s; use a smaller --mem",
			    (unsigned long long)(size / MiB), strerror(-code));
	}
	/* Advice only. */
	madvise(ram->host, size, MADV_HUGEPAGE);
	madvise(ram->host, size, MADV_DONTDUMP);
	ram->size = size;
	add_region(ram, 0, low, 0);
	add_region(ram, RAM_HOLE_END, size - low, low);
	return 0;
}

int ram_init(struct ram *ram, u64 size, struct error *err)
{
	int r = check_size(size, err);

	memset(ram, 0, sizeof(*ram));
	return r ? r : init(ram, size, -1, err);
}

int ram_init_file(struct ram *ram, u64 size, struct error *err)
{
	int fd, r = check_size(size, err);

	memset(ram, 0, sizeof(*ram));
	if (r)
		return r;
	fd = memfd_create("guest-ram", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size)) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return fail(err, r, "cannot make a memory file for guest RAM: %s", strerror(-r));
	}
	return init(ram, size, fd, err);
}

void ram_fini(struct ram *ram)
{
	if (ram->host) {
		munmap(ram->host, ram->size);
		if (ram->fd >= 0)
			close(ram->fd);
	}
	memset(ram, 0, sizeof(*ram));
}

int ram_write(struct ram *ram, u64 gpa, const void *data, u64 len)
{
	void *p = ram_at_to_write(ram, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(p, data, len);
	return 0;
}

int ram_read(const struct ram *ram, u64 gpa, void *data, u64 len)
{
	const void *p = ram_at(ram, gpa, len);

	if (!p)
		return -EFAULT;
	memcpy(data, p, len);
	return 0;
}
