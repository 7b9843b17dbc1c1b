/* SPDX-License-Identifier: MIT */
#include "common/pc.h"
#include "common/pc_pci.h"
#include "common/vectors.h"
#include "common/vm.h"

#include <string.h>

/* A line without an end (a prompt, an echo) waits this long. */
#define SAY_NS 4000000

/* The CPU's INTR pin: the local APIC's own interrupts, or the 8259 pair's where it lets them by. */
static void update_intr(struct pc *pc)
{
	pc->intr = lapic_pending(&pc->lapic) ||
		   (pic_pending(&pc->pic) && lapic_accepts_extint(&pc->lapic));
}

static void on_pic(void *opaque, int pin, int level)
{
	struct vm *vm = opaque;

	(void)pin;
	lapic_lint(&vm->pc.lapic, 0, level);
	update_intr(&vm->pc);
}

static void on_lapic_update(void *opaque)
{
	struct vm *vm = opaque;

	update_intr(&vm->pc);
}

static void on_lapic_nmi(void *opaque)
{
	struct vm *vm = opaque;

	vm->nmi = true;
}

static void on_lapic_eoi(void *opaque, u8 vector)
{
	struct vm *vm = opaque;

	ioapic_eoi(&vm->pc.ioapic, vector);
}

static void on_reset(void *opaque)
{
	vectors_take();
	vm_stop(opaque, STOP_RESET, 0);
}

static u64 on_guest_tsc(void *opaque)
{
	struct vm *vm = opaque;

	return vm->backend->guest_tsc(vm);
}

static void on_ioapic(void *opaque, u32 dest, bool logical, unsigned int mode, u8 vector,
		      bool level)
{
	struct vm *vm = opaque;

	if (lapic_match(&vm->pc.lapic, dest, logical))
		lapic_deliver(&vm->pc.lapic, vector, mode, level);
}

int pc_intr_ack(struct vm *vm)
{
	struct pc *pc = &vm->pc;
	int vector = lapic_ack(&pc->lapic);

	if (vector < 0 && pic_pending(&pc->pic) && lapic_accepts_extint(&pc->lapic))
		vector = pic_ack(&pc->pic);
	update_intr(pc);
	return vector;
}

/* Drive global system interrupt GSI (0-23; ISA IRQ 0 is GSI 0 and reaches I/O APIC pin 2). */
static void pc_irq(struct vm *vm, unsigned int gsi, int level)
{
	struct pc *pc = &vm->pc;

	if (vm->config.irqchip == IRQCHIP_KERNEL) {
		vectors_take();
		vm->backend->irq_line(vm, gsi, level);
		return;
	}
	/* ISA IRQ 0 is wired to I/O APIC pin 2, where PCs have the cascade's free place. */
	if (gsi < 16)
		pic_set_irq(&pc->pic, gsi, level);
	ioapic_set_irq(&pc->ioapic, gsi == 0 ? 2 : gsi, level);
}

static void on_gsi(void *opaque, int pin, int level)
{
	pc_irq(opaque, (unsigned int)pin, level);
}

static struct irq_line gsi(struct vm *vm, int pin)
{
	return (struct irq_line){ on_gsi, vm, pin };
}

void pc_say(struct vm *vm)
{
	struct pc *pc = &vm->pc;
	unsigned int nr = pc->nr_said;

	pc->nr_said = 0;
	timer_set(&vm->clock, &pc->say, CLOCK_NEVER);
	if (!nr || !vm->config.console)
		return;
	vectors_take();
	vm->config.console(vm->config.console_arg, pc->said, nr);
}

static void on_say(void *opaque)
{
	pc_say(opaque);
}

/* To hand on one byte takes longer than to print it. */
static void console_byte(void *arg, u8 byte)
{
	struct vm *vm = arg;
	struct pc *pc = &vm->pc;

	pc->said[pc->nr_said++] = byte;
	if (byte == '\n' || pc->nr_said == PC_SAID)
		pc_say(vm);
	else if (pc->nr_said == 1)
		timer_set(&vm->clock, &pc->say, clock_now(&vm->clock) + SAY_NS);
}

/* The guest has read from COM1 or the keyboard: there may be room for more input. */
static void on_rx_ready(void *arg)
{
	struct vm *vm = arg;

	vectors_take();
	if (vm->on_kick)
		vm->on_kick(vm->on_kick_arg);
}

static void on_poweroff(void *opaque)
{
	vectors_take();
	vm_stop(opaque, STOP_POWEROFF, 0);
}

