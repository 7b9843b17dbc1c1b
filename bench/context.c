/* SPDX-License-Identifier: MIT */
#include "bench/context.h"
#include "bench/facts.h"
#include "version.h"

#include <Zydis/Zydis.h>
#include <gnu/libc-version.h>
#include <inttypes.h>
#include <jansson.h>
#include <link.h>
#include <perfmon/pfmlib.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* ---- the build ------------------------------------------------------------------------------- */

struct text {
	char *text;
	size_t size;
};

/* The note NT_GNU_BUILD_ID, if it is among the LEFT bytes of notes at NOTE. */
static void find_id(const char *note, size_t left, const struct text *id)
{
	while (left >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *n = (const void *)note;
		size_t name = ALIGN_UP(n->n_namesz, 4), desc = ALIGN_UP(n->n_descsz, 4);
		const char *data = note + sizeof(*n);

		if (name > left || desc > left || sizeof(*n) + name + desc > left)
			return;
		if (n->n_type == NT_GNU_BUILD_ID && !strcmp(data, ELF_NOTE_GNU)) {
			for (size_t i = 0; i < n->n_descsz && 2 * i + 2 < id->size; i++)
				snprintf(id->text + 2 * i, 3, "%02x", (u8)data[name + i]);
			return;
		}
		note += sizeof(*n) + name + desc;
		left -= sizeof(*n) + name + desc;
	}
}

static int on_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			find_id((const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
				info->dlpi_phdr[i].p_memsz, arg);
	return 1; /* the first is the program itself */
}

void context_build_id(char *text, size_t size)
{
	struct text id = { text, size };

	text[0] = '\0';
	dl_iterate_phdr(on_object, &id);
}

static void write_build(struct json *j)
{
	static const char version[] = FVB_VERSION;
	char id[100];

	context_build_id(id, sizeof(id));
	jsonw_object(j, "build");
	jsonw_text(j, "version", version);
	jsonw_bool(j, "dirty", strstr(version, "-dirty"));
	jsonw_text(j, "build_id", id);
	jsonw_text(j, "compiler", FVB_COMPILER);
	jsonw_text(j, "flags", FVB_CFLAGS);
	jsonw_end(j);
}

/* ---- libraries ------------------------------------------------------------------------------- */

static void write_version(struct json *j, const char *key, unsigned int major, unsigned int minor,
			  unsigned int micro)
{
	char text[40];

	snprintf(text, sizeof(text), "%u.%u.%u", major, minor, micro);
	jsonw_text(j, key, text);
}

static void write_qemu(struct json *j)
{
	FILE *f = popen("qemu-system-x86_64 --version 2>/dev/null", "re");
	char line[200] = "";

	if (f && !fgets(line, sizeof(line), f))
		line[0] = '\0';
	if (f)
		pclose(f);
	line[strcspn(line, "\n")] = '\0';
	jsonw_text(j, "qemu", line);
}

static void write_libraries(struct json *j, bool qemu)
{
	const struct scmp_version *seccomp = seccomp_version();
	u64 zydis = ZydisGetVersion();
	int pfm = pfm_get_version();

	jsonw_object(j, "libraries");
	jsonw_text(j, "glibc", gnu_get_libc_version());
	write_version(j, "zydis", (u16)(zydis >> 48), (u16)(zydis >> 32), (u16)(zydis >> 16));
	write_version(j, "libseccomp", seccomp->major, seccomp->minor, seccomp->micro);
	write_version(j, "libpfm4", (unsigned int)PFM_MAJ_VERSION(pfm),
		      (unsigned int)PFM_MIN_VERSION(pfm), 0);
	jsonw_text(j, "jansson", jansson_version_str());
	if (qemu)
		write_qemu(j);
	jsonw_end(j);
}

/* ---- environment ----------------------------------------------------------------------------- */

/* Variables that change what this program, its libraries or its peers do. */
static const char *const variables[] = {
	"FVBENCH_", "GLIBC_TUNABLES=", "LC_ALL=", "LD_", "LIBPFM_", "MALLOC_", "PATH=", "QEMU_",
};

static bool matters(const char *variable)
{
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (!strncmp(variable, variables[i], strlen(variables[i])))
			return true;
	return false;
}

static void write_environment(struct json *j)
{
	jsonw_object(j, "environment");
	for (char **e = environ; *e; e++) {
		char name[100];

		if (!matters(*e))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
		jsonw_text(j, name, *e + strcspn(*e, "=") + 1);
	}
	jsonw_end(j);
}

/* ---- the host -------------------------------------------------------------------------------- */

bool context_varies(const char *fact)
{
	static const char *const varying[] = { "load", "memory_available", "tsc_khz", "PATH" };

	for (size_t i = 0; i < ARRAY_SIZE(varying); i++)
		if (!strcmp(fact, varying[i]))
			return true;
	return false;
}

static void write_facts(struct json *j, const char *key, const struct fact *fact)
{
	jsonw_object(j, key);
	for (; fact->key; fact++) {
		char text[FACT_TEXT] = "";

		fact->get(text);
		jsonw_text(j, fact->key, text);
	}
	jsonw_end(j);
}

void context_write(struct json *j, bool qemu)
{
	write_build(j);
	write_libraries(j, qemu);
	write_environment(j);
	write_facts(j, "host", host_facts);
	write_facts(j, "virtualization", virt_facts);
}
