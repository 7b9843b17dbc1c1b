/* SPDX-License-Identifier: MIT */
#include "backends/kvm/statfile.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Far above what any kernel has; a header beyond them is not what we know. */
#define MAX_NAME 512
#define MAX_DESC 4096
#define MAX_DATA (1u << 20)

static const struct kvm_stats_desc *desc(const struct statfile *f, u32 i)
{
	return (const struct kvm_stats_desc *)(f->desc + (size_t)i * f->desc_size);
}

static int read_at(int fd, void *buf, size_t len, u32 offset)
{
	return pread(fd, buf, len, offset) == (ssize_t)len ? 0 : -EIO;
}

static int load(struct statfile *f)
{
	struct kvm_stats_header h;

	if (read_at(f->fd, &h, sizeof(h), 0))
		return -EIO;
	if (!h.name_size || h.name_size > MAX_NAME || !h.num_desc || h.num_desc > MAX_DESC)
		return -EPROTO;
	f->nr = h.num_desc;
	f->desc_size = (u32)sizeof(struct kvm_stats_desc) + h.name_size;
	f->data_offset = h.data_offset;
	f->desc = malloc((size_t)f->nr * f->desc_size);
	if (!f->desc || read_at(f->fd, f->desc, (size_t)f->nr * f->desc_size, h.desc_offset))
		return -EIO;
	for (u32 i = 0; i < f->nr; i++) {
		u64 end = desc(f, i)->offset + desc(f, i)->size * 8ull;

		/* The names come with their terminator; make sure of it once. */
		f->desc[(size_t)(i + 1) * f->desc_size - 1] = 0;
		if (end > MAX_DATA || desc(f, i)->offset % 8)
			return -EPROTO;
		if (end > f->data_size)
			f->data_size = (u32)end;
	}
	f->data = calloc(1, f->data_size);
	return f->data ? 0 : -ENOMEM;
}

void statfile_open(struct statfile *f, int of)
{
	memset(f, 0, sizeof(*f));
	f->fd = ioctl(of, KVM_GET_STATS_FD, 0ul);
	if (f->fd >= 0 && load(f))
		statfile_close(f);
}

void statfile_close(struct statfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->desc);
	free(f->data);
	memset(f, 0, sizeof(*f));
	f->fd = -1;
}

int statfile_read(struct statfile *f)
{
	return f->fd < 0 ? -ENODATA : read_at(f->fd, f->data, f->data_size, f->data_offset);
}

const char *statfile_name(const struct statfile *f, u32 i)
{
	return desc(f, i)->name;
}

int statfile_find(const struct statfile *f, const char *name)
{
	for (u32 i = 0; f->fd >= 0 && i < f->nr; i++)
		if (!strcmp(statfile_name(f, i), name))
			return (int)i;
	return -ENOENT;
}

u64 statfile_value(const struct statfile *f, u32 i)
{
	const struct kvm_stats_desc *d = desc(f, i);
	bool pow2 = (d->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2;
	const u64 *v = (const u64 *)(f->data + d->offset);
	u64 sum = 0;

	for (u16 n = 0; n < d->size; n++)
		sum += v[n];
	for (s16 n = 0; n < d->exponent; n++)
		sum *= pow2 ? 2 : 10;
	return sum;
}
