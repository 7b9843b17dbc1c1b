/* SPDX-License-Identifier: MIT */
/* A whole machine with PCI devices, around a backend that plays a driver: threads, kicks and
 * interrupts are real. */
#include "common/disk.h"
#include "common/dev/pci.h"
#include "common/dev/resetport.h"
#include "common/pc_pci.h"
#include "tests/unit/fakevm.h"

#include <CUnit/CUnit.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BAR    0xe0000000u /* of the first device */
#define DESC   0x10000u
#define AVAIL  0x11000u
#define USED   0x12000u
#define HEADER 0x13000u
#define STATUS 0x13100u
#define DATA   0x14000u

static struct vm *make(struct disk *disk, bool rng)
{
	static const struct backend *const alike[] = { &fakevm_backend, NULL };
	struct vm_config config = { .backend = &fakevm_backend,
				    .mem_size = 4 * MiB,
				    .alike = alike,
				    .timeout_ns = 20 * NSEC_PER_SEC,
				    .disk = { disk },
				    .nr_disks = disk ? 1 : 0,
				    .rng = rng };
	struct error err = { "" };
	struct vm *vm = NULL;

	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, &err), 0);
	fakevm.steps = 0;
	return vm;
}

static u32 config_word(struct vm *vm, unsigned int slot, unsigned int at)
{
	bus_write(&vm->pc.pio, PCI_ADDRESS, 0x80000000 | slot << 11 | at, 4);
	return (u32)bus_read(&vm->pc.pio, PCI_DATA, 4);
}

static void test_presence(void)
{
	struct vm *vm = make(NULL, false);

	CU_ASSERT(!pc_has_pci(&vm->config));
	CU_ASSERT_EQUAL(config_word(vm, 0, 0), ~0u);
	CU_ASSERT_EQUAL(vm->pc.pic.chip[0].elcr, 0);
	bus_write(&vm->pc.pio, RESET_PORT, 2, 1);
	CU_ASSERT_EQUAL(bus_read(&vm->pc.pio, RESET_PORT, 1), 2);
	vm_destroy(vm);
	vm = make(NULL, true);
	CU_ASSERT(pc_has_pci(&vm->config));
	CU_ASSERT_EQUAL(config_word(vm, 0, 8) >> 16, 0x0600);
	CU_ASSERT_EQUAL(config_word(vm, 1, 0), 0x10441af4);
	CU_ASSERT_EQUAL(config_word(vm, 2, 0), ~0u);
	CU_ASSERT_EQUAL(vm->pc.pic.chip[0].elcr, 0x20);
	CU_ASSERT_EQUAL(vm->pc.pic.chip[1].elcr, 0x0c);
	bus_write(&vm->pc.pio, RESET_PORT, 2, 1);
	CU_ASSERT_EQUAL(bus_read(&vm->pc.pio, RESET_PORT, 1), 2);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_NONE);
	bus_write(&vm->pc.pio, RESET_PORT, 6, 1);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_RESET);
	vm_destroy(vm);
}

static void reg(struct vm *vm, unsigned int at, u32 value, unsigned int size)
{
	bus_write(&vm->pc.mmio, BAR + at, value, size);
}

static void put(struct vm *vm, u64 gpa, u64 value, u64 size)
{
	CU_ASSERT_EQUAL_FATAL(ram_write(&vm->ram, gpa, &value, size), 0);
}

static u64 get(struct vm *vm, u64 gpa, u64 size)
{
	u64 value = 0;

	CU_ASSERT_EQUAL_FATAL(ram_read(&vm->ram, gpa, &value, size), 0);
	return value;
}

