/* SPDX-License-Identifier: MIT */
#include "common/dev/fwcfg.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define SELECT_PORT 0x510
#define DMA_PORT    0x514
#define DATA	    1 /* offset of the data port from the selector's */

#define VERSION	    1
#define VERSION_DMA 2
#define WRITE_FLAG  0x4000 /* in a key; meaningless since QEMU 2.4 */
#define NO_KEY	    0xffff

#define DMA_ERROR  0x01
#define DMA_READ   0x02
#define DMA_SKIP   0x04
#define DMA_SELECT 0x08
#define DMA_WRITE  0x10

#define E820_RAM 1

static const char dma_signature[] = "QEMU CFG";

struct dma_access { /* big-endian */
	u32 control, length;
	u64 address;
};

static struct fwcfg_item *item_of(struct fwcfg *fw, u32 key)
{
	u32 index = key & ~(u32)(WRITE_FLAG | FWCFG_ARCH_LOCAL);

	if (key & FWCFG_ARCH_LOCAL)
		return index < FWCFG_ARCH_KEYS ? &fw->arch[index] : NULL;
	return index < FWCFG_KEYS ? &fw->item[index] : NULL;
}

static void select_item(struct fwcfg *fw, u16 key)
{
	fw->key = item_of(fw, key) ? key : NO_KEY;
	fw->offset = 0;
}

/* Bytes of the selected item that were not read yet, and where they are. */
static u32 rest_of_item(struct fwcfg *fw, const u8 **data)
{
	const struct fwcfg_item *item = item_of(fw, fw->key);

	if (!item || fw->offset >= item->len)
		return 0;
	*data = (item->data ? item->data : item->own) + fw->offset;
	return item->len - fw->offset;
}

static u8 next_byte(struct fwcfg *fw)
{
	const u8 *data;

	if (!rest_of_item(fw, &data))
		return 0;
	fw->offset++;
	return *data;
}

/* The item's next LENGTH bytes to guest memory at ADDRESS, zeros behind its end. */
static u32 dma_read(struct fwcfg *fw, u64 address, u32 length)
{
	u8 *to = ram_at_to_write(fw->ram, address, length);
	const u8 *from;
	u32 n = rest_of_item(fw, &from);

	if (!to)
		return DMA_ERROR;
	n = n < length ? n : length;
	if (n)
		memcpy(to, from, n);
	memset(to + n, 0, length - n);
	fw->offset += n;
	return 0;
}

static void skip(struct fwcfg *fw, u32 length)
{
	const u8 *data;
	u32 n = rest_of_item(fw, &data);

	fw->offset += n < length ? n : length;
}

static u32 dma_transfer(struct fwcfg *fw, const struct dma_access *access)
{
	u32 control = be32toh(access->control), length = be32toh(access->length);

	if (control & DMA_SELECT)
		select_item(fw, (u16)(control >> 16));
	if (!length)
		return 0;
	if (control & DMA_READ)
		return dma_read(fw, be64toh(access->address), length);
	if (control & DMA_WRITE)
		return DMA_ERROR; /* no item can be written */
	if (control & DMA_SKIP)
		skip(fw, length);
	return 0;
}

/* Do what the descriptor at guest address AT asks; its control word becomes the result. */
static void dma_run(struct fwcfg *fw, u64 at)
{
	struct dma_access access;
	u32 result = DMA_ERROR;

	if (!ram_read(fw->ram, at, &access, sizeof(access)))
		result = dma_transfer(fw, &access);
	result = htobe32(result);
	/* A descriptor outside RAM gets no answer: there is nowhere to put one. */
	(void)ram_write(fw->ram, at, &result, sizeof(result));
}

static u64 fwcfg_read(void *dev, u64 offset, unsigned int size)
{
	(void)offset; /* QEMU answers byte reads at either port with data */
	return size == 1 ? next_byte(dev) : 0;
}

static void fwcfg_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	if (size == 2 && offset != DATA)
		select_item(dev, (u16)value);
}

static u64 dma_port_read(void *dev, u64 offset, unsigned int size)
{
	u64 value = 0;

	(void)dev;
	memcpy(&value, dma_signature + offset, size);
	return value;
}