static void on_exit_port(void *opaque, int status)
{
	vectors_take();
	vm_stop(opaque, STOP_EXIT_PORT, status);
}

static void on_mark(void *opaque, unsigned int i)
{
	vectors_take();
	vm_mark(opaque, i);
}

/* The controllers that exist twice: in the host kernel's irqchip, or here. */
static int init_irqchip(struct vm *vm)
{
	const struct cpuid_leaf *sizes = cpuid_find(&vm->cpuid, 0x80000008, 0);
	struct pc *pc = &vm->pc;
	int r;

	pc->lapic_host = (struct lapic_host){
		.guest_tsc = on_guest_tsc,
		.nmi = on_lapic_nmi,
		.eoi = on_lapic_eoi,
		.update = on_lapic_update,
		.init = on_reset,
		.opaque = vm,
	};
	lapic_init(&pc->lapic, 0, &vm->clock, &pc->lapic_host);
	pc->lapic.phys_bits = sizes->eax & 0xff;
	ioapic_init(&pc->ioapic, on_ioapic, vm);
	pic_init(&pc->pic, (struct irq_line){ on_pic, vm, 0 });
	pit_init(&pc->pit, &vm->clock, gsi(vm, 0));
	if (vm->config.irqchip == IRQCHIP_KERNEL)
		return 0;
	r = pic_attach(&pc->pic, &pc->pio);
	if (!r)
		r = pit_attach(&pc->pit, &pc->pio);
	if (!r)
		r = lapic_attach(&pc->lapic, &pc->mmio);
	if (!r)
		r = ioapic_attach(&pc->ioapic, &pc->mmio);
	return r;
}

static int init_devices(struct vm *vm)
{
	struct pc *pc = &vm->pc;
	u64 high = vm->ram.size > RAM_HOLE_START ? vm->ram.size - RAM_HOLE_START : 0;
	int r;

	timer_init(&vm->clock, &pc->say, on_say, vm);
	uart_init(&pc->com1, gsi(vm, 4), &vm->clock, console_byte, vm);
	pc->com1.rx_ready = on_rx_ready;
	pc->com1.rx_ready_arg = vm;
	rtc_init(&pc->rtc, &vm->clock, gsi(vm, 8), vm->ram.size - high, high);
	i8042_init(&pc->i8042, gsi(vm, 1), on_reset, vm);
	pc->i8042.rx_ready = on_rx_ready;
	pc->i8042.rx_ready_arg = vm;
	vga_init(&pc->vga);
	pm_init(&pc->pm, gsi(vm, 9), &vm->clock, on_poweroff, vm);
	resetport_init(&pc->resetport, on_reset, vm);
	debugport_init(&pc->debugport, console_byte, vm, on_exit_port, vm);
	marker_init(&pc->marker, on_mark, vm);
	testdev_init(&pc->testdev, (struct irq_line){ on_gsi, vm, 0 });
	fwcfg_init(&pc->fwcfg, &vm->ram);
	r = uart_attach(&pc->com1, &pc->pio, 0x3f8);
	r = r ?: rtc_attach(&pc->rtc, &pc->pio);
	r = r ?: i8042_attach(&pc->i8042, &pc->pio);
	r = r ?: vga_attach(&pc->vga, &pc->pio);
	r = r ?: pm_attach(&pc->pm, &pc->pio);
	r = r ?: resetport_attach(&pc->resetport, &pc->pio);
	r = r ?: debugport_attach(&pc->debugport, &pc->pio);
	r = r ?: marker_attach(&pc->marker, &pc->pio);
	r = r ?: testdev_attach(&pc->testdev, &pc->pio, &pc->mmio);
	r = r ?: fwcfg_attach(&pc->fwcfg, &pc->pio);
	return r;
}

struct irq_line pc_gsi(struct vm *vm, unsigned int n)
{
	return gsi(vm, (int)n);
}

int pc_init(struct vm *vm, struct error *err)
{
	struct pc *pc = &vm->pc;
	int r = bus_init_pio(&pc->pio);

	r = r ?: bus_init_mmio(&pc->mmio);
	r = r ?: init_irqchip(vm);
	r = r ?: init_devices(vm);
	if (r)
		return fail(err, r, "cannot build the machine's board: %s", strerror(-r));
	return pc_pci_init(vm, err);
}

void pc_fini(struct vm *vm)
{
	pc_pci_fini(vm);
	bus_fini(&vm->pc.pio);
	bus_fini(&vm->pc.mmio);
}
