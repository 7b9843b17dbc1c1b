/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a driver of a virtio device: its rings, and what it does to the device's registers.
 * The device must keep to RAM and its queues, and come back from a reset.
 *
 *   byte 0    bits 0-1: disk, read-only disk, console, entropy; bit 2: skip the start that a good
 *             driver makes
 *   MEMORY    bytes that RAM has from RINGS on: descriptors, rings, indirect tables, headers
 *   the rest  operations of eight bytes: code, size, place (2), value (4)
 */
#include "common/dev/virtio_blk.h"
#include "common/dev/virtio_console.h"
#include "common/dev/virtio_rng.h"
#include "tests/fuzz/fuzz.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_SIZE  RAM_MIN
#define RINGS	  0x1000u
#define MEMORY	  0x400u /* at most: descriptors, available rings, headers, tables */
#define AVAIL	  (RINGS + 0x200)
#define USED	  0x3000u
#define QUEUE	  16u
#define DISK_SIZE (1 * MiB)
#define OPS_MAX	  512

enum { DISK, DISK_RO, CONSOLE, RNG, DEVICES };

struct op {
	u8 code, size;
	u16 at;
	u32 value;
};

static struct {
	struct ram ram;
	struct bus pio, mmio;
	struct pci_host host;
	struct virtio_device *device[DEVICES], rng;
	struct disk *disk[2];
	unsigned int complaints;
} m;

static void broken(const char *what)
{
	fprintf(stderr, "fuzz_virtio: %s\n", what);
	abort();
}

static void no_call(void *arg)
{
	(void)arg;
}

static void on_complaint(void *arg, const char *device, const char *what, const char *why)
{
	(void)arg, (void)device, (void)what;
	if (!why || !*why || strchr(why, '\n'))
		broken("a complaint is not one line");
	m.complaints++;
}

static size_t read_input(void *arg, u8 *buf, size_t max)
{
	(void)arg;
	memset(buf, 'x', max);
	return max / 2;
}

static void write_output(void *arg, const u8 *data, size_t len)
{
	static u8 seen[65536];

	(void)arg;
	if (len > sizeof(seen))
		broken("more output than there is room for");
	memcpy(seen, data, len);
}

static void make_disks(const struct virtio_host *host)
{
	static const char *const modes[] = { ",snapshot", ",ro" };
	int fd = memfd_create("disk", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, DISK_SIZE))
		broken("cannot make a disk");
	for (unsigned int i = 0; i < 2; i++) {
		struct virtio_blk *blk = NULL;
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d%s", fd, modes[i]);
		if (disk_open(&m.disk[i], path, NULL) ||
		    virtio_blk_new(&blk, m.disk[i], i, &m.ram, host, no_call, NULL, NULL))
			broken("cannot make a disk");
		m.device[i] = virtio_blk_device(blk);
	}
}

static void setup(void)
{
	static const struct irq_line lines[PCI_WIRES];
	const struct virtio_host host = { no_call, on_complaint, NULL };
	const struct virtio_console_io io = { read_input, write_output, NULL };
	struct virtio_console *console;

	if (ram_init(&m.ram, RAM_SIZE, NULL) || bus_init_pio(&m.pio) || bus_init_mmio(&m.mmio))
		broken("cannot set up");
	pci_host_init(&m.host, &m.mmio, lines, NULL, NULL);
	pci_host_attach(&m.host, &m.pio);
	make_disks(&host);
	if (virtio_console_new(&console, &io, &m.ram, &host, no_call, NULL, NULL))
		broken("cannot make a console");
	m.device[CONSOLE] = virtio_console_device(console);
	virtio_rng_init(&m.rng, &m.ram, &host);
	m.device[RNG] = &m.rng;
	for (unsigned int i = 0; i < DEVICES; i++)
		pci_add(&m.host, &m.device[i]->pci);
}

static void bar_write(u64 bar, unsigned int at, u32 value, unsigned int size)
{
	bus_write(&m.mmio, bar + at, value, size);
}

