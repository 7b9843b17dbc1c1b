/* SPDX-License-Identifier: MIT */
/*
 * Translated code for perf: a file in the format that Linux has in
 * tools/perf/Documentation/jitdump-specification.txt (version 1). Each block is in it with its
 * name, its bytes and the time when it came; so what lies at one address at different times is
 * told apart, which a perf map could not. The clock is that of perf record -k 1.
 */
#include "backends/swbt/bt/watch.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define JIT_MAGIC 0x4a695444u
enum { JIT_CODE_LOAD = 0, JIT_CODE_CLOSE = 3 };

struct jit_header {
	u32 magic, version, size, machine, pad, pid;
	u64 time, flags;
};

struct jit_record {
	u32 id, size;
	u64 time;
};

struct jit_load {
	struct jit_record record;
	u32 pid, tid;
	u64 vma, address, length, number;
	/* the name with its zero byte, and the code */
};

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

int jitdump_open(struct watch *w, const char *dir, struct error *err)
{
	const struct jit_header h = { .magic = JIT_MAGIC,
				      .version = 1,
				      .size = sizeof(h),
				      .machine = EM_X86_64,
				      .pid = (u32)getpid(),
				      .time = now() };
	struct record_file *r = &w->jitdump;

	if (snprintf(r->path, sizeof(r->path), "%s/jit-%d.dump", dir, getpid()) >=
	    (int)sizeof(r->path))
		return fail(err, -ENAMETOOLONG, "cannot write to %s: its name is too long", dir);
	r->file = fopen(r->path, "w+e");
	if (!r->file)
		return fail(err, -errno, "cannot write %s: %s", r->path, strerror(errno));
	fwrite(&h, sizeof(h), 1, r->file);
	if (csv_flush(r->file))
		return fail(err, -EIO, "cannot write %s", r->path);
	/* perf finds the file by the event that this makes. */
	w->jit_mark = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE,
			   fileno(r->file), 0);
	if (w->jit_mark == MAP_FAILED) {
		w->jit_mark = NULL;
		return fail(err, -errno, "cannot map %s as perf wants it: %s", r->path,
			    strerror(errno));
	}
	return 0;
}

void jitdump_block(struct watch *w, const struct block *b)
{
	char symbol[160], name[200];
	struct jit_load l = { .record = { .id = JIT_CODE_LOAD, .time = now() },
			      .pid = (u32)getpid(),
			      .tid = (u32)gettid(),
			      .vma = (uintptr_t)b->host,
			      .address = (uintptr_t)b->host,
			      .length = b->host_length,
			      .number = w->jit_number++ };
	u32 len;

	symbols_name(&w->symbols, b->rip, symbol, sizeof(symbol));
	len = 1 + (u32)snprintf(name, sizeof(name), "%s%s%#" PRIx64 "%s", symbol,
				*symbol ? "@" : "", b->rip,
				b->key & KEY_LONG64   ? ""
				: b->key & KEY_CODE16 ? "/16"
						      : "/32");
	l.record.size = (u32)sizeof(l) + len + b->host_length;
	fwrite(&l, sizeof(l), 1, w->jitdump.file);
	fwrite(name, len, 1, w->jitdump.file);
	fwrite(b->host, b->host_length, 1, w->jitdump.file);
}

void jitdump_close(struct watch *w)
{
	const struct jit_record end = { .id = JIT_CODE_CLOSE, .size = sizeof(end), .time = now() };

	if (!w->jit_mark)
		return;
	fwrite(&end, sizeof(end), 1, w->jitdump.file);
	munmap(w->jit_mark, (size_t)sysconf(_SC_PAGESIZE));
	w->jit_mark = NULL;
}
