/* SPDX-License-Identifier: MIT */
#include "common/pc_pci.h"
#include "common/dev/virtio_blk.h"
#include "common/dev/virtio_console.h"
#include "common/dev/virtio_rng.h"
#include "common/vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pc_pci {
	struct pci_host host;
	unsigned int nr;
	struct virtio_device *device[PCI_SLOTS];
	struct virtio_blk *blk[VM_DISKS];
	struct virtio_console *console;
	struct virtio_device rng;
};

bool pc_has_pci(const struct vm_config *config)
{
	return config->nr_disks || config->hvc || config->rng;
}

static void on_attention(void *arg)
{
	struct vm *vm = arg;

	/* As vm_stop: a backend looks at it before it enters the guest again. */
	atomic_store_explicit(&vm->attention, 1, memory_order_relaxed);
}

static void say(void *arg, const char *device, const char *what, const char *why)
{
	(void)arg;
	fprintf(stderr, "fvm: %s: %s: %s\n", device, what, why);
}

static void on_worker(void *arg)
{
	vm_kick(arg);
}

static int add(struct pc_pci *p, struct virtio_device *v)
{
	int r = pci_add(&p->host, &v->pci);

	if (!r)
		p->device[p->nr++] = v;
	return r;
}

static int add_disks(struct vm *vm, struct pc_pci *p, const struct virtio_host *host,
		     struct error *err)
{
	int r = 0;

	for (unsigned int i = 0; i < vm->config.nr_disks && !r; i++) {
		r = virtio_blk_new(&p->blk[i], vm->config.disk[i], i, &vm->ram, host, on_worker, vm,
				   err);
		if (!r && add(p, virtio_blk_device(p->blk[i])))
			r = fail(err, -ENOSPC, "there is no room on the PCI bus for disk %u", i);
	}
	return r;
}

static int add_devices(struct vm *vm, struct pc_pci *p, struct error *err)
{
	const struct virtio_host host = { on_attention, say, vm };
	int r = add_disks(vm, p, &host, err);

	if (!r && vm->config.hvc) {
		r = virtio_console_new(&p->console, vm->config.hvc, &vm->ram, &host, on_worker, vm,
				       err);
		if (!r)
			r = add(p, virtio_console_device(p->console));
	}
	if (!r && vm->config.rng) {
		virtio_rng_init(&p->rng, &vm->ram, &host);
		r = add(p, &p->rng);
	}
	return r;
}

int pc_pci_init(struct vm *vm, struct error *err)
{
	struct pc *pc = &vm->pc;
	struct irq_line line[PCI_WIRES];
	struct pc_pci *p;
	int r;

	if (!pc_has_pci(&vm->config))
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return fail(err, -ENOMEM, "out of memory for the PCI bus");
	pc->pci = p;
	for (unsigned int i = 0; i < PCI_WIRES; i++)
		line[i] = pc_gsi(vm, pci_wire_gsi[i]);
	/* Port cf9 lies in the middle of the host bridge's own. */
	bus_remove(&pc->pio, RESET_PORT);
	pci_host_init(&p->host, &pc->mmio, line, &resetport_ops, &pc->resetport);
	pic_set_elcr(&pc->pic, PCI_ELCR);
	r = pci_host_attach(&p->host, &pc->pio);
	if (r)
		return fail(err, r, "cannot build the PCI bus: %s", strerror(-r));
	return add_devices(vm, p, err);
}

void pc_pci_poll(struct vm *vm)
{
	struct pc_pci *p = vm->pc.pci;

	for (unsigned int i = 0; p && i < p->nr; i++)
		virtio_poll(p->device[i]);
}

int pc_pci_stop(struct vm *vm, struct error *err)
{
	struct pc_pci *p = vm->pc.pci;
	int ret = 0;

	if (p && p->console)
		virtio_console_stop(p->console);
	for (unsigned int i = 0; p && i < VM_DISKS; i++) {
		int r = p->blk[i] ? virtio_blk_stop(p->blk[i]) : 0;

		if (r)
			ret = fail(err, r, "disk %u may be incomplete: %s", i, strerror(-r));
	}
	return ret;
}

void pc_pci_fini(struct vm *vm)
{
	struct pc_pci *p = vm->pc.pci;

	for (unsigned int i = 0; p && i < VM_DISKS; i++)
		virtio_blk_free(p->blk[i]);
	if (p)
		virtio_console_free(p->console);
	free(p);
	vm->pc.pci = NULL;
}
