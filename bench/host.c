/* SPDX-License-Identifier: MIT */
/* Facts about the machine and its kernel. */
#include "bench/facts.h"
#include "common/clock.h"
#include "common/hostkind.h"

#include <cpuid.h>
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_DIR "/sys/devices/system/cpu/"

bool fact_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");

	text[0] = '\0';
	if (!f)
		return false;
	if (!fgets(text, (int)size, f))
		text[0] = '\0';
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	return text[0] != '\0';
}

int fact_in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGILL, SIG_DFL);
		alarm(5);
		_exit(fn());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -SIGKILL;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* The value after "KEY:" or "KEY :" in a file of such lines. */
static bool keyed_line(const char *path, const char *key, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	char line[4096];
	bool found = false;

	text[0] = '\0';
	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *colon = strchr(line, ':');

		if (!colon || strncmp(line, key, strlen(key)) ||
		    strspn(line + strlen(key), " \t") != (size_t)(colon - line) - strlen(key))
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		snprintf(text, size, "%.*s", (int)strcspn(colon, "\n"), colon);
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static enum fact_level known(bool yes)
{
	return yes ? FACT_FINE : FACT_UNKNOWN;
}

static enum fact_level get_processor(char *text)
{
	u32 regs[12] = { 0 }, eax, ebx, ecx, edx, family, model;
	char *brand = (char *)regs, name[sizeof(regs) + 1];

	for (u32 i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &regs[4 * i], &regs[4 * i + 1], &regs[4 * i + 2],
			    &regs[4 * i + 3]);
	snprintf(name, sizeof(name), "%.48s", brand + strspn(brand, " "));
	for (size_t n = strlen(name); n && name[n - 1] == ' '; n--)
		name[n - 1] = '\0';
	__cpuid(1, eax, ebx, ecx, edx);
	family = eax >> 8 & 0xf;
	model = eax >> 4 & 0xf;
	if (family == 15 || family == 6)
		model += (eax >> 16 & 0xf) << 4;
	if (family == 15)
		family += eax >> 20 & 0xff;
	snprintf(text, FACT_TEXT, "%s (family %u, model %u, stepping %u)", name, family, model,
		 eax & 0xf);
	return FACT_FINE;
}

static enum fact_level get_microcode(char *text)
{
	return known(keyed_line("/proc/cpuinfo", "microcode", text, FACT_TEXT));
}

static enum fact_level get_kind(char *text)
{
	snprintf(text, FACT_TEXT, "%s", host_kind());
	return strcmp(text, "native") ? FACT_MISSING : FACT_FINE;
}

static enum fact_level get_hypervisor(char *text)
{
	u32 eax, regs[4] = { 0 };

	__cpuid(1, eax, regs[0], regs[1], regs[2]);
	if (!(regs[1] & BIT(31))) {
		snprintf(text, FACT_TEXT, "none below this host");
		return FACT_FINE;
	}
	memset(regs, 0, sizeof(regs));
	__cpuid(0x40000000, eax, regs[0], regs[1], regs[2]);
	snprintf(text, FACT_TEXT, "%.12s", (char *)regs);
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	for (size_t n = strlen(text); n && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
	return known(text[0]);
}

static enum fact_level get_product(char *text)
{
	char vendor[100], product[100];

	fact_line("/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor));
	fact_line("/sys/class/dmi/id/product_name", product, sizeof(product));
	snprintf(text, FACT_TEXT, "%s%s%s", vendor, vendor[0] && product[0] ? " " : "", product);
	return known(text[0]);
}

static enum fact_level get_kernel(char *text)
{
	struct utsname u;

	if (uname(&u))
		return FACT_UNKNOWN;
	snprintf(text, FACT_TEXT, "%s %s %s", u.sysname, u.release, u.version);
	return FACT_FINE;
}

static enum fact_level get_cpus(char *text)
{
	snprintf(text, FACT_TEXT, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	return FACT_FINE;
}

static enum fact_level get_memory(char *text)
{
	return known(keyed_line("/proc/meminfo", "MemAvailable", text, FACT_TEXT));
}

static enum fact_level get_tsc(char *text)
{
	snprintf(text, FACT_TEXT, "%" PRIu64, host_tsc_khz());
	return FACT_FINE;
}

static enum fact_level get_clocksource(char *text)
{
	return known(fact_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
			       text, FACT_TEXT));
}

static enum fact_level get_governor(char *text)
{
	if (!fact_line(CPU_DIR "cpu0/cpufreq/scaling_governor", text, FACT_TEXT))
		return FACT_UNKNOWN;
	return strcmp(text, "performance") ? FACT_MISSING : FACT_FINE;
}

static enum fact_level get_turbo(char *text)
{
	char flag[16];
	bool on;

	if (fact_line(CPU_DIR "intel_pstate/no_turbo", flag, sizeof(flag)))
		on = flag[0] == '0';
	else if (fact_line(CPU_DIR "cpufreq/boost", flag, sizeof(flag)))
		on = flag[0] != '0';
	else
		return FACT_UNKNOWN;
	snprintf(text, FACT_TEXT, "%s", on ? "on" : "off");
	return on ? FACT_MISSING : FACT_FINE;
}

static enum fact_level get_smt(char *text)
{
	if (!fact_line(CPU_DIR "smt/control", text, FACT_TEXT))
		return FACT_UNKNOWN;
	return strcmp(text, "on") ? FACT_FINE : FACT_MISSING;
}

static enum fact_level get_mitigations(char *text)
{
	static const char dir[] = CPU_DIR "vulnerabilities";
	struct dirent **names;
	size_t len = 0;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[400], line[200];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && fact_line(path, line, sizeof(line)) &&
		    strcmp(line, "Not affected") && len < FACT_TEXT)
			/* The kernel's first words suffice: "Mitigation: PTI", "Vulnerable". */
			len += (size_t)snprintf(text + len, FACT_TEXT - len, "%s%s: %.*s",
						len ? "; " : "", names[i]->d_name,
						(int)strcspn(line, ";,"), line);
		free(names[i]);
	}
	if (n < 0)
		return FACT_UNKNOWN;
	free(names);
	if (!len)
		snprintf(text, FACT_TEXT, "none needed");
	return FACT_FINE;
}

static enum fact_level get_hugepages(char *text)
{
	char modes[64], shmem[64];
	const char *paths[] = { "/sys/kernel/mm/transparent_hugepage/enabled",
				"/sys/kernel/mm/transparent_hugepage/shmem_enabled" };

	if (!fact_line(paths[0], modes, sizeof(modes)))
		return FACT_UNKNOWN;
	fact_line(paths[1], shmem, sizeof(shmem));
	snprintf(text, FACT_TEXT, "transparent: %s; for shared memory: %s", modes, shmem);
	return strstr(shmem, "[never]") || strstr(shmem, "[deny]") ? FACT_MISSING : FACT_FINE;
}

static enum fact_level get_load(char *text)
{
	double load;

	if (!fact_line("/proc/loadavg", text, FACT_TEXT))
		return FACT_UNKNOWN;
	load = strtod(text, NULL);
	return load < 0.5 ? FACT_FINE : FACT_MISSING;
}

const struct fact host_facts[] = {
	{ "cpu", "processor", get_processor, NULL },
	{ "microcode", "microcode", get_microcode, NULL },
	{ "kind", "kind of host", get_kind,
	  "times measured here are not bare hardware's; every result row says so in host_kind" },
	{ "hypervisor", "hypervisor below", get_hypervisor, NULL },
	{ "product", "product", get_product, NULL },
	{ "kernel", "kernel", get_kernel, NULL },
	{ "cpus", "processors online", get_cpus, NULL },
	{ "memory_available", "memory available", get_memory, NULL },
	{ "tsc_khz", "TSC frequency, kHz", get_tsc, NULL },
	{ "clocksource", "clock source", get_clocksource, NULL },
	{ "governor", "frequency governor", get_governor,
	  "for steady times: cpupower frequency-set -g performance" },
	{ "turbo", "turbo", get_turbo,
	  "for steady times: echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or 0 to "
	  "cpufreq/boost" },
	{ "smt", "hyperthreads", get_smt,
	  "for steady times: echo off > /sys/devices/system/cpu/smt/control" },
	{ "mitigations", "mitigations", get_mitigations, NULL },
	{ "hugepages", "large pages", get_hugepages,
	  "guest RAM in large pages: echo advise > "
	  "/sys/kernel/mm/transparent_hugepage/shmem_enabled" },
	{ "load", "load", get_load, "for steady times: let nothing else run" },
	{ NULL, NULL, NULL, NULL },
};
