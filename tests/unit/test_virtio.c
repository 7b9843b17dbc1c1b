/* SPDX-License-Identifier: MIT */
/* What virtio devices have in common, on the simplest one, and that one. */
#include "common/dev/virtio_rng.h"
#include "tests/unit/virtio_rig.h"

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#define FAILED_FEATURES 0x03 /* ACKNOWLEDGE, DRIVER; FEATURES_OK was refused */
#define RUNNING		0x0f

struct fixture {
	struct virtio_rig r;
	struct virtio_device rng;
};

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	rig_init(&f->r);
	virtio_rng_init(&f->rng, &f->r.ram, &f->r.services);
	rig_plug(&f->r, &f->rng);
}

static u8 config8(struct fixture *f, unsigned int at)
{
	return (u8)pci_config_read(&f->rng.pci, at, 1);
}

static u32 config32(struct fixture *f, unsigned int at)
{
	return pci_config_read(&f->rng.pci, at, 4);
}

/* As a driver finds the structures. */
static void test_capabilities(void)
{
	struct fixture f;
	unsigned int seen = 0, at;

	setup(&f);
	CU_ASSERT_EQUAL(config32(&f, 0), 0x10441af4);
	CU_ASSERT(config8(&f, PCI_STATUS) & PCI_STATUS_CAP_LIST);
	at = config8(&f, PCI_CAPABILITY_LIST);
	for (int i = 0; at && i < 10; i++, at = config8(&f, at + 1)) {
		u8 type = config8(&f, at + 3);

		CU_ASSERT_EQUAL(config8(&f, at), PCI_CAP_ID_VNDR);
		CU_ASSERT(at >= 0x40 && at + config8(&f, at + 2) <= 256 && at % 4 == 0);
		CU_ASSERT(config32(&f, at + 8) + config32(&f, at + 12) <= f.rng.pci.bar_size);
		CU_ASSERT_EQUAL(config8(&f, at + 2),
				type == VIRTIO_PCI_CAP_NOTIFY_CFG || type == VIRTIO_PCI_CAP_PCI_CFG
					? 20
					: 16);
		seen |= BIT(type);
	}
	CU_ASSERT_EQUAL(seen, 0x3e);
	rig_fini(&f.r);
}

static void test_negotiation(void)
{
	struct fixture f;

	setup(&f);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_DF, 4), BIT(28));
	rig_write(&f.r, VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_DF, 4), 1);
	rig_write(&f.r, VIRTIO_PCI_COMMON_DFSELECT, 2, 4);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_DF, 4), 0);
	/* What was not offered, or an old driver. */
	CU_ASSERT_EQUAL(rig_start(&f.r, BIT64(5)) & VIRTIO_CONFIG_S_FEATURES_OK, 0);
	rig_write(&f.r, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	rig_write(&f.r, VIRTIO_PCI_COMMON_STATUS, FAILED_FEATURES | VIRTIO_CONFIG_S_FEATURES_OK, 1);
	CU_ASSERT_EQUAL(rig_status(&f.r), FAILED_FEATURES);
	CU_ASSERT_EQUAL(rig_start(&f.r, 0), RUNNING);
	/* Once enabled, a queue keeps its rings. */
	rig_write(&f.r, VIRTIO_PCI_COMMON_Q_DESCLO, 0x777000, 4);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_Q_DESCLO, 4), RIG_DESC(0));
	rig_write(&f.r, VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	rig_write(&f.r, VIRTIO_PCI_COMMON_Q_SELECT, 0, 2);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_Q_SIZE, 2), RIG_QUEUE);
	rig_write(&f.r, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_Q_SIZE, 2), VIRTQ_SIZE);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	rig_fini(&f.r);
}

static void test_random_bytes(void)
{
	struct fixture f;
	u32 sum = 0, len;

	setup(&f);
	CU_ASSERT_EQUAL(rig_start(&f.r, 0), RUNNING);
	rig_desc(&f.r, 0, 0, RIG_BUFFERS, 64, VRING_DESC_F_WRITE, 0);
	rig_offer(&f.r, 0, 0);
	/* A notification is a mark, and a request for attention; the queue is looked at later. */
	rig_write(&f.r, 0x3000, 0, 2);
	CU_ASSERT(f.r.attention > 0);
	CU_ASSERT(!f.r.b.wire.level);
	virtio_poll(&f.rng);
	CU_ASSERT(rig_wait(&f.r, 0, 1));
	len = rig_used_len(&f.r, 0, 0);
	CU_ASSERT(len > 0 && len <= 64);
	for (u32 i = 0; i < len; i++)
		sum += *rig_at(&f.r, RIG_BUFFERS + i);
	CU_ASSERT(sum > 0);
	CU_ASSERT_EQUAL(*rig_at(&f.r, RIG_BUFFERS + 64), 0);
	CU_ASSERT(f.r.b.wire.level);
	CU_ASSERT_EQUAL(rig_read(&f.r, 0x1000, 1), 1);
	CU_ASSERT(!f.r.b.wire.level);
	rig_fini(&f.r);
}

