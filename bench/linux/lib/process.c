/* SPDX-License-Identifier: MIT */
/* Where a workload with a C library begins, and what several of them need. */
#include "process.h"
#include "host.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

void need(bool fine, const char *what)
{
	if (!fine)
		fail(what);
}

int wait_child(pid_t pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

int run_program(char *const argv[], int in, int out)
{
	pid_t pid = fork();

	if (!pid) {
		if (in >= 0)
			dup2(in, STDIN_FILENO);
		if (out >= 0)
			dup2(out, STDOUT_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	return wait_child(pid);
}

void stay_here(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	need(cpu >= 0 && cpu < CPU_SETSIZE, "cannot tell which processor this is");
	CPU_SET((size_t)cpu, &set);
	need(!sched_setaffinity(0, sizeof(set), &set), "cannot stay on one processor");
}

int main(int argc, char **argv)
{
	(void)argc;
	host_main(argv);
}
