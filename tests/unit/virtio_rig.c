/* SPDX-License-Identifier: MIT */
#include "tests/unit/virtio_rig.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <unistd.h>

static void on_attention(void *arg)
{
	((struct virtio_rig *)arg)->attention++;
}

static void on_complaint(void *arg, const char *device, const char *what, const char *why)
{
	struct virtio_rig *r = arg;

	(void)device;
	r->complaints++;
	snprintf(r->said, sizeof(r->said), "%s: %s", what, why);
}

void rig_init(struct virtio_rig *r)
{
	struct irq_line line[PCI_WIRES];

	memset(r, 0, sizeof(*r));
	bench_init(&r->b);
	CU_ASSERT_EQUAL_FATAL(ram_init(&r->ram, RIG_RAM, NULL), 0);
	for (int i = 0; i < PCI_WIRES; i++)
		line[i] = wire_line(&r->b, i);
	pci_host_init(&r->host, &r->b.mmio, line, NULL, NULL);
	CU_ASSERT_EQUAL_FATAL(pci_host_attach(&r->host, &r->b.pio), 0);
	r->services = (struct virtio_host){ on_attention, on_complaint, r };
}

void rig_plug(struct virtio_rig *r, struct virtio_device *v)
{
	r->v = v;
	CU_ASSERT_EQUAL_FATAL(pci_add(&r->host, &v->pci), 0);
	out32(&r->b, PCI_ADDRESS, 0x80000000 | v->pci.slot << 11 | PCI_COMMAND);
	out16(&r->b, PCI_DATA, PCI_COMMAND_MEMORY);
	r->bar = v->pci.bar_at;
	CU_ASSERT_FATAL(r->bar != 0);
}

void rig_fini(struct virtio_rig *r)
{
	ram_fini(&r->ram);
	bench_fini(&r->b);
}

u32 rig_read(struct virtio_rig *r, u64 offset, unsigned int size)
{
	return (u32)bus_read(&r->b.mmio, r->bar + offset, size);
}

void rig_write(struct virtio_rig *r, u64 offset, u32 value, unsigned int size)
{
	bus_write(&r->b.mmio, r->bar + offset, value, size);
}

static void set_status(struct virtio_rig *r, u8 status)
{
	rig_write(r, VIRTIO_PCI_COMMON_STATUS, status, 1);
}

u8 rig_status(struct virtio_rig *r)
{
	return (u8)rig_read(r, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void accept(struct virtio_rig *r, u64 features)
{
	for (u32 i = 0; i < 2; i++) {
		rig_write(r, VIRTIO_PCI_COMMON_GFSELECT, i, 4);
		rig_write(r, VIRTIO_PCI_COMMON_GF, (u32)(features >> i * 32), 4);
	}
}

static void set_up_queue(struct virtio_rig *r, u16 q)
{
	r->offered[q] = 0;
	memset(rig_at(r, RIG_DESC(q)), 0, 0x3000);
	rig_write(r, VIRTIO_PCI_COMMON_Q_SELECT, q, 2);
	rig_write(r, VIRTIO_PCI_COMMON_Q_SIZE, RIG_QUEUE, 2);
	rig_write(r, VIRTIO_PCI_COMMON_Q_DESCLO, RIG_DESC(q), 4);
	rig_write(r, VIRTIO_PCI_COMMON_Q_AVAILLO, RIG_AVAIL(q), 4);
	rig_write(r, VIRTIO_PCI_COMMON_Q_USEDLO, RIG_USED(q), 4);
	rig_write(r, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

u8 rig_start(struct virtio_rig *r, u64 features)
{
	u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	u16 nr = (u16)rig_read(r, VIRTIO_PCI_COMMON_NUMQ, 2);

	set_status(r, 0);
	for (int i = 0; i < 10000 && rig_status(r); i++) {
		usleep(1000);
		virtio_poll(r->v);
	}
	set_status(r, status);
	accept(r, features | BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_RING_F_INDIRECT_DESC));
	set_status(r, status |= VIRTIO_CONFIG_S_FEATURES_OK);
	for (u16 q = 0; q < nr; q++)
		set_up_queue(r, q);
	set_status(r, status | VIRTIO_CONFIG_S_DRIVER_OK);
	return rig_status(r);
}

void rig_desc(struct virtio_rig *r, unsigned int q, u16 i, u64 addr, u32 len, u16 flags, u16 next)
{
	const struct vring_desc d = { addr, len, flags, next };

	memcpy(rig_at(r, RIG_DESC(q) + 16u * i), &d, sizeof(d));
}

void rig_offer(struct virtio_rig *r, unsigned int q, u16 head)
{
	memcpy(rig_at(r, RIG_AVAIL(q) + 4 + 2 * (r->offered[q] % RIG_QUEUE)), &head, 2);
	r->offered[q]++;
	memcpy(rig_at(r, RIG_AVAIL(q) + 2), &r->offered[q], 2);
}

void rig_notify(struct virtio_rig *r, unsigned int q)
{
	rig_write(r, 0x3000 + 4 * q, q, 2);
	virtio_poll(r->v);
}

bool rig_wait(struct virtio_rig *r, unsigned int q, u16 count)
{
	for (int i = 0; i < 100000; i++) {
		u16 used;

		memcpy(&used, rig_at(r, RIG_USED(q) + 2), 2);
		if (used == count)
			return true;
		usleep(100);
		virtio_poll(r->v);
	}
	return false;
}

u32 rig_used_len(struct virtio_rig *r, unsigned int q, u16 count)
{
	u32 len;

	memcpy(&len, rig_at(r, RIG_USED(q) + 4 + 8 * (count % RIG_QUEUE) + 4), 4);
	return len;
}

u8 *rig_at(struct virtio_rig *r, u64 gpa)
{
	return ram_at(&r->ram, gpa, 1);
}
