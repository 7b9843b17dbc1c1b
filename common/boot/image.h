/* SPDX-License-Identifier: MIT */
/* A file as bytes: what loaders parse. */
#ifndef FVB_BOOT_IMAGE_H
#define FVB_BOOT_IMAGE_H

#include "common/error.h"
#include "common/types.h"

struct image {
	const u8 *data;	  /* read-only; valid until image_close */
	u64 size;	  /* at least 1 */
	const char *path; /* as the user gave it; borrowed from the caller */
};

/*
 * Map the regular file PATH. 0, or -ENOENT, -EACCES, -EISDIR, ... with ERR naming the file; -EINVAL
 * for an empty or a special file. Cutting the file short while it is open is a SIGBUS.
 */
int image_open(struct image *image, const char *path, struct error *err);
void image_close(struct image *image);

/* What is after the last '/' of the path. */
const char *image_name(const struct image *image);

/* PATH, or the end of one too long to leave room for the rest of a message. */
const char *image_label(const char *path);

/* LEN bytes at OFFSET, or NULL if the file is shorter than that. */
static inline const void *image_at(const struct image *image, u64 offset, u64 len)
{
	if (offset > image->size || len > image->size - offset)
		return NULL;
	return image->data + offset;
}

#endif
