/* SPDX-License-Identifier: MIT */
/*
 * Devices: memory of the test device from its first byte to beyond its last, registers of both
 * APICs at odd places and sizes, and noise on every port but those that end the machine.
 */
#include "guest.h"

#define DEVICE	    0xff000000ul
#define DEVICE_SIZE 0x10000ul
#define LAPIC	    0xfee00000ul
#define IOAPIC	    0xfec00000ul

static u8 buffer[1024] __attribute__((aligned(64)));

/* Ports that end or reset the machine, make marks, print, or hold timers that the others need. */
static bool is_exit(u32 port)
{
	static const struct {
		u16 first, last;
	} ranges[] = { { 0x60, 0x64 },	 { 0x92, 0x92 },   { 0xe9, 0xe9 },   { 0xf4, 0xf7 },
		       { 0x3f8, 0x3ff }, { 0x514, 0x51b }, { 0x600, 0x63f }, { 0xb00, 0xb3f },
		       { 0xcf8, 0xcff }, { 0xfb0, 0xfb3 } };

	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++)
		if (port + 3 >= ranges[i].first && port <= ranges[i].last)
			return true;
	return false;
}

static void try_accesses(u64 address)
{
	for (unsigned int i = 0; i < nr_accesses; i++) {
		if (!access_possible(&accesses[i], true))
			continue;
		accesses[i].run(address);
		expect_at(&accesses[i], address, "exception", caught.vector, NO_FAULT);
		events = events + 1;
	}
}

/* What was not stored cannot be loaded: no byte of anything else shows up in the device. */
static void check_device(void)
{
	for (u64 at = 0; at < DEVICE_SIZE; at += 4)
		mmio_write(DEVICE + at, 0x21212121);
	for (u64 at = DEVICE_SIZE - 128; at < DEVICE_SIZE + 128; at++)
		try_accesses(DEVICE + at);
	for (unsigned int i = 0; i < 64; i++)
		try_accesses(DEVICE + noise() % (2 * DEVICE_SIZE));
	ATTEMPT("movb $0x42, %%al; rep stosb", DEVICE + DEVICE_SIZE - 512, 0, 1024);
	expect("STOS over the device's end", caught.vector, NO_FAULT);
	ATTEMPT("rep movsb", buffer, DEVICE + DEVICE_SIZE - 512, 1024);
	expect("MOVS over the device's end", caught.vector, NO_FAULT);
	for (unsigned int i = 0; i < sizeof(buffer); i++)
		expect("byte around the device's end", buffer[i], i < 512 ? 0x42 : 0xff);
}

static void check_apics(void)
{
	for (u64 at = 0; at < 0x1000; at += 13)
		for (unsigned int i = 0; i < nr_accesses; i++)
			if (access_possible(&accesses[i], true) && !accesses[i].write) {
				accesses[i].run(LAPIC + at);
				accesses[i].run(IOAPIC + at);
			}
	/* The I/O APIC's register numbers go to 255, its registers do not. */
	for (u32 i = 0; i < 256; i++) {
		mmio_write(IOAPIC, i);
		mmio_read(IOAPIC + 0x10);
		mmio_write(IOAPIC + 0x10, 0x10000 | (u32)noise());
	}
}

static void check_ports(void)
{
	for (u32 port = 0; port < 0x10000; port += wide ? 1 : 11) {
		u32 v = (u32)noise();

		ATTEMPT("movl %%edi, %%edx; inb %%dx, %%al; inw %%dx, %%ax; inl %%dx, %%eax", port,
			0, 0);
		expect("reading a port", caught.vector, NO_FAULT);
		events = events + 1;
		if (is_exit(port))
			continue;
		ATTEMPT("movl %%edi, %%edx; movl %%esi, %%eax; outb %%al, %%dx; outw %%ax, %%dx; "
			"outl %%eax, %%dx",
			port, v, 0);
		expect("writing a port", caught.vector, NO_FAULT);
	}
}

static void run(uword n __attribute__((unused)))
{
	check_device();
	check_apics();
	check_ports();
	/* Whatever mode that left them in. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	console_init();
}

static void check(uword n)
{
	(void)n;
	metric("accesses", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
