/* SPDX-License-Identifier: MIT */
/* Of a post-mortem: what the interrupt controllers hold back, and when which timer would have come.
 */
#include "common/postmortem.h"
#include "common/vm.h"

#include <inttypes.h>

/* Of LVT and I/O APIC entries. SDM vol. 3 figure 11-8; 82093AA datasheet, 3.2.4. */
#define MASKED	   BIT(16)
#define LEVEL	   BIT(15)
#define REMOTE_IRR BIT(14)

static void print_vectors(FILE *f, const char *name, const u32 set[8])
{
	bool none = true;

	fprintf(f, " %s", name);
	for (unsigned int v = 0; v < 256; v++)
		if (set[v / 32] >> v % 32 & 1) {
			fprintf(f, "%s%02x", none ? " " : ",", v);
			none = false;
		}
	if (none)
		fputs(" -", f);
}

/* When it is due, seen from now. */
static void print_due(struct vm *vm, FILE *f, const struct timer *timer)
{
	u64 now = clock_now(&vm->clock);

	if (timer->deadline == CLOCK_NEVER)
		fputs(" off", f);
	else if (timer->deadline <= now)
		fprintf(f, " due since %" PRIu64 " us", (now - timer->deadline) / 1000);
	else
		fprintf(f, " in %" PRIu64 " us", (timer->deadline - now) / 1000);
}

static void print_lapic(struct vm *vm, FILE *f)
{
	const struct lapic *l = &vm->pc.lapic;

	fprintf(f, "lapic:  base %#" PRIx64 " svr %03x tpr %02x", l->base, l->svr, l->tpr);
	print_vectors(f, "irr", l->irr);
	print_vectors(f, "isr", l->isr);
	fprintf(f, " timer %05x", l->lvt[LVT_TIMER]);
	print_due(vm, f, &l->timer);
	fprintf(f, " lint0 %05x lint1 %05x\n", l->lvt[LVT_LINT0], l->lvt[LVT_LINT1]);
}

/* Pins that could interrupt, or want to. */
static void print_ioapic(const struct ioapic *io, FILE *f)
{
	unsigned int nr = 0;

	fputs("ioapic:", f);
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 e = io->entry[pin];

		if (e & MASKED && !(io->line >> pin & 1))
			continue;
		fprintf(f, "%s pin %u vector %02x%s%s%s%s", nr++ ? ";" : "", pin, (u32)e & 0xff,
			e & LEVEL ? " level" : "", e & MASKED ? " masked" : "",
			e & REMOTE_IRR ? " in service" : "",
			io->line >> pin & 1 ? " asserted" : "");
	}
	fputs(nr ? "\n" : " all pins masked\n", f);
}

static void print_pic(const struct pic *pic, FILE *f)
{
	fprintf(f, "pic:    ");
	for (unsigned int n = 0; n < 2; n++) {
		const struct pic_chip *c = &pic->chip[n];

		fprintf(f, "%s base %02x mask %02x lines %02x latched %02x in service %02x",
			n ? "; slave" : "master", c->base, c->imr, c->line, c->latch, c->isr);
	}
	fprintf(f, "; INTR %s\n", pic->pending ? "high" : "low");
}

void postmortem_interrupts(struct vm *vm, FILE *f)
{
	if (vm->config.irqchip == IRQCHIP_KERNEL) {
		fputs("interrupt controllers: the host kernel's, not seen here\n", f);
	} else {
		print_lapic(vm, f);
		print_ioapic(&vm->pc.ioapic, f);
		print_pic(&vm->pc.pic, f);
		fprintf(f, "cpu:    INTR %s%s\n", vm->pc.intr ? "high" : "low",
			vm->nmi ? ", NMI pending" : "");
	}
	fprintf(f, "timers: pit mode %u count %u,", vm->pc.pit.counter[0].mode,
		vm->pc.pit.counter[0].count);
	print_due(vm, f, &vm->pc.pit.timer);
	fputs("; rtc", f);
	print_due(vm, f, &vm->pc.rtc.timer);
	fputc('\n', f);
}
