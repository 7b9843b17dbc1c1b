/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/patch.h"

#include "backends/swbt/direct/codes.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/options.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A page that is written and run in turn: after so many stores it can be written unseen, until it
 * is to run again. */
#define WRITES 16

/* Readers that are remembered, a few megabytes of them: those of instructions that are not known
 * any more are among them, and a guest can make as many as it likes. */
#define MAX_READERS 262144u

/* Instructions that are emulated behind one that is closed: as many as take the time of a stop,
 * this being the cycles of one. So that never costs more than twice what the better of the two
 * would have. */
#define STEP_CYCLES 128u
#define RUN_MIN	    16u
#define RUN_MAX	    4096u

static struct patch *patch_of(const struct direct *d)
{
	return d->patch;
}

/* ---- beginning and end ----------------------------------------------------------------------- */

/* CPUID leaf 7 ECX bit 4: the host's kernel uses protection keys. A mapping for execution alone is
 * just that then. */
static bool host_has_keys(void)
{
	u32 a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c >> 4 & 1;
}

static void *reserve(size_t size, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_NORESERVE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

int patch_init(struct direct *d)
{
	const struct ram *ram = &d->v->vm->ram;
	const struct ram_region *last = &ram->region[ram->nr - 1];
	struct patch *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	d->patch = p;
	p->d = d;
	p->exec_only = host_has_keys();
	p->inside = (u8)swbt_patch_inside(d->v->vm);
	p->fpu = ~0u;
	p->shortest = RUN_MAX * STEP_CYCLES;
	p->max_readers = MAX_READERS;
	p->fd = memfd_create("copies", MFD_CLOEXEC);
	if (p->fd < 0 || ftruncate(p->fd, (off_t)CODES_MAX * PAGE_SIZE))
		return -errno;
	p->copies = reserve((size_t)CODES_MAX * PAGE_SIZE, p->fd);
	p->nr_pages = (last->gpa + last->size) >> 12;
	d->v->code_pages = reserve(p->nr_pages, -1);
	return p->copies && d->v->code_pages ? codes_init(p) : -ENOMEM;
}

void patch_fini(struct direct *d)
{
	struct patch *p = patch_of(d);

	if (!p)
		return;
	if (p->report)
		report_close(p->report, NULL, NULL);
	codes_fini(p);
	if (p->copies)
		munmap(p->copies, (size_t)CODES_MAX * PAGE_SIZE);
	if (d->v->code_pages)
		munmap(d->v->code_pages, p->nr_pages);
	d->v->code_pages = NULL;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
	d->patch = NULL;
}

int patch_fd(const struct direct *d)
{
	return patch_of(d)->fd;
}

int patch_prot(const struct direct *d)
{
	return patch_of(d)->exec_only ? PROT_EXEC : PROT_READ | PROT_EXEC;
}

/* ---- entries --------------------------------------------------------------------------------- */

static u64 code_linear(const struct vcpu *v)
{
	return v->mode == MODE_LONG64 ? v->s.rip : (u32)(v->s.rip + v->s.seg[SEG_CS].base);
}

static void unmap_gpa(struct patch *p, u64 gpa, int prot)
{
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		if (p->d->space[n])
			space_unmap_gpa(p->d->space[n], gpa, prot);
}

static void unmap_linear(struct patch *p, u64 linear)
{
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		if (p->d->space[n])
			space_unmap(p->d->space[n], linear & ~(u64)PAGE_MASK, 12);
}

static void unmap_all(struct patch *p)
{
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		if (p->d->space[n])
			space_flush(p->d->space[n], true);
}

/* Copies with other FPU instructions may be mapped: none are, after a change. */
static void look_at_fpu(struct patch *p)
{
	struct vcpu *v = p->d->v;
	u32 refused;

	if (likely(p->cr0 == v->s.cr0 && p->cr4 == v->s.cr4 && p->xcr0 == v->s.xcr0))
		return;
	p->cr0 = v->s.cr0;
	p->cr4 = v->s.cr4;
	p->xcr0 = v->s.xcr0;
	refused = fpu_refused(v);
	if (refused == p->fpu)
		return;
	p->fpu = refused;
	unmap_all(p);
}

/* The page is code from now on, or again: nobody writes to it unseen. */
static void hold(struct patch *p, struct code_page *page)
{
	if (likely(page->held))
		return;
	page->held = true;
	page->writes = 0;
	p->d->v->code_pages[page->gpa >> 12] = 1;
	unmap_gpa(p, page->gpa, PROT_WRITE);
	p->stats.voided += codes_compare(page);
}

/* It changes hands: written as data is, until it is to run. */
static void release(struct patch *p, struct code_page *page)
{
	if (codes_remember(page))
		return; /* no memory: it stays as it is */
	page->held = false;
	p->d->v->code_pages[page->gpa >> 12] = 0;
	unmap_gpa(p, page->gpa, PROT_EXEC);
	p->stats.released++;
}

/* Is the instruction at AT closed, though it is none that the guest's code would trap for? */
static bool is_incidental(const struct code *c, u32 at)
{
	enum scan_why why = scan_why(&c->scan, at);

	return why == SCAN_PAGE_END || why == SCAN_INSIDE || why == SCAN_READS;
}

static void grant(struct patch *p)
{
	u64 run = p->shortest / STEP_CYCLES;

	p->credit = run < RUN_MIN ? RUN_MIN : run > RUN_MAX ? RUN_MAX : (u32)run;
}

/* Selectors that the host's processor takes for those of its programs' code: far transfers to them
 * do not trap. One that the guest uses itself may be what such a return finds. */
static bool is_hosts(u16 selector)
{
	return (selector & 0xfff8) == 0x20 || (selector & 0xfff8) == 0x30 || selector & 4;
}

static void look_at_cs(struct patch *p)
{
	if (likely(p->inside != INSIDE_FAR_TRANSFERS || !is_hosts(p->d->v->s.seg[SEG_CS].selector)))
		return;
	p->inside = INSIDE_NOTHING;
	fpu_put(p->d->v);
	codes_drop_all(p);
	unmap_all(p);
}

/* The guest is at AT of C, which is known. */
static void came_to(struct patch *p, const struct code *c, u32 at)
{
	enum scan_why why = scan_why(&c->scan, at);

	p->stats.hits[why]++;
	if (why == SCAN_OPEN)
		return;
	if (p->report) {
		fpu_put(p->d->v);
		report_hit(p->report, c->scan.linear + at, c->page->gpa + at);
	}
	if (is_incidental(c, at))
		grant(p);
}

bool patch_emulates(struct direct *d)
{
	struct patch *p = patch_of(d);
	u64 linear = code_linear(d->v);
	const struct code *c;

	if (likely(!p->credit))
		return false;
	p->credit--;
	p->stats.emulated++;
	c = codes_latest(p, linear & ~(u64)PAGE_MASK);
	if (!c || !scan_why(&c->scan, linear & PAGE_MASK))
		return true;
	/* The guest would have trapped there in any case: on as if it had. */
	if (!is_incidental(c, linear & PAGE_MASK))
		p->credit = 0;
	came_to(p, c, linear & PAGE_MASK);
	return true;
}

/* What is in use will soon be known again. */
static void drop_all(struct patch *p)
{
	fpu_put(p->d->v);
	codes_drop_all(p);
	unmap_all(p);
	p->stats.flushes++;
}

int patch_enter(struct direct *d, u64 gpa, u64 *offset)
{
	struct patch *p = patch_of(d);
	struct vcpu *v = d->v;
	u64 linear = code_linear(v);
	u32 at = linear & PAGE_MASK;
	struct code *latest, *c;

	look_at_cs(p);
	look_at_fpu(p);
	if (unlikely(p->nr_readers > p->max_readers))
		drop_all(p);
	latest = codes_latest(p, linear & ~(u64)PAGE_MASK);
	c = codes_find(p, linear & ~(u64)PAGE_MASK, gpa & ~(u64)PAGE_MASK);
	if (unlikely(!c)) {
		fpu_put(v);
		if (p->nr == CODES_MAX) {
			drop_all(p);
			latest = NULL;
		}
		c = codes_new(p, linear & ~(u64)PAGE_MASK, gpa & ~(u64)PAGE_MASK);
		if (!c)
			return -ENOMEM;
	}
	/* Another one is mapped there: other code, or code of another mode. */
	if (unlikely(latest && c != latest))
		unmap_linear(p, linear);
	if (unlikely(!c->page->held)) {
		fpu_put(v);
		hold(p, c->page);
	}
	if (unlikely(!c->scan.known[at])) {
		fpu_put(v);
		scan_from(&c->scan, at);
	}
	*offset = (u64)(c->scan.copy - p->copies);
	p->entered = __builtin_ia32_rdtsc();
	if (scan_is_open(&c->scan, at))
		return 0;
	came_to(p, c, at);
	return 1;
}

/* ---- stops ----------------------------------------------------------------------------------- */

bool patch_stopped(struct direct *d)
{
	struct patch *p = patch_of(d);
	u64 linear = code_linear(d->v);
	struct code *c = codes_latest(p, linear & ~(u64)PAGE_MASK);
	u64 took = __builtin_ia32_rdtsc() - p->entered;
	u32 at = linear & PAGE_MASK;

	if (took < p->shortest)
		p->shortest = took;
	if (!c)
		return false;
	if (!c->scan.known[at]) {
		p->stats.unknown++;
		return true;
	}
	came_to(p, c, at);
	return false;
}

/* ---- stores ---------------------------------------------------------------------------------- */

void patch_accessed(struct direct *d)
{
	patch_of(d)->stats.accessed++;
}

static void written(struct patch *p, u64 gpa, u32 len)
{
	struct code_page *page = codes_page(p, gpa & ~(u64)PAGE_MASK);

	if (!page || !page->held)
		return;
	p->stats.writes++;
	p->stats.voided += codes_void(page, gpa & PAGE_MASK, len);
	if (++page->writes >= WRITES)
		release(p, page);
}

void patch_written(struct vcpu *v, u64 gpa, u32 len)
{
	struct patch *p = patch_of(vcpu_direct(v));
	u32 first = PAGE_SIZE - (gpa & PAGE_MASK);

	fpu_put(v);
	if (len > first) {
		written(p, gpa + first, len - first);
		len = first;
	}
	written(p, gpa, len);
}

/* ---- what it did ----------------------------------------------------------------------------- */

void patch_counters(const struct direct *d, void (*fn)(void *arg, const char *name, u64 value),
		    void *arg)
{
	const struct patch *p = patch_of(d);
	char name[64];

	fn(arg, "swbt.patch.pages", p->nr);
	fn(arg, "swbt.patch.instructions", codes_decoded(p));
	for (unsigned int why = SCAN_SENSITIVE; why < NR_SCAN_WHY; why++) {
		snprintf(name, sizeof(name), "swbt.patch.closed.%s", scan_why_names[why]);
		fn(arg, name, p->stats.closed[why]);
	}
	for (unsigned int why = SCAN_SENSITIVE; why < NR_SCAN_WHY; why++) {
		snprintf(name, sizeof(name), "swbt.patch.hits.%s", scan_why_names[why]);
		fn(arg, name, p->stats.hits[why]);
	}
	fn(arg, "swbt.patch.unknown", p->stats.unknown);
	fn(arg, "swbt.patch.emulated", p->stats.emulated);
	fn(arg, "swbt.patch.accessed", p->stats.accessed);
	fn(arg, "swbt.patch.writes", p->stats.writes);
	fn(arg, "swbt.patch.voided", p->stats.voided);
	fn(arg, "swbt.patch.released", p->stats.released);
	fn(arg, "swbt.patch.flushes", p->stats.flushes);
}

int patch_open_records(struct direct *d, struct error *err)
{
	const char *path = swbt_patch_report(d->v->vm);

	if (!path)
		return 0;
	patch_of(d)->report = report_open(path, d->v->vm->config.kernel, err);
	return patch_of(d)->report ? 0 : -EINVAL;
}

int patch_close_records(struct direct *d, const struct csv_key *key, struct error *err)
{
	struct report *r = patch_of(d)->report;

	patch_of(d)->report = NULL;
	return r ? report_close(r, key, err) : 0;
}

/* ---- the engine ------------------------------------------------------------------------------ */

static int prepare(struct direct *d, struct error *err)
{
	int r = patch_init(d);

	if (r)
		return fail(err, r, "cannot map memory for copies of code: %s", strerror(-r));
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		d->world[n].copy_fd = patch_fd(d);
	return 0;
}

static int init(struct vcpu *v, int vcpu_fd, struct error *err)
{
	(void)vcpu_fd;
	return direct_init(v, prepare, err);
}

static void counters(const struct vcpu *v, void (*fn)(void *arg, const char *name, u64 value),
		     void *arg)
{
	direct_counters(v, fn, arg);
	patch_counters(vcpu_direct(v), fn, arg);
}

static int open_records(struct vcpu *v, struct error *err)
{
	return patch_open_records(vcpu_direct(v), err);
}

static int close_records(struct vcpu *v, const struct csv_key *key, struct error *err)
{
	return patch_close_records(vcpu_direct(v), key, err);
}

const struct engine patch_engine = {
	.name = "trap+patch",
	.parts = DIRECT_PARTS | BIT(ACCOUNT_TRANSLATION),
	.init = init,
	.code_written = patch_written,
	.counters = counters,
	.open_records = open_records,
	.close_records = close_records,
	DIRECT_ENGINE,
};
