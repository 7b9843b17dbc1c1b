/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio_pci.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>

#define VENDOR	      0x1af4
#define DEVICE_MODERN 0x1040 /* plus the virtio device ID; section 4.1.2.1 */

/* ---- common configuration, section 4.1.4.3 -----------------------------------------------------
 */

static struct virtq *selected(struct virtio_device *v)
{
	return v->queue_select < v->type->nr_queues ? &v->queue[v->queue_select] : NULL;
}

static u32 feature_word(u64 features, u32 select)
{
	return select < 2 ? (u32)(features >> select * 32) : 0;
}

/* The aligned doubleword at AT. */
static u32 common_word(struct virtio_device *v, unsigned int at)
{
	static const struct virtq none;
	const struct virtq *q = selected(v) ?: &none;

	switch (at) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return v->feature_select;
	case VIRTIO_PCI_COMMON_DF:
		return feature_word(v->features, v->feature_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return v->driver_select;
	case VIRTIO_PCI_COMMON_GF:
		return feature_word(v->driver_features, v->driver_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return VIRTIO_MSI_NO_VECTOR | v->type->nr_queues << 16;
	case VIRTIO_PCI_COMMON_STATUS: /* and a configuration that never changes */
		return v->status | (u32)v->queue_select << 16;
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return q->size | (u32)VIRTIO_MSI_NO_VECTOR << 16;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return q->ready | (u32)v->queue_select << 16;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return (u32)q->desc;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return (u32)(q->desc >> 32);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return (u32)q->avail;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return (u32)(q->avail >> 32);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return (u32)q->used;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return (u32)(q->used >> 32);
	default:
		return 0;
	}
}

static void set_half(u64 *address, u32 value, bool high)
{
	*address = high ? (u32)*address | (u64)value << 32 : (*address & ~0xffffffffull) | value;
}

/* Registers of the selected queue; fixed once it is enabled. */
static void queue_write(struct virtio_device *v, struct virtq *q, unsigned int at, u32 value)
{
	if (!q || q->ready)
		return;
	switch (at) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		q->size = (u16)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			virtio_enable_queue(v, q);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&q->desc, value, at == VIRTIO_PCI_COMMON_Q_DESCHI);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&q->avail, value, at == VIRTIO_PCI_COMMON_Q_AVAILHI);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&q->used, value, at == VIRTIO_PCI_COMMON_Q_USEDHI);
		break;
	}
}

static void common_write(struct virtio_device *v, unsigned int at, u32 value)
{
	switch (at) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		v->feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		v->driver_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (v->driver_select < 2 && !(v->status & 8)) /* FEATURES_OK */
			set_half(&v->driver_features, value, v->driver_select);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		virtio_set_status(v, (u8)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		v->queue_select = (u16)value;
		break;
	default:
		queue_write(v, selected(v), at, value);
	}
}

/* ---- BAR 0 -------------------------------------------------------------------------------------
 */

static u32 config_word(const struct virtio_device *v, unsigned int at)
{
	u32 word = 0;

	for (unsigned int i = 0; i < 4 && at + i < v->config_len; i++)
		word |= (u32)v->config[at + i] << i * 8;
	return word;
}

static u64 bar_read(void *dev, u64 offset, unsigned int size)
{
	struct virtio_device *v = dev;
	unsigned int in_page = offset & 0xfff, shift = (offset & 3) * 8;

	(void)size; /* the bus cuts to it, and never crosses what is not aligned */
	switch (offset & ~0xfffull) {
	case VIRTIO_BAR_COMMON:
		return common_word(v, in_page & ~3u) >> shift;
	case VIRTIO_BAR_ISR:
		return in_page ? 0 : virtio_take_isr(v);
	case VIRTIO_BAR_DEVICE:
		return config_word(v, in_page);
	default:
		return 0;
	}
}

static void bar_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct virtio_device *v = dev;

	(void)size;
	if (offset < VIRTIO_BAR_ISR)
		common_write(v, (unsigned int)offset, (u32)value);
	else if (offset >= VIRTIO_BAR_NOTIFY)
		virtio_notify(v, (unsigned int)(offset - VIRTIO_BAR_NOTIFY) / VIRTIO_NOTIFY_STEP);
}