/* A driver that breaks a rule loses its device, hears of it, and can have it back. */
static void test_needs_reset(void)
{
	struct fixture f;

	setup(&f);
	rig_start(&f.r, 0);
	rig_desc(&f.r, 0, 0, RIG_RAM, 64, VRING_DESC_F_WRITE, 0);
	rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	CU_ASSERT_EQUAL(rig_status(&f.r), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	CU_ASSERT(f.r.b.wire.level);
	CU_ASSERT_EQUAL(rig_read(&f.r, 0x1000, 1), 2);
	CU_ASSERT_EQUAL(f.r.complaints, 1);
	/* It does not get out of that by writing the status. */
	rig_write(&f.r, VIRTIO_PCI_COMMON_STATUS, RUNNING, 1);
	rig_desc(&f.r, 0, 0, RIG_BUFFERS, 64, VRING_DESC_F_WRITE, 0);
	rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	CU_ASSERT_EQUAL(rig_status(&f.r), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	CU_ASSERT_EQUAL(*rig_at(&f.r, RIG_USED(0) + 2), 0);
	CU_ASSERT_EQUAL(rig_start(&f.r, 0), RUNNING);
	rig_offer(&f.r, 0, 0);
	rig_notify(&f.r, 0);
	CU_ASSERT(rig_wait(&f.r, 0, 1));
	CU_ASSERT_EQUAL(f.r.complaints, 1);
	/* Rings that are nowhere. */
	rig_write(&f.r, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	rig_write(&f.r, VIRTIO_PCI_COMMON_Q_DESCHI, 0x1000, 4);
	rig_write(&f.r, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	CU_ASSERT_EQUAL(rig_status(&f.r), VIRTIO_CONFIG_S_NEEDS_RESET);
	CU_ASSERT_EQUAL(rig_read(&f.r, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	rig_fini(&f.r);
}

static void set_window(struct fixture *f, u32 offset, u32 length)
{
	unsigned int cap = f->rng.cap_window;

	pci_config_write(&f->rng.pci, cap + 4, 0, 1);
	pci_config_write(&f->rng.pci, cap + 8, offset, 4);
	pci_config_write(&f->rng.pci, cap + 12, length, 4);
}

/* BAR 0 through configuration space. */
static void test_window(void)
{
	struct fixture f;
	unsigned int data;

	setup(&f);
	data = f.rng.cap_window + 16;
	set_window(&f, VIRTIO_PCI_COMMON_STATUS, 1);
	pci_config_write(&f.rng.pci, data, 0x03, 1);
	CU_ASSERT_EQUAL(rig_status(&f.r), 0x03);
	CU_ASSERT_EQUAL(pci_config_read(&f.rng.pci, data, 1), 0x03);
	set_window(&f, VIRTIO_PCI_COMMON_NUMQ, 2);
	CU_ASSERT_EQUAL(pci_config_read(&f.rng.pci, data, 4), 1);
	/* Not aligned, too wide, beyond the BAR, another BAR: nothing happens. */
	set_window(&f, VIRTIO_PCI_COMMON_STATUS + 1, 2);
	pci_config_write(&f.rng.pci, data, 0, 4);
	set_window(&f, VIRTIO_PCI_COMMON_STATUS, 8);
	pci_config_write(&f.rng.pci, data, 0, 4);
	set_window(&f, 0xfffffffc, 4);
	pci_config_write(&f.rng.pci, data, 0, 4);
	set_window(&f, VIRTIO_PCI_COMMON_STATUS, 1);
	pci_config_write(&f.rng.pci, f.rng.cap_window + 4, 4, 1);
	pci_config_write(&f.rng.pci, data, 0, 4);
	CU_ASSERT_EQUAL(rig_status(&f.r), 0x03);
	rig_fini(&f.r);
}

CU_TestInfo tests_virtio[] = {
	{ "capabilities", test_capabilities },
	{ "negotiation, queues", test_negotiation },
	{ "entropy; notification, interrupt, ISR", test_random_bytes },
	{ "a broken device and its reset", test_needs_reset },
	{ "the window in configuration space", test_window },
	CU_TEST_INFO_NULL,
};
