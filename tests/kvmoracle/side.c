/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/side.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_NS NSEC_PER_SEC /* a case takes a millisecond, but the host may be busy */

/* Ports that remember nothing: where random I/O goes. */
static u64 port_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev;
	(void)size;
	return 0x8877665544332211ull ^ 0x0101010101010101ull * offset;
}

static const struct bus_ops port_ops = { port_read, NULL, false };

static void set_options(struct vm_config *config, const char *options)
{
	struct error error = { "" };
	char copy[200], *rest = copy, *word, *value;

	snprintf(copy, sizeof(copy), "%s", options);
	while ((word = strsep(&rest, ":"))) {
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		if (!value || backendopt_set(&config->options, config->backend, config->engine,
					     word, value, &error))
			errx(2, "%s: %s", word, error.text);
	}
}

static struct vm *create(const struct vm_config *config)
{
	const struct bus_region ports = { "random", 0x3000, 0x10, 4, &port_ops, NULL };
	struct error error = { "" };
	struct vm *vm;

	if (vm_create(&vm, config, &error))
		errx(2, "%s: %s", config->backend->name, error.text);
	if (bus_add(&vm->pc.pio, &ports))
		errx(2, "%s: the test's ports are taken", config->backend->name);
	return vm;
}

struct vm *side_new_with(const char *backend, const char *engine, const char *options)
{
	struct vm_config config = {
		.backend = backend_by_name(backend),
		.engine = engine,
		.mem_size = RAM_MIN,
		.irqchip = IRQCHIP_USER,
	};

	if (options)
		set_options(&config, options);
	return create(&config);
}

struct vm *side_new(const char *backend, const char *engine)
{
	return side_new_with(backend, engine, NULL);
}

static void renew(struct vm **vm)
{
	const struct vm_config config = (*vm)->config;

	vm_destroy(*vm);
	*vm = create(&config);
}

static enum ending run(struct vm *vm)
{
	int r;

	vm_select(vm);
	vm->stop = (struct vm_stop){ STOP_NONE, 0 };
	vm->nmi = false;
	atomic_store(&vm->attention, 0);
	clock_run(&vm->clock); /* it may have fired since the last case */
	timer_set(&vm->clock, &vm->timeout, clock_now(&vm->clock) + TIMEOUT_NS);
	do {
		if (atomic_exchange(&vm->attention, 0))
			clock_run(&vm->clock);
		r = vm->stop.kind == STOP_NONE ? vm->backend->run(vm) : RUN_STOPPED;
	} while (r == RUN_KICKED && vm->stop.kind == STOP_NONE);
	timer_set(&vm->clock, &vm->timeout, CLOCK_NEVER);
	if (r < 0)
		return END_REFUSED;
	if (r == RUN_HALTED)
		return END_HALT;
	if (vm->stop.kind == STOP_TRIPLE_FAULT)
		return END_TRIPLE_FAULT;
	if (vm->stop.kind == STOP_TIMEOUT)
		return END_TIMEOUT;
	return vm->stop.kind == STOP_UNHANDLED ? END_REFUSED : END_OTHER;
}

static void collect(struct vm *vm, const struct ko_case *c, struct outcome *o)
{
	u8 *ram = ram_at(&vm->ram, 0, W_END);

	o->nr_dirty = 0;
	for (u32 page = 0; page < W_END; page += 4096) {
		if (!memcmp(ram + page, c->world.bytes + page, 4096))
			continue;
		if (o->nr_dirty == MAX_DIRTY)
			break;
		o->dirty[o->nr_dirty].page = page;
		memcpy(o->dirty[o->nr_dirty++].bytes, ram + page, 4096);
	}
}

/*
 * QEMU keeps a busy TSS's type in TR as that of an available one, gives up on another, and KVM puts
 * the bit back on the way out. On real hardware the bit is there; KVM alone must do without it.
 */
static int set_state(struct vm *vm, const struct ko_case *c, struct error *error)
{
	static struct cpu_state s;

	s = c->before;
	if (vm->backend == backend_by_name("kvm") && s.seg[SEG_TR].selector)
		s.seg[SEG_TR].attr &= ~2u;
	return vm->backend->set_state(vm, &s, error);
}

void side_run(struct vm **vm, const struct ko_case *c, struct outcome *o)
{
	struct error error = { "" };

	memcpy(ram_at_to_write(&(*vm)->ram, 0, W_END), c->world.bytes, W_END);
	o->ending = END_REFUSED;
	if (set_state(*vm, c, &error)) {
		snprintf(o->what, sizeof(o->what), "set_state: %s", error.text);
		o->nr_dirty = 0;
		renew(vm);
		return;
	}
	o->ending = run(*vm);
	o->what[0] = '\0';
	if (o->ending == END_REFUSED)
		snprintf(o->what, sizeof(o->what), "%s", (*vm)->error.text);
	(*vm)->stop = (struct vm_stop){ STOP_NONE, 0 };
	if (o->ending == END_HALT && (*vm)->backend->get_state(*vm, &o->after, &error)) {
		o->ending = END_REFUSED;
		snprintf(o->what, sizeof(o->what), "get_state: %s", error.text);
	}
	collect(*vm, c, o);
	if (o->ending != END_HALT)
		renew(vm);
}
