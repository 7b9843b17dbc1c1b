/* SPDX-License-Identifier: MIT */
/* Between virtio.c, a device's state, and virtio_pci.c, the registers that show it; for those two.
 */
#ifndef FVB_VIRTIO_PCI_H
#define FVB_VIRTIO_PCI_H

#include "common/dev/virtio.h"

#define VIRTIO_ISR_QUEUE  BIT(0)
#define VIRTIO_ISR_CONFIG BIT(1)

/* The structures in BAR 0, one to a page, so that a machine could map them apart. */
#define VIRTIO_BAR_SIZE	   0x4000u
#define VIRTIO_BAR_COMMON  0x0000u
#define VIRTIO_BAR_ISR	   0x1000u
#define VIRTIO_BAR_DEVICE  0x2000u
#define VIRTIO_BAR_NOTIFY  0x3000u
#define VIRTIO_NOTIFY_STEP 4u /* from one queue's register to the next one's */

/* V from scratch, with the PCI header and capabilities of a device of TYPE. */
void virtio_pci_init(struct virtio_device *v, const struct virtio_type *type, const char *name);

/* The driver writes the status, enables a queue, notifies one, reads and clears the ISR. */
void virtio_set_status(struct virtio_device *v, u8 status);
void virtio_enable_queue(struct virtio_device *v, struct virtq *q);
void virtio_notify(struct virtio_device *v, unsigned int q);
u8 virtio_take_isr(struct virtio_device *v);

#endif
