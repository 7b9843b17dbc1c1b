/* SPDX-License-Identifier: MIT */
#include "common/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

void process_init(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* The lowest number that is not in use is this one. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(4);
	signal(SIGXFSZ, SIG_IGN);
}
