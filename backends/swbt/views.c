/* SPDX-License-Identifier: MIT */
#include "backends/swbt/views.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE (2 * MiB)

/* Where the host may use large pages, if they fit. */
static u8 *reserve(size_t size)
{
	size_t spare = size >= HUGE ? HUGE : 0;
	u8 *area = mmap(NULL, size + spare, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	u8 *at;

	if (area == MAP_FAILED || !spare)
		return area;
	at = (u8 *)ALIGN_UP((uintptr_t)area, HUGE);
	if (at > area)
		munmap(area, (size_t)(at - area));
	munmap(at + size, (size_t)(area + spare - at));
	return at;
}

static u8 *map(int fd, size_t size, int protection)
{
	u8 *at = reserve(size);

	if (at == MAP_FAILED)
		return NULL;
	if (mmap(at, size, PROT_READ | protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		int code = errno;

		munmap(at, size);
		errno = code;
		return NULL;
	}
	return at;
}

int views_map(const char *name, size_t size, u8 **write, u8 **exec)
{
	int fd = memfd_create(name, MFD_CLOEXEC), r = 0;

	*write = *exec = NULL;
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) || !(*write = map(fd, size, PROT_WRITE)) ||
	    !(*exec = map(fd, size, PROT_EXEC)))
		r = -errno;
	close(fd);
	if (!r)
		return 0;
	views_unmap(*write, *exec, size);
	*write = *exec = NULL;
	return r;
}

void views_unmap(u8 *write, u8 *exec, size_t size)
{
	if (write)
		munmap(write, size);
	if (exec)
		munmap(exec, size);
}
