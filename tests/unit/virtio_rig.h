/* SPDX-License-Identifier: MIT */
/*
 * A driver for tests of virtio devices: a PCI bus, RAM with queue rings, and what a driver does to
 * them, through configuration ports and BAR 0 only.
 */
#ifndef FVB_VIRTIO_RIG_H
#define FVB_VIRTIO_RIG_H

#include "common/dev/virtio.h"
#include "common/ram.h"
#include "tests/unit/devtest.h"

#include <linux/virtio_ring.h>

#define RIG_RAM	  (16 * MiB)
#define RIG_QUEUE 16u /* entries */
/* Where queue Q has its rings, and where buffers may go. */
#define RIG_DESC(q)  (0x10000u + (q)*0x4000u)
#define RIG_AVAIL(q) (RIG_DESC(q) + 0x1000u)
#define RIG_USED(q)  (RIG_DESC(q) + 0x2000u)
#define RIG_BUFFERS  0x100000u

struct virtio_rig {
	struct bench b;
	struct ram ram;
	struct pci_host host;
	struct virtio_device *v;
	struct virtio_host services;
	u64 bar;
	unsigned int attention, complaints;
	char said[160]; /* the last complaint */
	u16 offered[VIRTIO_QUEUES];
};

/* RAM and an empty bus; then make the device with r->services and give it to rig_plug. */
void rig_init(struct virtio_rig *r);
void rig_plug(struct virtio_rig *r, struct virtio_device *v);
void rig_fini(struct virtio_rig *r);

/* A register of BAR 0. */
u32 rig_read(struct virtio_rig *r, u64 offset, unsigned int size);
void rig_write(struct virtio_rig *r, u64 offset, u32 value, unsigned int size);

/* Reset, negotiate FEATURES and those of every modern driver, set up all queues, DRIVER_OK; the
 * status that the device then has. */
u8 rig_start(struct virtio_rig *r, u64 features);
u8 rig_status(struct virtio_rig *r);

/* Write descriptor I of queue Q. */
void rig_desc(struct virtio_rig *r, unsigned int q, u16 i, u64 addr, u32 len, u16 flags, u16 next);
/* Offer the chain that starts at HEAD. */
void rig_offer(struct virtio_rig *r, unsigned int q, u16 head);
/* Notify queue Q and let the device look. */
void rig_notify(struct virtio_rig *r, unsigned int q);
/* Wait until the device has used COUNT chains of queue Q in all; false after ten seconds. */
bool rig_wait(struct virtio_rig *r, unsigned int q, u16 count);
/* Bytes that the device says it wrote to the COUNTth chain (from 0) of queue Q. */
u32 rig_used_len(struct virtio_rig *r, unsigned int q, u16 count);

u8 *rig_at(struct virtio_rig *r, u64 gpa);

#endif
