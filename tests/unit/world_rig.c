/* SPDX-License-Identifier: MIT */
#include "tests/unit/world_rig.h"

#include "common/error.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

int world_rig_begin_spinning(struct world_rig *rig, const struct transport *t, u64 spin)
{
	struct world *w = &rig->w;
	struct error err = { "" };
	struct world_call map[] = {
		{ SYS_mmap,
		  { WR_CODE, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, 0, 0 } },
		{ SYS_mmap,
		  { WR_DATA, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 0, 4096 } },
	};
	int r;

	*rig = (struct world_rig){ 0 };
	*w = (struct world){
		.transport = t, .name = "test", .copy_fd = -1, .gate = -1, .spin = spin
	};
	w->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	r = w->ram_fd < 0 || ftruncate(w->ram_fd, MiB) ? -errno : t->start(w, &err);
	if (r) {
		CU_FAIL("a world does not start");
		fprintf(stderr, "%s\n", err.text);
		return r;
	}
	rig->code = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, w->ram_fd, 0);
	rig->data = rig->code + 4096;
	rig->r = (struct world_regs){ .rip = WR_CODE, .rflags = 2, .cs = HOST_CS64, .ss = HOST_SS };
	map[0].arg[4] = map[1].arg[4] = (u64)w->ram_fd;
	r = t->calls(w, map, ARRAY_SIZE(map));
	CU_ASSERT_EQUAL(r, 0);
	return r;
}

int world_rig_begin(struct world_rig *rig, const struct transport *t)
{
	return world_rig_begin_spinning(rig, t, 80000);
}

void world_rig_end(struct world_rig *rig)
{
	rig->w.transport->end(&rig->w);
	munmap(rig->code, 8192);
	close(rig->w.ram_fd);
}

int world_rig_run(struct world_rig *rig)
{
	return rig->w.transport->run(&rig->w, &rig->r, &rig->loaded, &rig->stop);
}

static struct world *to_kick;

static void on_alarm(int signo)
{
	(void)signo;
	to_kick->transport->kick(to_kick);
}

int world_rig_run_for(struct world_rig *rig, unsigned int ms)
{
	struct itimerval it = { .it_value.tv_usec = (long)ms * 1000 }, off = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	int ret;

	to_kick = &rig->w;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	ret = world_rig_run(rig);
	setitimer(ITIMER_REAL, &off, NULL);
	return ret;
}

void world_rig_each(void (*fn)(struct world_rig *rig))
{
	static struct world_rig rig;

	for (unsigned int n = 0; transports[n]; n++) {
		if (transports[n]->missing && transports[n]->missing())
			continue;
		if (!world_rig_begin(&rig, transports[n]))
			fn(&rig);
		world_rig_end(&rig);
	}
}

size_t world_rig_maps(const struct world_rig *rig, char *text, size_t size)
{
	char path[64];
	size_t len = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", rig->w.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (; fd >= 0 && len < size - 1; len += (size_t)n) {
		n = read(fd, text + len, size - 1 - len);
		if (n <= 0)
			break;
	}
	text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return len;
}
