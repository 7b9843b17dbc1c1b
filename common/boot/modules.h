/* SPDX-License-Identifier: MIT */
/*
 * Files that a kernel is handed beside itself: --initrd "file arguments,file2 arguments". A comma
 * in a name or an argument is written twice; the name ends at the first space.
 */
#ifndef FVB_BOOT_MODULES_H
#define FVB_BOOT_MODULES_H

#include "common/boot/image.h"
#include "common/boot/layout.h"
#include "common/error.h"

#define MODULES_MAX 64

struct module {
	char *path;   /* owned */
	char *string; /* the file's name without its folder, then its arguments; owned */
	struct image image;
	u64 gpa; /* filled by modules_place */
};

struct modules {
	unsigned int nr;
	struct module m[MODULES_MAX];
};

/* Open all files in LIST (NULL or "": none). As image_open; -E2BIG for more than MODULES_MAX. On
 * failure nothing stays open. */
int modules_open(struct modules *mods, const char *list, struct error *err);
void modules_close(struct modules *mods);

/*
 * Copy them into RAM in order, page-aligned, at the lowest free addresses from MIN on: above 1 MiB
 * and below the hole, or, where a small guest has no room there, below 640 KiB. -ENOMEM if one does
 * not fit.
 */
int modules_place(struct modules *mods, struct layout *layout, u64 min, struct error *err);

#endif
