/* SPDX-License-Identifier: MIT */
/* busybox's gzip -9 of 256 KiB of words, process and files included. */
#include "process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LENGTH (256 << 10)

static char text[LENGTH], back[LENGTH + 1];
static int plain, packed, unpacked;

static int new_file(void)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);

	need(fd >= 0, "cannot make a file in /dev/shm");
	return fd;
}

static void setup(void)
{
	static const char *const word[8] = { "the ", "trap ",  "of ",	 "guest ",
					     "a ",   "cache ", "fault ", "page\n" };
	u32 seed = 1;

	if (access(BUSYBOX, X_OK))
		skip("no " BUSYBOX);
	for (size_t n = 0; n < LENGTH;) {
		seed = seed * 1664525 + 1013904223;
		for (const char *p = word[seed >> 29]; *p && n < LENGTH; p++)
			text[n++] = *p;
	}
	plain = new_file();
	packed = new_file();
	unpacked = new_file();
	need(write(plain, text, LENGTH) == LENGTH, "cannot write a file");
}

static bool gzip(char *how, int from, int to)
{
	return !lseek(from, 0, SEEK_SET) && !lseek(to, 0, SEEK_SET) && !ftruncate(to, 0) &&
	       !run_program((char *const[]){ BUSYBOX, "gzip", how, "-c", NULL }, from, to);
}

static void run(uword n)
{
	LOOP(n)
	sum += gzip("-9", plain, packed);
}

static void check(uword n)
{
	off_t size = lseek(packed, 0, SEEK_END);

	expect("runs that worked", sum, n);
	need(size > 1000 && size < LENGTH / 2, "not compressed");
	need(gzip("-d", packed, unpacked), "cannot be expanded");
	expect("length", (u64)pread(unpacked, back, sizeof(back), 0), LENGTH);
	expect("difference to the input", memcmp(text, back, LENGTH) != 0, 0);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
