/* SPDX-License-Identifier: MIT */
/* 4 KiB written to a file on tmpfs, and read again. */
#include "process.h"

#include <fcntl.h>
#include <unistd.h>

#define PAGES 256

static int fd;
static u64 out[PAGE / 8], in[PAGE / 8];

static void setup(void)
{
	fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	need(fd >= 0, "cannot make a file in /dev/shm");
}

static void run(uword n)
{
	LOOP(n)
	{
		off_t at = (off_t)(n % PAGES * PAGE);

		out[PAGE / 8 - 1] = n;
		if (pwrite(fd, out, PAGE, at) == PAGE && pread(fd, in, PAGE, at) == PAGE)
			sum += in[PAGE / 8 - 1] == n;
	}
}

static void check(uword n)
{
	expect("pages that came back", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