static void start_driver(struct vm *vm)
{
	config_word(vm, 1, 4);
	bus_write(&vm->pc.pio, PCI_DATA, 2, 2);
	reg(vm, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	reg(vm, VIRTIO_PCI_COMMON_GF, 1, 4);
	reg(vm, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	reg(vm, VIRTIO_PCI_COMMON_GF, BIT(VIRTIO_BLK_F_FLUSH), 4);
	reg(vm, VIRTIO_PCI_COMMON_STATUS, 0x0b, 1);
	reg(vm, VIRTIO_PCI_COMMON_Q_SIZE, 8, 2);
	reg(vm, VIRTIO_PCI_COMMON_Q_DESCLO, DESC, 4);
	reg(vm, VIRTIO_PCI_COMMON_Q_AVAILLO, AVAIL, 4);
	reg(vm, VIRTIO_PCI_COMMON_Q_USEDLO, USED, 4);
	reg(vm, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	reg(vm, VIRTIO_PCI_COMMON_STATUS, 0x0f, 1);
}

static void desc(struct vm *vm, u16 i, u64 addr, u32 len, u16 flags)
{
	put(vm, DESC + 16u * i, addr, 8);
	put(vm, DESC + 16u * i + 8, len, 4);
	put(vm, DESC + 16u * i + 12, flags | (u64)(i + 1) << 16, 4);
}

static void offer_request(struct vm *vm, u32 type, u64 sector, u16 count)
{
	put(vm, HEADER, type, 8);
	put(vm, HEADER + 8, sector, 8);
	put(vm, STATUS, 0xee, 1);
	desc(vm, 0, HEADER, 16, VRING_DESC_F_NEXT);
	desc(vm, 1, DATA, 512,
	     VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0));
	desc(vm, 2, STATUS, 1, VRING_DESC_F_WRITE);
	put(vm, AVAIL + 2, count, 2);
	reg(vm, 0x3000, 0, 2);
}

/* Reads a sector, sleeps in HLT until the interrupt is there, then writes one and switches off at
 * once, without waiting. */
static int drive(struct vm *vm, unsigned int n)
{
	const u16 line = BIT(pci_slot_gsi(1));

	if (n == 0) {
		start_driver(vm);
		offer_request(vm, VIRTIO_BLK_T_IN, 3, 1);
		CU_ASSERT(atomic_load(&vm->attention));
		return RUN_KICKED;
	}
	if (!get(vm, USED + 2, 2))
		return n < 1000 ? RUN_HALTED : -1;
	CU_ASSERT_EQUAL(get(vm, STATUS, 1), 0);
	CU_ASSERT_EQUAL(get(vm, DATA, 4), 0x33333333);
	/* On both controllers, until the ISR is read. */
	CU_ASSERT(vm->pc.ioapic.line & line);
	CU_ASSERT(vm->pc.pic.chip[1].line & line >> 8);
	CU_ASSERT_EQUAL(bus_read(&vm->pc.mmio, BAR + 0x1000, 1), 1);
	CU_ASSERT(!(vm->pc.ioapic.line & line));
	CU_ASSERT(!(vm->pc.pic.chip[1].line & line >> 8));
	put(vm, DATA, 0x77777777, 4);
	offer_request(vm, VIRTIO_BLK_T_OUT, 5, 2);
	pc_pci_poll(vm);
	vm_stop(vm, STOP_POWEROFF, 0);
	return RUN_STOPPED;
}

static void test_disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	u32 word = 0x33333333;
	struct disk *disk;
	struct vm *vm;
	char path[64];

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 8192), 0);
	CU_ASSERT_EQUAL(pwrite(fd, &word, 4, 3 * 512), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CU_ASSERT_EQUAL_FATAL(disk_open(&disk, path, NULL), 0);
	vm = make(disk, true);
	fakevm.step = drive;
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_POWEROFF);
	/* What was asked for before the end is done when vm_run comes back. */
	CU_ASSERT_EQUAL(pread(fd, &word, 4, 5 * 512), 4);
	CU_ASSERT_EQUAL(word, 0x77777777);
	vm_destroy(vm);
	disk_close(disk);
	close(fd);
}

CU_TestInfo tests_pc_pci[] = {
	{ "a bus if there are devices, the reset port in any case", test_presence },
	{ "a disk: kick, interrupt, end", test_disk },
	CU_TEST_INFO_NULL,
};