static const struct bus_ops bar_ops = { bar_read, bar_write, true };

/* ---- the window to BAR 0 in configuration space, section 4.1.4.9 -------------------------------
 */

#define CAP_DATA (sizeof(struct virtio_pci_cap)) /* behind the capability */

/* The access that the window is set to: true if there is one, at most 4 bytes inside the BAR. */
static bool window(const struct virtio_device *v, u32 *offset, u32 *length)
{
	const u8 *cap = v->pci.config + v->cap_window;

	memcpy(offset, cap + offsetof(struct virtio_pci_cap, offset), sizeof(*offset));
	memcpy(length, cap + offsetof(struct virtio_pci_cap, length), sizeof(*length));
	return cap[offsetof(struct virtio_pci_cap, bar)] == 0 &&
	       (*length == 1 || *length == 2 || *length == 4) && !(*offset % *length) &&
	       *offset < VIRTIO_BAR_SIZE;
}

static bool is_window_data(const struct virtio_device *v, unsigned int at)
{
	return (at & ~3u) == v->cap_window + CAP_DATA;
}

static void window_read(struct pci_device *d, unsigned int at)
{
	struct virtio_device *v = (struct virtio_device *)d;
	u32 offset, length, value;

	if (!is_window_data(v, at) || !window(v, &offset, &length))
		return;
	value = (u32)bar_read(v, offset, length);
	memcpy(d->config + v->cap_window + CAP_DATA, &value, sizeof(value));
}

static void window_written(struct pci_device *d, unsigned int at)
{
	struct virtio_device *v = (struct virtio_device *)d;
	u32 offset, length, value;

	if (!is_window_data(v, at) || !window(v, &offset, &length))
		return;
	memcpy(&value, d->config + v->cap_window + CAP_DATA, sizeof(value));
	bar_write(v, offset, length == 4 ? value : value & (BIT(length * 8) - 1), length);
}

/* ---- capabilities ------------------------------------------------------------------------------
 */

/* Append a capability that says where in BAR 0 a structure is; EXTRA bytes follow it. */
static unsigned int add_cap(struct virtio_device *v, u8 type, u32 offset, u32 length,
			    const u32 *extra)
{
	struct {
		struct virtio_pci_cap cap;
		u32 extra;
	} c = {
		.cap = { .cap_len = sizeof(c.cap) + (extra ? 4 : 0),
			 .cfg_type = type,
			 .offset = offset,
			 .length = length },
		.extra = extra ? *extra : 0,
	};

	return pci_add_capability(&v->pci, PCI_CAP_ID_VNDR, (u8 *)&c + 2, c.cap.cap_len - 2u);
}

void virtio_pci_init(struct virtio_device *v, const struct virtio_type *type, const char *name)
{
	const struct pci_id id = {
		.vendor = VENDOR,
		.device = (u16)(DEVICE_MODERN + type->id),
		.subsystem_vendor = VENDOR,
		.subsystem = 0x40,
		.class_code = type->class_code,
		.revision = 1,
	};
	const u32 step = VIRTIO_NOTIFY_STEP, data = 0;
	u8 *writable;

	memset(v, 0, sizeof(*v));
	pci_device_init(&v->pci, name, &id);
	add_cap(v, VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_BAR_COMMON, 56, NULL);
	add_cap(v, VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_BAR_ISR, 1, NULL);
	add_cap(v, VIRTIO_PCI_CAP_DEVICE_CFG, VIRTIO_BAR_DEVICE, VIRTIO_CONFIG_MAX, NULL);
	add_cap(v, VIRTIO_PCI_CAP_NOTIFY_CFG, VIRTIO_BAR_NOTIFY,
		VIRTIO_NOTIFY_STEP * type->nr_queues, &step);
	v->cap_window = add_cap(v, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, &data);
	writable = v->pci.writable + v->cap_window;
	writable[offsetof(struct virtio_pci_cap, bar)] = 0xff;
	memset(writable + offsetof(struct virtio_pci_cap, offset), 0xff, 12);
	v->pci.bar_size = VIRTIO_BAR_SIZE;
	v->pci.bar_ops = &bar_ops;
	v->pci.bar_access = 4;
	v->pci.config_read = window_read;
	v->pci.config_written = window_written;
}
