/* SPDX-License-Identifier: MIT */
#include "bench/meta.h"
#include "bench/context.h"
#include "bench/json.h"
#include "bench/options.h"
#include "bench/peer.h"
#include "common/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Start sha256sum on PATH; its output's file descriptor, or -1. */
static int start_sha256sum(const char *path, pid_t *pid)
{
	char *argv[] = { "sha256sum", "--", (char *)path, NULL };
	posix_spawn_file_actions_t actions;
	int fd[2], ret;

	if (pipe2(fd, O_CLOEXEC))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	ret = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fd[1]);
	if (ret) {
		close(fd[0]);
		return -1;
	}
	return fd[0];
}

void meta_sha256(const char *path, char digest[SHA256_HEX])
{
	char line[PATH_MAX + SHA256_HEX + 8] = "";
	int status = -1, fd;
	FILE *f = NULL;
	pid_t pid;

	digest[0] = '\0';
	fd = start_sha256sum(path, &pid);
	if (fd < 0)
		return;
	f = fdopen(fd, "r");
	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		fclose(f);
	else
		close(fd);
	if (waitpid(pid, &status, 0) != pid || status)
		return;
	if (strspn(line, "0123456789abcdef") == SHA256_HEX - 1)
		snprintf(digest, SHA256_HEX, "%.*s", SHA256_HEX - 1, line);
}

/* The words of this process's own command line, as they were before anybody sorted them. */
static void write_command(struct json *j)
{
	FILE *f = fopen("/proc/self/cmdline", "re");
	char *word = NULL;
	size_t size = 0;

	jsonw_array(j, "command");
	while (f && getdelim(&word, &size, '\0', f) > 0)
		jsonw_text(j, NULL, word);
	jsonw_end(j);
	free(word);
	if (f)
		fclose(f);
}

/* Where the command was given, which paths in it refer to. */
static void write_directory(struct json *j)
{
	char *path = getcwd(NULL, 0);

	jsonw_text(j, "directory", path);
	free(path);
}

static void write_run(struct json *j, const struct run *run)
{
	char date[40];
	time_t now = time(NULL);
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	jsonw_text(j, "run_id", run->run_id);
	jsonw_text(j, "date", date);
	write_command(j);
	write_directory(j);
}

/* As resolved: what was not said has the value that it had by default. */
static void write_options(struct json *j, const struct run *run, const char *guest_dir)
{
	const struct options *o = run->asked;

	jsonw_object(j, "options");
	jsonw_text(j, "backend", o ? o->backends : NULL);
	jsonw_text(j, "engine", o ? o->variants.matrix.engines : NULL);
	jsonw_array(j, "matrix");
	for (unsigned int i = 0; o && i < o->variants.matrix.nr; i++)
		jsonw_text(j, NULL, o->variants.matrix.axis[i]);
	jsonw_end(j);
	jsonw_bool(j, "skip_missing", o && o->skip_missing);
	jsonw_number(j, "iterations", run->iterations);
	jsonw_real(j, "scale", run->scale);
	jsonw_number(j, "mem_size", run->mem_size);
	jsonw_text(j, "cpu", run->cpu);
	jsonw_text(j, "events", o ? o->events : NULL);
	jsonw_text(j, "guests", guest_dir);
	jsonw_text(j, "kernel", run->kernel);
	jsonw_end(j);
}

/* A line each. */
static void write_missing(struct json *j, const char *lines)
{
	jsonw_array(j, "missing");
	while (lines && *lines) {
		char line[512];
		size_t len = strcspn(lines, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, lines);
		jsonw_text(j, NULL, line);
		lines += len + (lines[len] == '\n');
	}
	jsonw_end(j);
}

static bool has_backend(const struct run *run, const struct backend *backend)
{
	for (unsigned int i = 0; i < run->variants; i++)
		if (run->variant[i].backend == backend)
			return true;
	return false;
}

