/* SPDX-License-Identifier: MIT */
#include "common/dev/virtio.h"
#include "common/dev/virtio_pci.h"
#include "common/vectors.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

static void interrupt(struct virtio_device *v, u8 why)
{
	v->isr |= why;
	pci_set_intx(&v->pci, true);
}

void virtio_break(struct virtio_device *v, const char *what)
{
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(v, VIRTIO_ISR_CONFIG);
	if (v->said)
		return;
	v->said = true;
	vectors_take();
	v->host.say(v->host.arg, v->pci.name,
		    "stopped until it is reset, as the guest's driver broke a rule", what);
}

bool virtio_pop(struct virtio_device *v, unsigned int q, struct virtq_chain *c)
{
	int r = virtio_live(v) ? virtq_pop(&v->queue[q], c) : 0;

	if (r < 0)
		virtio_break(v, v->queue[q].broken);
	return r > 0;
}

void virtio_push(struct virtio_device *v, unsigned int q, const struct virtq_chain *c, u32 len)
{
	if (!virtio_live(v))
		return;
	virtq_push(&v->queue[q], c, len);
	if (virtq_wants_interrupt(&v->queue[q]))
		interrupt(v, VIRTIO_ISR_QUEUE);
}

/* The device is as new; the driver reads a status of 0. */
static void reset_done(struct virtio_device *v)
{
	v->resetting = false;
	v->status = v->isr = 0;
	v->driver_features = 0;
	v->feature_select = v->driver_select = v->queue_select = 0;
	v->notified = 0;
	for (unsigned int i = 0; i < VIRTIO_QUEUES; i++)
		virtq_reset(&v->queue[i]);
	pci_set_intx(&v->pci, false);
}

/* Nothing more is taken from the queues; what is at work ends first. */
static void reset(struct virtio_device *v)
{
	for (unsigned int i = 0; i < VIRTIO_QUEUES; i++)
		v->queue[i].ready = false;
	v->resetting = true;
	vectors_take();
	if (v->type->reset(v))
		reset_done(v);
}

/* FEATURES_OK stays only if we can live with what the driver accepted; section 2.2.2. */
static bool features_ok(const struct virtio_device *v)
{
	return !(v->driver_features & ~v->features) && virtio_has(v, VIRTIO_F_VERSION_1);
}

void virtio_set_status(struct virtio_device *v, u8 status)
{
	if (v->resetting)
		return;
	if (!status) {
		reset(v);
		return;
	}
	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) && !features_ok(v))
		status &= (u8)~VIRTIO_CONFIG_S_FEATURES_OK;
	v->status = status | (v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
	/* Buffers may have been offered before the device was told to look. */
	for (unsigned int q = 0; virtio_live(v) && q < v->type->nr_queues; q++)
		virtio_notify(v, q);
}

void virtio_enable_queue(struct virtio_device *v, struct virtq *q)
{
	if (!q->ready && virtq_enable(q))
		virtio_break(v, q->broken);
}

void virtio_notify(struct virtio_device *v, unsigned int q)
{
	if (q >= v->type->nr_queues)
		return;
	v->notified |= BIT(q);
	v->host.attention(v->host.arg);
}

u8 virtio_take_isr(struct virtio_device *v)
{
	u8 isr = v->isr;

	v->isr = 0;
	pci_set_intx(&v->pci, false);
	return isr;
}

void virtio_poll(struct virtio_device *v)
{
	if (v->resetting && v->type->reset(v))
		reset_done(v);
	v->type->poll(v);
	v->notified = 0;
}

void virtio_init(struct virtio_device *v, const struct virtio_type *type, const char *name,
		 u64 features, struct ram *ram, const struct virtio_host *host)
{
	virtio_pci_init(v, type, name);
	v->type = type;
	v->host = *host;
	v->features = features | BIT64(VIRTIO_F_VERSION_1) | BIT64(VIRTIO_RING_F_INDIRECT_DESC);
	for (unsigned int i = 0; i < VIRTIO_QUEUES; i++)
		v->queue[i].ram = ram;
	reset_done(v);
}
