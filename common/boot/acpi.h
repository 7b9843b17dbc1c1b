/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables (ACPI 6.5, chapter 5) of the board in common/pc.h: which interrupt controllers
 * there are, where the PM timer, power-off and reset are. They lie in the reserved memory of the
 * firmware, where kernels that are not told look for them. Table offsets are given for tests.
 */
#ifndef FVB_BOOT_ACPI_H
#define FVB_BOOT_ACPI_H

#include "common/boot/memmap.h"
#include "common/ram.h"

#define ACPI_RSDP MEMMAP_BIOS /* root pointer: on a 16-byte boundary in 0xe0000-0xfffff */

/* Write all tables to ACPI_RSDP and behind it. PCI: the machine has a PCI bus. */
void acpi_build(struct ram *ram, bool pci);

#endif
