/* SPDX-License-Identifier: MIT */
#include "common/boot/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL_MAX 160 /* half of struct error */

const char *image_label(const char *path)
{
	size_t len = strlen(path);

	return len > LABEL_MAX ? path + len - LABEL_MAX : path;
}

static int map_file(struct image *image, int fd, const char *path, struct error *err)
{
	const char *label = image_label(path);
	struct stat st;
	void *data;

	if (fstat(fd, &st))
		return fail(err, -errno, "%s: %s", label, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return fail(err, -EISDIR, "%s: is a directory; give a file", label);
	if (!S_ISREG(st.st_mode))
		return fail(err, -EINVAL, "%s: is not a regular file; copy it into one", label);
	if (st.st_size == 0)
		return fail(err, -EINVAL, "%s: is empty", label);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return fail(err, -errno, "%s: cannot read: %s", label, strerror(errno));
	*image = (struct image){ data, (u64)st.st_size, path };
	return 0;
}

int image_open(struct image *image, const char *path, struct error *err)
{
	/* A FIFO without a writer must not hang us before we can refuse it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int code;

	if (fd < 0)
		return fail(err, -errno, "%s: cannot open: %s", image_label(path), strerror(errno));
	code = map_file(image, fd, path, err);
	close(fd);
	return code;
}

void image_close(struct image *image)
{
	munmap((void *)image->data, image->size);
	image->data = NULL;
	image->size = 0;
}

const char *image_name(const struct image *image)
{
	const char *slash = strrchr(image->path, '/');

	return slash ? slash + 1 : image->path;
}