static void dma_port_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct fwcfg *fw = dev;
	u64 address;

	if (size != 4)
		return;
	if (offset == 0) {
		fw->dma = (u64)be32toh((u32)value) << 32;
	} else if (offset == 4) {
		address = fw->dma | be32toh((u32)value);
		fw->dma = 0;
		dma_run(fw, address);
	}
}

static const struct bus_ops fwcfg_ops = { fwcfg_read, fwcfg_write, false };
static const struct bus_ops dma_ops = { dma_port_read, dma_port_write, false };

static void set_item(struct fwcfg_item *item, const void *data, u32 len)
{
	*item = (struct fwcfg_item){ .data = data, .len = len };
}

/* A little-endian number of LEN bytes, kept in the item itself. */
static void set_number(struct fwcfg_item *item, u64 value, u32 len)
{
	value = htole64(value);
	set_item(item, NULL, len);
	memcpy(item->own, &value, len);
}

static void add_e820(struct fwcfg *fw)
{
	for (unsigned int i = 0; i < fw->ram->nr; i++) {
		const struct ram_region *r = &fw->ram->region[i];

		fw->e820[i] =
			(struct fwcfg_e820){ htole64(r->gpa), htole64(r->size), htole32(E820_RAM) };
	}
	fwcfg_add_file(fw, "etc/e820", fw->e820, fw->ram->nr * sizeof(fw->e820[0]));
}

void fwcfg_init(struct fwcfg *fw, struct ram *ram)
{
	memset(fw, 0, sizeof(*fw));
	fw->ram = ram;
	set_item(&fw->item[FWCFG_SIGNATURE], "QEMU", 4);
	set_number(&fw->item[FWCFG_ID], VERSION | VERSION_DMA, 4);
	set_number(&fw->item[FWCFG_RAM_SIZE], ram->size, 8);
	set_number(&fw->item[FWCFG_NOGRAPHIC], 1, 2);
	set_number(&fw->item[FWCFG_NB_CPUS], 1, 2);
	set_number(&fw->item[FWCFG_MAX_CPUS], 1, 2);
	set_number(&fw->item[FWCFG_BOOT_MENU], 0, 2);
	set_item(&fw->item[FWCFG_FILE_DIR], &fw->dir, sizeof(fw->dir));
	set_number(item_of(fw, FWCFG_IRQ0_OVERRIDE), 1, 4);
	add_e820(fw);
	fwcfg_reset(fw);
}

int fwcfg_attach(struct fwcfg *fw, struct bus *pio)
{
	const struct bus_region region[] = {
		{ "fw_cfg", SELECT_PORT, 2, 2, &fwcfg_ops, fw },
		{ "fw_cfg DMA", DMA_PORT, 8, 4, &dma_ops, fw },
	};

	return bus_add_all(pio, region, ARRAY_SIZE(region));
}

void fwcfg_reset(struct fwcfg *fw)
{
	select_item(fw, FWCFG_SIGNATURE);
	fw->dma = 0;
}

static bool is_settable(unsigned int key)
{
	return key < FWCFG_FILE_FIRST && key != FWCFG_SIGNATURE && key != FWCFG_ID &&
	       key != FWCFG_FILE_DIR;
}

int fwcfg_add(struct fwcfg *fw, enum fwcfg_key key, const void *data, u32 len)
{
	if (!is_settable(key) || !data)
		return -EINVAL;
	set_item(&fw->item[key], data, len);
	return 0;
}

int fwcfg_add_u32(struct fwcfg *fw, enum fwcfg_key key, u32 value)
{
	if (!is_settable(key))
		return -EINVAL;
	set_number(&fw->item[key], value, 4);
	return 0;
}

int fwcfg_add_file(struct fwcfg *fw, const char *name, const void *data, u32 len)
{
	size_t n = strlen(name);
	unsigned int i;

	if (!n || n >= FWCFG_NAME || !data || !len)
		return -EINVAL;
	for (i = 0; i < fw->files; i++)
		if (!strcmp(fw->dir.file[i].name, name))
			break;
	if (i == FWCFG_FILES)
		return -ENOSPC;
	if (i == fw->files)
		fw->dir.count = htobe32(++fw->files);
	fw->dir.file[i].size = htobe32(len);
	fw->dir.file[i].select = htobe16((u16)(FWCFG_FILE_FIRST + i));
	memcpy(fw->dir.file[i].name, name, n + 1);
	set_item(&fw->item[FWCFG_FILE_FIRST + i], data, len);
	return 0;
}
