/* SPDX-License-Identifier: MIT */
#include "tests/kvm/machine.h"

#include "common/boot/entry.h"

#include <stdlib.h>
#include <string.h>

static u64 pattern(u64 offset)
{
	return 0x8877665544332211ull ^ 0x0101010101010101ull * (offset & 0xff);
}

static void record(struct machine *m, u64 addr, u64 value, unsigned int size, bool write)
{
	if (m->nr < ARRAY_SIZE(m->log))
		m->log[m->nr] = (struct access){ addr, value, size, write };
	m->nr++;
}

static u64 port_read(void *dev, u64 offset, unsigned int size)
{
	record(dev, REC_PORT + offset, 0, size, false);
	return pattern(offset);
}

static void port_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	record(dev, REC_PORT + offset, value, size, true);
}

static u64 mem_read(void *dev, u64 offset, unsigned int size)
{
	record(dev, REC_MEM + offset, 0, size, false);
	return pattern(offset);
}

static void mem_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	record(dev, REC_MEM + offset, value, size, true);
}

static void control_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct machine *m = dev;

	(void)size;
	if (offset + REC_PORT + 0x10 == NMI_PORT)
		m->vm->nmi = true;
	else
		vm_stop(m->vm, STOP_QUIT, (int)value);
}

static const struct bus_ops port_ops = { port_read, port_write, false };
static const struct bus_ops mem_ops = { mem_read, mem_write, false };
static const struct bus_ops control_ops = { NULL, control_write, false };

static void on_text(void *arg, const void *data, size_t len)
{
	struct machine *m = arg;

	if (len > sizeof(m->text) - 1 - m->text_len)
		len = sizeof(m->text) - 1 - m->text_len;
	memcpy(m->text + m->text_len, data, len);
	m->text_len += len;
}

static int add_devices(struct machine *m)
{
	const struct bus_region port = { "recorder", REC_PORT, 0x10, 4, &port_ops, m };
	const struct bus_region control = { "control", REC_PORT + 0x10, 2, 1, &control_ops, m };
	const struct bus_region mem = { "recorder", REC_MEM, 0x2000, 8, &mem_ops, m };
	int r = bus_add(&m->vm->pc.pio, &port);

	r = r ?: bus_add(&m->vm->pc.pio, &control);
	return r ?: bus_add(&m->vm->pc.mmio, &mem);
}

bool machine_make(struct machine *m, enum irqchip irqchip)
{
	const struct vm_config config = {
		.backend = backend_by_name("kvm"),
		.mem_size = 16 * MiB,
		.irqchip = irqchip,
		.timeout_ns = 20 * NSEC_PER_SEC,
		.count_exits = true,
		.console = on_text,
		.console_arg = m,
	};

	memset(m, 0, sizeof(*m));
	if (vm_create(&m->vm, &config, &m->err) || add_devices(m)) {
		check(false, m->err.text, __FILE__, __LINE__);
		machine_free(m);
		return false;
	}
	return true;
}

void machine_free(struct machine *m)
{
	vm_destroy(m->vm);
	m->vm = NULL;
}

void machine_load(struct machine *m, unsigned int bits, const u8 *code, const u8 *end)
{
	struct layout *layout = calloc(1, sizeof(*layout));
	struct cpu_state s;

	layout_init(layout, &m->vm->ram);
	CHECK(ram_write(&m->vm->ram, CODE_AT, code, (u64)(end - code)) == 0);
	if (bits == 16)
		entry_real(&s, CODE_AT);
	else if (bits == 32)
		CHECK(entry_protected(&s, layout, CODE_AT, &m->err) == 0);
	else
		CHECK(entry_long(&s, layout, CODE_AT, &m->err) == 0);
	if (m->vm->backend->set_state(m->vm, &s, &m->err))
		check(false, m->err.text, __FILE__, __LINE__);
	free(layout);
}

void machine_vector(struct machine *m, u8 vector, u16 offset)
{
	u32 entry = offset;

	CHECK(ram_write(&m->vm->ram, vector * 4u, &entry, sizeof(entry)) == 0);
}

enum stop_kind machine_run(struct machine *m)
{
	if (vm_run(m->vm)) {
		check(false, m->vm->error.text, __FILE__, __LINE__);
		return STOP_NONE;
	}
	return m->vm->stop.kind;
}

void machine_resume(struct machine *m)
{
	m->vm->stop = (struct vm_stop){ STOP_NONE, 0 };
}

void machine_state(struct machine *m, struct cpu_state *s)
{
	if (m->vm->backend->get_state(m->vm, s, &m->err))
		check(false, m->err.text, __FILE__, __LINE__);
}

u64 machine_traps(const struct machine *m, enum trap_cause cause)
{
	return m->vm->traps.c[cause].count;
}

struct search {
	const char *name;
	u64 value;
};

static void match(void *arg, const char *name, u64 value)
{
	struct search *s = arg;

	if (!strcmp(s->name, name))
		s->value = value;
}

u64 machine_counter(struct machine *m, const char *name)
{
	struct search s = { name, ~0ull };

	m->vm->backend->counters(m->vm, match, &s);
	return s.value;
}

bool saw(const struct machine *m, unsigned int i, bool write, u64 addr, u64 value,
	 unsigned int size)
{
	const struct access *a = &m->log[i];

	if (i < m->nr && i < ARRAY_SIZE(m->log) && a->write == write && a->addr == addr &&
	    (!write || a->value == value) && a->size == size)
		return true;
	printf("# access %u of %u: %s of %u at %#llx, %#llx\n", i, m->nr,
	       a->write ? "write" : "read", a->size, (unsigned long long)a->addr,
	       (unsigned long long)a->value);
	return false;
}
