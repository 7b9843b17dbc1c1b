# SPDX-License-Identifier: MIT
# A shell on a Linux guest's serial console, for scripts: sourced with backend, kernel and tmp set.
# shellcheck shell=sh
#
#   boot [OPTION...]    start fvm with a kernel and its shell; returns at the first prompt
#   type_in COMMAND...  wait for a prompt, type that
#   await PATTERN       wait for a line in what came out since the last type_in
#   power_off           type that, wait for the end, look for what the kernel complains about
#   now                 ms of this host's uptime
# Each ends the script with status 1, saying what went wrong and what the guest said last.

root=$(cd "$(dirname "$0")/../.." && pwd -P)
guests=$root/build/guests
pid=
trap 'rm -rf "$tmp"; [ -z "$pid" ] || kill -9 $pid 2>/dev/null' EXIT

now() { sed 's/\(.*\)\.\(..\) .*/\1\20/' /proc/uptime; }

die() {
    echo "$backend $kernel: $*; the end of its output:"
    tail -n 30 "$tmp/log" | tr -d '\r' | sed 's/^/    /'
    exit 1
}

await() {
    until tail -n "+$line" "$tmp/log" | grep -q "$1"; do
        kill -0 $pid 2>/dev/null || die "it ended before: $1"
        sleep 0.1
    done
}

type_in() {
    await '^# '
    line=$(($(wc -l <"$tmp/log") + 1))
    echo "$*" >&3
}

boot() {
    initramfs=initramfs-shell.cpio.gz
    case $kernel in 686*) initramfs=initramfs-shell-i386.cpio.gz ;; esac
    line=1
    rm -f "$tmp/in"
    : >"$tmp/log"
    mkfifo "$tmp/in"
    "$root/fvm" --backend "$backend" --mem 256M --kernel "$guests/vmlinuz-$kernel" --initrd "$guests/$initramfs" \
        --append console=ttyS0 --timeout "${SECONDS_EACH:-120}" "$@" <"$tmp/in" >"$tmp/log" 2>&1 &
    pid=$!
    exec 3>"$tmp/in"
    await '^# '
}

power_off() {
    type_in poweroff
    wait $pid
    status=$?
    pid=
    exec 3>&-
    [ $status -eq 0 ] || die "exit status $status"
    grep -q 'reboot: Power down' "$tmp/log" || die "no power-off"
    ! grep -E 'WARNING: CPU|BUG:|unchecked MSR|Oops|EXT4-fs error|I/O error' "$tmp/log" || die 'the kernel complains'
}
