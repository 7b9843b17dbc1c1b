/* SPDX-License-Identifier: MIT */
#include "common/boot/modules.h"
#include "common/boot/memmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096

/* Copy of the item at *LIST with double commas made single; *LIST moves on, to NULL at the end.
 * NULL if memory is short. */
static char *next_item(const char **list)
{
	const char *p = *list;
	char *item = malloc(strlen(p) + 1), *out = item;

	if (!item)
		return NULL;
	for (; *p && (*p != ',' || p[1] == ','); p++) {
		*out++ = *p;
		if (*p == ',')
			p++;
	}
	*out = '\0';
	*list = *p ? p + 1 : NULL;
	return item;
}

static int open_item(struct module *m, const char *item, struct error *err)
{
	size_t len = strcspn(item, " ");
	const char *name;

	m->path = strndup(item, len);
	if (!m->path)
		return fail(err, -ENOMEM, "out of memory");
	name = strrchr(m->path, '/');
	m->string = strdup(name ? item + (name + 1 - m->path) : item);
	if (!m->string)
		return fail(err, -ENOMEM, "out of memory");
	if (!len)
		return fail(
			err, -EINVAL,
			"--initrd has an item without a file name; write ',' in a name as ',,'");
	return image_open(&m->image, m->path, err);
}

int modules_open(struct modules *mods, const char *list, struct error *err)
{
	mods->nr = 0;
	if (list && !*list)
		list = NULL;
	while (list) {
		char *item;
		int code;

		if (mods->nr == MODULES_MAX) {
			modules_close(mods);
			return fail(err, -E2BIG, "--initrd lists more than %d files", MODULES_MAX);
		}
		item = next_item(&list);
		mods->m[mods->nr] = (struct module){ 0 };
		code = item ? open_item(&mods->m[mods->nr], item, err)
			    : fail(err, -ENOMEM, "out of memory");
		mods->nr++;
		free(item);
		if (code) {
			modules_close(mods);
			return code;
		}
	}
	return 0;
}

void modules_close(struct modules *mods)
{
	for (unsigned int i = 0; i < mods->nr; i++) {
		struct module *m = &mods->m[i];

		if (m->image.data)
			image_close(&m->image);
		free(m->path);
		free(m->string);
	}
	mods->nr = 0;
}

int modules_place(struct modules *mods, struct layout *layout, u64 min, struct error *err)
{
	u64 high = min > MEMMAP_HIGH ? min : MEMMAP_HIGH;

	for (unsigned int i = 0; i < mods->nr; i++) {
		struct module *m = &mods->m[i];
		u64 size = m->image.size;
		void *p = layout_alloc(layout, size, PAGE, high, RAM_HOLE_START, &m->gpa);

		if (!p)
			p = layout_alloc(layout, size, PAGE, min, MEMMAP_EBDA, &m->gpa);
		if (!p)
			return fail(err, -ENOMEM,
				    "%s: no room for its %llu KiB above the kernel in %llu MiB of "
				    "RAM (hole from 3 GiB); use a larger --mem",
				    image_label(m->path), ALIGN_UP(size, KiB) / KiB,
				    layout->ram->size / MiB);
		memcpy(p, m->image.data, size);
	}
	return 0;
}