/* Whatever happened before: where the BAR was, and a device as new. */
static u64 reset(struct virtio_device *v)
{
	const u64 bar = 0xe8000000;

	pci_config_write(&v->pci, 0x04, 0, 2);
	pci_config_write(&v->pci, 0x10, (u32)bar, 4);
	pci_config_write(&v->pci, 0x04, 2, 2);
	bar_write(bar, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	for (int i = 0; bus_read(&m.mmio, bar + VIRTIO_PCI_COMMON_STATUS, 1); i++) {
		if (i == 50000)
			broken("no end of a reset");
		usleep(100);
		virtio_poll(v);
	}
	return bar;
}

/* What a good driver does, but for its rings' contents. */
static void start(struct virtio_device *v, u64 bar)
{
	u8 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	bar_write(bar, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	bar_write(bar, VIRTIO_PCI_COMMON_GF, (u32)v->features, 4);
	bar_write(bar, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	bar_write(bar, VIRTIO_PCI_COMMON_GF, (u32)(v->features >> 32), 4);
	bar_write(bar, VIRTIO_PCI_COMMON_STATUS, status |= VIRTIO_CONFIG_S_FEATURES_OK, 1);
	for (u16 q = 0; q < v->type->nr_queues; q++) {
		bar_write(bar, VIRTIO_PCI_COMMON_Q_SELECT, q, 2);
		bar_write(bar, VIRTIO_PCI_COMMON_Q_SIZE, QUEUE, 2);
		bar_write(bar, VIRTIO_PCI_COMMON_Q_DESCLO, RINGS, 4);
		bar_write(bar, VIRTIO_PCI_COMMON_Q_AVAILLO, AVAIL, 4);
		bar_write(bar, VIRTIO_PCI_COMMON_Q_USEDLO, USED + q * 0x1000u, 4);
		bar_write(bar, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	}
	bar_write(bar, VIRTIO_PCI_COMMON_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK, 1);
}

static void operate(struct virtio_device *v, u64 bar, const struct op *op)
{
	unsigned int size = 1u << op->size % 3;

	switch (op->code % 8) {
	case 0:
		bar_write(bar, op->at % v->pci.bar_size, op->value, size);
		break;
	case 1:
		bus_read(&m.mmio, bar + op->at % v->pci.bar_size, size);
		break;
	case 2:
	case 3: /* into the rings; the guest runs on the same thread as the device */
		ram_write(&m.ram, RINGS + op->at % MEMORY, &op->value, size);
		break;
	case 4:
		bar_write(bar, 0x3000 + op->at % 3 * 4, op->value, 2);
		virtio_poll(v);
		break;
	case 5:
		usleep(50);
		virtio_poll(v);
		break;
	case 6:
		pci_config_write(&v->pci, op->at % 256 & ~(size - 1), op->value, size);
		break;
	default:
		pci_config_read(&v->pci, op->at % 256 & ~(size - 1), size);
	}
}

static void check(const struct virtio_device *v)
{
	if (v->pci.config[0] != 0xf4 || v->pci.config[1] != 0x1a)
		broken("the guest changed what it cannot");
	for (unsigned int i = 0; i < v->type->nr_queues; i++) {
		const struct virtq *q = &v->queue[i];

		if (q->ready &&
		    (q->size > VIRTQ_SIZE || !ram_at(&m.ram, q->used, 4u + 8u * q->size)))
			broken("an enabled queue is not in RAM");
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct virtio_device *v;
	size_t n;
	u64 bar;

	if (!m.ram.host)
		setup();
	if (size < 2)
		return 0;
	v = m.device[data[0] & 3];
	bar = reset(v);
	memset(m.ram.host, 0, 0x8000);
	n = size - 1 < MEMORY ? size - 1 : MEMORY;
	memcpy(ram_at(&m.ram, RINGS, MEMORY), data + 1, n);
	if (!(data[0] & 4))
		start(v, bar);
	virtio_poll(v);
	data += 1 + n;
	size -= 1 + n;
	for (unsigned int i = 0; i < OPS_MAX && size >= sizeof(struct op); i++) {
		struct op op;

		memcpy(&op, data, sizeof(op));
		operate(v, bar, &op);
		check(v);
		data += sizeof(op);
		size -= sizeof(op);
	}
	v->said = false;
	reset(v);
	return 0;
}