static void write_variants(struct json *j, const struct run *run)
{
	jsonw_array(j, "variants");
	for (unsigned int i = 0; i < run->variants; i++) {
		const struct variant *v = &run->variant[i];
		char options[CSV_OPTIONS];

		run_options(run, v, run->mem_size, options, sizeof(options));
		jsonw_object(j, NULL);
		jsonw_text(j, "backend", v->backend->name);
		jsonw_text(j, "engine", v->engine);
		jsonw_text(j, "label", v->label);
		jsonw_text(j, "options", options);
		jsonw_end(j);
	}
	jsonw_end(j);
}

static void write_guests(struct json *j, const struct run *run, const char *dir)
{
	jsonw_array(j, "guests");
	for (unsigned int i = 0; i < run->benches; i++) {
		const struct bench *b = run->bench[i];
		char path[PATH_MAX], digest[SHA256_HEX];

		digest[0] = '\0';
		if (!bench_file(b, dir, false, path, NULL))
			meta_sha256(path, digest);
		jsonw_object(j, NULL);
		jsonw_text(j, "bench", b->name);
		jsonw_number(j, "iterations", run_iterations(run, b));
		jsonw_number(j, "mem_size", run_memory(run, b));
		jsonw_text(j, "sha256", digest);
		if (b->native && has_backend(run, &peer_native)) {
			digest[0] = '\0';
			if (!bench_file(b, dir, true, path, NULL))
				meta_sha256(path, digest);
			jsonw_text(j, "native_sha256", digest);
		}
		jsonw_end(j);
	}
	jsonw_end(j);
}

/* Of the Linux guests' kernel, if there is one among them. */
static void write_kernel(struct json *j, const struct run *run)
{
	char digest[SHA256_HEX];

	for (unsigned int i = 0; i < run->benches; i++)
		if (run->bench[i]->in_linux) {
			meta_sha256(run->kernel, digest);
			jsonw_text(j, "linux_kernel_sha256", digest);
			return;
		}
}

/* How many samples, and where they ran. */
static void write_design(struct json *j, const struct run *run)
{
	char ci[32] = "", cpu[16] = "";

	if (run->design.ci > 0)
		snprintf(ci, sizeof(ci), "%g", run->design.ci);
	jsonw_object(j, "design");
	jsonw_text(j, "ci", ci);
	jsonw_number(j, "max_reps", run_most(run));
	jsonw_number(j, "max_time_ns", run->design.max_time_ns);
	jsonw_number(j, "warmup_chunks", run->design.chunks);
	if (run->pin.on)
		snprintf(cpu, sizeof(cpu), "%u", run->pin.cpu);
	jsonw_text(j, "cpu_pin", run->design.pin);
	jsonw_text(j, "vcpu_thread", cpu);
	jsonw_text(j, "other_threads", run->pin.text);
	jsonw_end(j);
}

int meta_write(FILE *f, const struct run *run, const char *guest_dir)
{
	struct json j;

	jsonw_init(&j, f);
	jsonw_object(&j, NULL);
	write_run(&j, run);
	jsonw_text(&j, "host_kind", run->host_kind);
	context_write(&j, has_backend(run, &peer_qemu_tcg) || has_backend(run, &peer_qemu_kvm));
	write_options(&j, run, guest_dir);
	write_missing(&j, run->missing);
	write_variants(&j, run);
	jsonw_number(&j, "reps", run->reps);
	write_design(&j, run);
	jsonw_number(&j, "timeout_ns", run->timeout_ns);
	write_kernel(&j, run);
	write_guests(&j, run, guest_dir);
	jsonw_end(&j);
	return csv_flush(f);
}

int meta_write_file(const char *path, const struct run *run, const char *guest_dir,
		    struct error *err)
{
	struct record meta = { NULL, path };
	int ret;

	if (!meta.path)
		return 0;
	meta.file = fopen(meta.path, "we");
	if (!meta.file)
		return fail(err, -errno, "cannot write %s: %s", meta.path, strerror(errno));
	/* Written in one go, so that the reason of a failure is known at its end. */
	setvbuf(meta.file, NULL, _IOFBF, 256 * KiB);
	ret = meta_write(meta.file, run, guest_dir);
	if (record_close(&meta, err) && !ret)
		return -EIO;
	return ret ? fail(err, ret, "cannot write %s: %s", meta.path, strerror(-ret)) : 0;
}
