/* SPDX-License-Identifier: MIT */
/* Backends and a sample runner without any virtual machine, for the harness's tests. */
#ifndef FVB_TESTS_FAKEBENCH_H
#define FVB_TESTS_FAKEBENCH_H

#include "bench/run.h"

/* "alpha" (engines one and two, kernel irqchip; options fast=on, depth=5 for engine one, room=4M,
 * log=PATH), "beta" (none of that), "broken" (probe fails). */
extern const struct backend *const fake_backends[];

/*
 * What the guest does is its benchmark's name. "good": an operation takes 100 cycles on alpha and
 * 250 on beta, the loop 2, and one port-in trap each; also, in place of that: "boot" (as init does,
 * and then good), "crash", "hang", "exit", "error", "silent", "garbage", "liar", "misnamed",
 * "triple", "skip", "fail", "scribble", "noisy" (good, on beta at 250 and up to twice that), "warming"
 * (good, and with chunks=10 two slow pieces of ten).
 */
void fake_body(void *arg, const struct sample_request *request, struct sample_raw *raw);
extern const struct sample_runner fake_runner;

/* A benchmark of that name, 1000 iterations, 64-bit. */
struct bench fake_bench(const char *name);

/* What a sample may take before it has failed: one that works never does, however busy the host. */
#define FAKE_TIMEOUT (20 * NSEC_PER_SEC)

/* Take one sample of BENCH on VARIANT; "hang" gets a tenth of a second. */
struct sample fake_sample(const struct bench *bench, const struct variant *variant);

#endif
