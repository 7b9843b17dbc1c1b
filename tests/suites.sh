# SPDX-License-Identifier: MIT
# The suites of tests/check, quickest first: suite NAME COMMAND...
# shellcheck shell=bash
suite unit make --no-print-directory unit
suite unit-sanitized make --no-print-directory SAN=address,undefined unit
suite clang make --no-print-directory CC=clang build/clang/fvm build/clang/fvbench build/clang/unit
suite quiet tests/quiet
suite oracle make --no-print-directory oracle CASES=100000
suite engine-oracle make --no-print-directory engine-oracle CASES=4000
suite unicorn make --no-print-directory unicorn CASES=40000
suite hostile tests/hostile/run
suite ablations tests/ablations
suite fuzz-seeds make --no-print-directory fuzz-seeds
suite exitcost make --no-print-directory exitcost
suite nano-tcg tests/nano/run-tcg
suite nano-tcg-clang env CC=clang tests/nano/run-tcg
suite fvm-cli tests/fvm/cli
suite fvm-swbt tests/fvm/run swbt
suite fvm-display tests/fvm/display swbt
suite fvm-run tests/with-kvm tests/fvm/run
suite linux-swbt tests/linux/check swbt
suite linux-shell tests/linux/shell swbt
suite linux-kvm tests/linux/check kvm
suite linux-disk-swbt tests/linux/disk-check swbt
suite linux-disk-kvm tests/linux/disk-check kvm
suite install tests/install
suite fvbench-cli tests/fvbench/cli
suite fvbench-plot tests/fvbench/plot
suite fvbench-html tests/fvbench/html
suite fvbench-run tests/with-kvm tests/fvbench/run
suite fvbench-rerun tests/fvbench/rerun
suite fvbench-qemu-kvm tests/fvbench/qemu-kvm
suite fvbench-sensitive tests/fvbench/sensitive
suite fvbench-sensitive-kvm env RIG_OPTIONS=--xsave tests/with-kvm tests/fvbench/sensitive --backend kvm,swbt --mode 64 --mode 32
suite fvbench-reports tests/fvbench/reports
suite fvbench-csv tests/fvbench/csv
suite fvbench-traps tests/fvbench/traps
suite fvbench-traps-kvm tests/with-kvm tests/fvbench/traps kvm
suite fvbench-story tests/fvbench/story
suite fvbench-story-kvm env RIG_OPTIONS=--xsave tests/with-kvm tests/fvbench/story
suite fvbench-linux tests/fvbench/linux
suite fvbench-verify tests/with-kvm ./fvbench verify --counts --backend kvm,kvm:kernel,swbt
suite fvbench-engines ./fvbench verify
suite fvbench-overhead tests/fvbench/overhead
suite fvbench-engines-rig tests/rig/run --xsave ./fvbench verify --timeout 120 --backend swbt,swbt:step,swbt:trap,swbt:trap+patch
suite kvm-oracle make --no-print-directory kvm-oracle-share
suite rig tests/rig/selftest
suite kvm make --no-print-directory test-kvm
