/* SPDX-License-Identifier: MIT */
#include "backends/swbt/views.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static u8 *map(int fd, size_t size, int protection)
{
	void *at = mmap(NULL, size, PROT_READ | protection, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
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
