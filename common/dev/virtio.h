/* SPDX-License-Identifier: MIT */
/*
 * What all virtio devices have in common (virtio 1.2, section 2), and how they sit on PCI: four
 * structures in BAR 0, found through vendor capabilities (section 4.1.4). Modern devices only, one
 * INTx interrupt.
 *
 * A notification only leaves a mark: the queue is looked at by virtio_poll, between two stretches
 * of guest code. Guest memory is written nowhere else, so no instruction of the guest, and nothing
 * that decodes one, ever sees it change in the middle.
 *
 * A driver that breaks a rule gets DEVICE_NEEDS_RESET and a device that does nothing until it is
 * reset.
 */
#ifndef FVB_VIRTIO_H
#define FVB_VIRTIO_H

#include "common/dev/pci.h"
#include "common/dev/virtq.h"

#define VIRTIO_QUEUES	  2  /* most that a device has */
#define VIRTIO_CONFIG_MAX 64 /* largest device-specific configuration, bytes */

struct virtio_device;

/* What the machine does for a device. */
struct virtio_host {
	/* The vCPU thread is to come through virtio_poll soon. On that thread; quiet. */
	void (*attention)(void *arg);
	/* One line for the user: what has happened, and why. */
	void (*say)(void *arg, const char *device, const char *what, const char *why);
	void *arg;
};

/* A kind of device. All functions run on the vCPU thread, between two stretches of guest code, and
 * may use vector registers. */
struct virtio_type {
	u16 id;		/* virtio device ID */
	u32 class_code; /* PCI base class, subclass, interface */
	unsigned int nr_queues;
	/* The driver has notified queue Q, or other events wait. */
	void (*poll)(struct virtio_device *v);
	/* Forget all requests. False: some are still at work; virtio_reset_done comes later. Called
	 * again while it says false. */
	bool (*reset)(struct virtio_device *v);
};

struct virtio_device {
	struct pci_device pci; /* first: what the bus hands back */
	const struct virtio_type *type;
	struct virtio_host host;
	u64 features;		      /* offered */
	u8 config[VIRTIO_CONFIG_MAX]; /* device-specific, read-only */
	unsigned int config_len;
	unsigned int cap_window; /* place of the capability that is a window to the BAR */

	u64 driver_features; /* accepted */
	u32 feature_select, driver_select;
	u16 queue_select;
	u8 status, isr;
	bool resetting; /* the driver waits for the status to become 0 */
	bool said;	/* one complaint is enough */
	u32 notified;	/* by queue, since the last poll */
	struct virtq queue[VIRTIO_QUEUES];
};

/* V as a device of TYPE with FEATURES (beyond those of every device) and no configuration; fill
 * v->config and v->config_len. NAME: for traces and messages. Not on a bus yet: pci_add(&v->pci).
 */
void virtio_init(struct virtio_device *v, const struct virtio_type *type, const char *name,
		 u64 features, struct ram *ram, const struct virtio_host *host);

/* Do what waits to be done. On the vCPU thread, between two stretches of guest code. */
void virtio_poll(struct virtio_device *v);

/* Is the driver at work, and has it kept the rules? */
static inline bool virtio_live(const struct virtio_device *v)
{
	return (v->status & 0x44) == 0x04; /* DRIVER_OK without DEVICE_NEEDS_RESET */
}
static inline bool virtio_has(const struct virtio_device *v, unsigned int feature)
{
	return v->driver_features >> feature & 1;
}

/* The next chain of queue Q: true with C filled. A broken queue breaks the device. */
bool virtio_pop(struct virtio_device *v, unsigned int q, struct virtq_chain *c);
/* Give C back with LEN bytes written, and interrupt if the driver wants that. */
void virtio_push(struct virtio_device *v, unsigned int q, const struct virtq_chain *c, u32 len);
/* The driver broke rule WHAT. */
void virtio_break(struct virtio_device *v, const char *what);

#endif
