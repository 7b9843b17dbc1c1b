/* SPDX-License-Identifier: MIT */
/*
 * The PCI side of the board: there is a PCI bus if the machine was asked for a device on it, with a
 * host bridge and those devices. Without any, a kernel finds no bus and spends no time on it.
 */
#ifndef FVB_PC_PCI_H
#define FVB_PC_PCI_H

#include "common/error.h"
#include "common/types.h"

struct vm;
struct vm_config;
struct pc_pci;

/* Does a machine of CONFIG have a PCI bus? */
bool pc_has_pci(const struct vm_config *config);

/* Build VM's bus and devices, if any, and start their threads. 0, or negative errno with ERR
 * filled. */
int pc_pci_init(struct vm *vm, struct error *err);
void pc_pci_fini(struct vm *vm);

/* Let the devices do what waits to be done: on the vCPU thread, outside of the guest. */
void pc_pci_poll(struct vm *vm);
/* The machine has ended: finish what devices were asked for, end their threads, put disks on stable
 * storage. 0, or negative errno with ERR filled. */
int pc_pci_stop(struct vm *vm, struct error *err);

#endif
