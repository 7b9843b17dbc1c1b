/* SPDX-License-Identifier: MIT */
/*
 * Peers: programs other than this one that run a benchmark's guest file, or its work, and print its
 * result line. `native`: the same object file in a process, for compute guests
 * (bench/nano/README.md), the same program for Linux workloads. `qemu-tcg`: QEMU's emulator, -M pc;
 * its engines are CPU models: max, lean (max without ERMS and PKU, which cost TCG time), qemu64.
 * One more is the machine microvm (with max), for linux/boot alone. `qemu-kvm`: the same machine,
 * with KVM and the host's processor.
 *
 * To be variants in a run, they are known as a struct backend that has nothing but name, summary,
 * engines and probe.
 */
#ifndef FVB_BENCH_PEER_H
#define FVB_BENCH_PEER_H

#include "bench/sample.h"

extern const struct backend peer_native, peer_qemu_tcg, peer_qemu_kvm;

bool is_peer(const struct backend *b);

/* TABLE (NULL-terminated, up to 13) and the peers, until the next call. */
const struct backend *const *with_peers(const struct backend *const *table);

/* The options column of PEER's rows. */
void peer_options(const struct variant *peer, u64 mem_size, char *text, size_t size);

/* Is there something in COUNTERS (or NULL) that only a counting sample of PEER would show? */
bool peer_counts(const struct variant *peer, const struct counters *counters);

/* A sample_runner's body: peers here, other variants with machine_body. ARG: the guests' folder. */
void peer_or_machine_body(void *arg, const struct sample_request *request, struct sample_raw *raw);

#endif
