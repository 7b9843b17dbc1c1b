/* SPDX-License-Identifier: MIT */
#include "bench/gnuplot.h"
#include "bench/utf8.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void gnuplot_text(FILE *script, const char *text)
{
	putc('\'', script);
	while (*text) {
		int n = utf8_length(text);

		if (!n)
			putc('?', script);
		else if (*text == '\'')
			fputs("''", script);
		else
			fwrite(text, 1, (size_t)n, script);
		text += n ? n : 1;
	}
	putc('\'', script);
}

/* All of FD, from its beginning; a NUL after it. */
static char *slurp(int fd, size_t *len)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = size < 0 ? NULL : malloc((size_t)size + 1);
	size_t n = 0;

	while (text && n < (size_t)size) {
		ssize_t got = pread(fd, text + n, (size_t)size - n, (off_t)n);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (text)
		text[n] = '\0';
	*len = n;
	return text;
}

/* gnuplot with FD as its standard input, output and error; its exit status, or a negative errno. */
static int execute(const int fd[3])
{
	char *const argv[] = { "gnuplot", "-d", "-", NULL };
	posix_spawn_file_actions_t actions;
	int ret, status;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, fd[i], i);
	ret = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		return -ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The line of gnuplot's complaint that says what is wrong: the last one that is not blank. */
static int refused(int fd, struct error *err)
{
	size_t len;
	char *said = slurp(fd, &len), *line, *rest = said, *last = NULL;

	while (said && (line = strsep(&rest, "\n")))
		if (line[strspn(line, " \t^")])
			last = line;
	fail(err, -EINVAL, "gnuplot refused the script: %.200s",
	     last ? last : "it does not say why");
	free(said);
	return -EINVAL;
}

static int write_all(int fd, const char *text)
{
	size_t n = 0, len = strlen(text);

	while (n < len) {
		ssize_t put = write(fd, text + n, len - n);

		if (put < 0)
			return -errno;
		n += (size_t)put;
	}
	return lseek(fd, 0, SEEK_SET) ? -errno : 0;
}

static int run_with(const int fd[3], const char *script, char **out, size_t *len, struct error *err)
{
	int ret = write_all(fd[0], script);

	if (!ret)
		ret = execute(fd);
	if (ret == -ENOENT)
		return fail(err, ret,
			    "there is no gnuplot on PATH: install gnuplot-nox (make deps does)");
	if (ret < 0)
		return fail(err, ret, "cannot run gnuplot: %s", strerror(-ret));
	if (ret)
		return refused(fd[2], err);
	*out = slurp(fd[1], len);
	if (*out && *len)
		return 0;
	free(*out);
	*out = NULL;
	return fail(err, -EIO, "gnuplot wrote nothing");
}

int gnuplot_run(const char *script, char **out, size_t *len, struct error *err)
{
	int fd[3], ret = 0;

	*out = NULL;
	/* Files, not pipes: neither side ever waits for the other. */
	for (int i = 0; i < 3; i++) {
		fd[i] = memfd_create("gnuplot", MFD_CLOEXEC);
		if (fd[i] < 0)
			ret = fail(err, -errno, "cannot make a file in memory: %s",
				   strerror(errno));
	}
	if (!ret)
		ret = run_with(fd, script, out, len, err);
	for (int i = 0; i < 3; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return ret;
}
