/* SPDX-License-Identifier: MIT */
/* What kind of machine this host is: a figure measured inside another VM must say so. */
#ifndef FVB_HOSTKIND_H
#define FVB_HOSTKIND_H

/*
 * "native": no hypervisor below us. "nested": we run inside a VM on real virtualization hardware,
 * so that every exit of ours costs several of the outer hypervisor's. "emulated": the processor
 * itself is software (QEMU's TCG); counts are real, times are not. From CPUID leaf 1 ECX bit 31 and
 * leaf 4000_0000h; the environment variable FVBENCH_HOST_KIND overrides. Never NULL.
 */
const char *host_kind(void);

#endif
