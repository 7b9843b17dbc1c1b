/* SPDX-License-Identifier: MIT */
/* The definition block of the DSDT: what ACPI describes in AML (ACPI 6.5, chapter 20). */
#ifndef FVB_BOOT_DSDT_H
#define FVB_BOOT_DSDT_H

#include "common/types.h"

#define DSDT_MAX 512

/* Write it to AML, DSDT_MAX bytes; returns how many were used. PCI: there is a PCI bus. */
unsigned int dsdt_build(u8 *aml, bool pci);

#endif
