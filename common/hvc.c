/* SPDX-License-Identifier: MIT */
#include "common/hvc.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* A pipe that is ready takes so much at least, without waiting. */
#define WRITE_MAX 4096
/* How often a writer that waits for a slow reader asks whether it may give up. */
#define STOPPING_POLL_MS 200

static size_t hvc_read(void *arg, u8 *buf, size_t max)
{
	struct terminal *t = arg;
	bool quit = false; /* terminal_input sees that, too */

	return console_read(&t->console, buf, max, &quit);
}

/* Somebody wants the machine to end now, whatever is still to be printed. */
static bool stopping(const struct terminal *t)
{
	return atomic_load(&t->vm->stop_signal) || atomic_load(&t->console.quit) ||
	       __atomic_load_n(&t->vm->stop.kind, __ATOMIC_RELAXED) == STOP_TIMEOUT;
}

static void hvc_write(void *arg, const u8 *data, size_t len)
{
	struct terminal *t = arg;

	while (len && !atomic_load(&t->hvc_error)) {
		struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };
		ssize_t n;

		if (poll(&p, 1, STOPPING_POLL_MS) <= 0) {
			if (stopping(t))
				atomic_store(&t->hvc_error, -EINTR);
			continue;
		}
		n = write(STDOUT_FILENO, data, len < WRITE_MAX ? len : WRITE_MAX);
		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno != EINTR && errno != EAGAIN) {
			atomic_store(&t->hvc_error, -errno);
		}
	}
}

struct virtio_console_io hvc_io(struct terminal *t)
{
	return (struct virtio_console_io){ hvc_read, hvc_write, t };
}
