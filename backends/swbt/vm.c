/* SPDX-License-Identifier: MIT */
/* The contract of common/backend.h, for a vCPU that is an ordinary thread. */
#include "backends/backends.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/mmu.h"
#include "backends/swbt/options.h"
#include "backends/swbt/step.h"
#include "backends/swbt/thunk.h"
#include "common/vectors.h"
#include "common/traplog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int swbt_probe(struct error *err)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);
	void *code;

	if (fd < 0)
		return fail(err, -errno, "memfd_create is not allowed here: %s", strerror(errno));
	if (ftruncate(fd, 4096)) {
		int r = -errno;

		close(fd);
		return fail(err, r,
			    "cannot make memory files: %s; a limit on files counts (ulimit -f)",
			    strerror(-r));
	}
	code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	close(fd);
	if (code == MAP_FAILED)
		return fail(
			err, -EACCES,
			"this host forbids executable mappings of memory files, which translated "
			"code needs; relax its security policy (SELinux: execmem)");
	munmap(code, 4096);
	return 0;
}

/* XSAVE components that the host's kernel did not enable cannot run here, and LOCK MOV CR0 as
 * another way to write CR8 is not decoded. */
static int swbt_cpuid_filter(struct cpuid_table *table, struct error *err)
{
	struct cpuid_table mine = *table;
	struct cpuid_leaf *l1 = cpuid_find(&mine, 1, 0), *l7 = cpuid_find(&mine, 7, 0);
	struct cpuid_leaf *x1 = cpuid_find(&mine, 0x80000001, 0);
	u64 xcr0 = fpu_host_components();

	(void)err;
	if (!(xcr0 & 4))
		l1->ecx &= ~BIT(28);
	if ((xcr0 & 0xe0) != 0xe0)
		l7->ebx &= ~BIT(16);
	x1->ecx &= ~BIT(4);
	cpuid_intersect(table, &mine);
	return 0;
}

static const struct engine *engine_of(const struct vm_config *config)
{
	for (unsigned int n = 0; config->engine && engines[n]; n++)
		if (!strcmp(engines[n]->name, config->engine))
			return engines[n];
	return engines[0];
}

static bool swbt_ram_file(const struct vm_config *config)
{
	return engine_of(config)->ram_file;
}

static int start_engine(struct vcpu *v, int fd, struct error *err)
{
	const struct engine *engine = engine_of(&v->vm->config);
	const char *missing = engine->missing ? engine->missing() : NULL;
	int r;

	if (missing)
		return fail(err, -ENOTSUP,
			    "this host's processor lacks %s, which engine %s needs; use "
			    "--engine step",
			    missing, engine->name);
	v->engine = engine;
	if (v->account)
		v->account->parts = engine->parts;
	r = engine->init ? engine->init(v, fd, err) : 0;
	if (r == -EBUSY)
		return fail(err, r,
			    "the memory map of this process leaves no room around guest "
			    "RAM; try again");
	if (r && !(err && err->text[0]))
		fail(err, r, "cannot map the tables of engine %s: %s", engine->name, strerror(-r));
	return r;
}

/* A device writes to guest memory: code translated from there goes. */
static void before_device_write(void *arg, u64 gpa, u64 len)
{
	struct vcpu *v = vm_vcpu(arg);

	while (len) {
		u32 n = PAGE_SIZE - (gpa & PAGE_MASK);

		if (n > len)
			n = (u32)len;
		mem_note_write(v, gpa, n);
		gpa += n;
		len -= n;
	}
}

static int swbt_create(struct vm *vm, struct error *err)
{
	int fd, r = 0;
	struct vcpu *v = vcpu_new(&fd);

	if (!v)
		return fail(err, -ENOMEM, "out of memory for the vCPU");
	vm->priv = v;
	v->vm = vm;
	v->account = vm->account;
	vm->ram.before_write = before_device_write;
	vm->ram.before_write_arg = vm;
	cpu_state_reset(&v->s);
	v->bt_config = swbt_bt_config(vm);
	v->tsc_offset = 0 - host_tsc();
	mmu_init(v);
	vcpu_derive(v);
	fpu_init(v);
	r = thunks_init(v);
	if (!r)
		r = step_init(v);
	if (r)
		fail(err, r, "cannot map memory for translated code: %s", strerror(-r));
	else
		r = start_engine(v, fd, err);
	close(fd);
	if (r)
		return r;
	/* Every cause is met in software, so every count is complete. Reading the clock twice takes
	 * as long as walking page tables, and longer than most devices. */
	vm->traps.counted = BIT(TRAP_NR) - 1;
	vm->traps.timed = BIT(TRAP_TRANSLATE) | BIT(TRAP_INVALIDATE);
	if (v->times_traps)
		vm->traps.timed = vm->traps.counted & ~BIT(TRAP_TLB_FILL);
	else if (swbt_trap_times(vm))
		vm->traps.timed |= BIT(TRAP_PORT_IN) | BIT(TRAP_PORT_OUT) | BIT(TRAP_MMIO);
	return 0;
}

static void swbt_destroy(struct vm *vm)
{
	struct vcpu *v = vm_vcpu(vm);

	if (v->engine && v->engine->fini)
		v->engine->fini(v);
	step_fini(v);
	thunks_fini(v);
	vcpu_free(v);
	vm->ram.before_write = NULL;
	vm->priv = NULL;
}

static void put_away(void *vcpu)
{
	fpu_put(vcpu);
}

static int swbt_run(struct vm *vm)
{
	struct vcpu *v = vm_vcpu(vm);

	int r;

	vectors_lend(put_away, v);
	if (unlikely(vm->traps.log != NULL))
		traplog_resumed(vm->traps.log);
	r = v->engine->run(v);
	vectors_lend(NULL, NULL);
	return r;
}

static void swbt_kick(struct vm *vm, void *context)
{
	struct vcpu *v = vm_vcpu(vm);

	if (v->engine->kick)
		v->engine->kick(v, context);
}

static int swbt_get_state(struct vm *vm, struct cpu_state *state, struct error *err)
{
	struct vcpu *v = vm_vcpu(vm);

	(void)err;
	fpu_image(v);
	*state = v->s;
	state->cr8 = lapic_get_cr8(&vm->pc.lapic);
	state->apic_base = vm->pc.lapic.base;
	return 0;
}

static int swbt_set_state(struct vm *vm, const struct cpu_state *state, struct error *err)
{
	struct vcpu *v = vm_vcpu(vm);

	fpu_image(v);
	v->s = *state;
	fpu_sanitize(v);
	if (lapic_wrmsr(&vm->pc.lapic, MSR_APIC_BASE, state->apic_base))
		return fail(err, -EINVAL, "the state's APIC base %#llx is not possible",
			    (unsigned long long)state->apic_base);
	lapic_set_cr8(&vm->pc.lapic, state->cr8);
	mmu_flush(v, true);
	vcpu_derive(v);
	if ((v->s.cr0 & CR0_PG) && (v->s.cr4 & CR4_PAE) && !long_mode(v) &&
	    mmu_load_pdptes(v, v->s.cr3))
		return fail(err, -EINVAL, "the state's PAE page directory pointers are not valid");
	return 0;
}

static u64 swbt_guest_tsc(struct vm *vm)
{
	return host_tsc() + vm_vcpu(vm)->tsc_offset;
}

static size_t swbt_read_virtual(struct vm *vm, u64 gva, void *buf, size_t len)
{
	struct vcpu *v = vm_vcpu(vm);
	size_t done = 0;

	while (done < len) {
		u64 gpa = mmu_peek(v, gva + done), n = 4096 - ((gva + done) & 4095);
		const void *p;

		if (n > len - done)
			n = len - done;
		p = gpa == ~0ull ? NULL : ram_at(&vm->ram, gpa, n);
		if (!p)
			break;
		memcpy((u8 *)buf + done, p, n);
		done += n;
	}
	return done;
}

/* Translated code does not count them, nor does code that runs directly. */
static const u64 *swbt_instructions(struct vm *vm)
{
	struct vcpu *v = vm_vcpu(vm);

	return v->engine == &step_engine ? &v->instructions : NULL;
}

static void swbt_sync_traps(struct vm *vm)
{
	struct vcpu *v = vm_vcpu(vm);

	for (unsigned int n = 0; n < TRAP_NR; n++) {
		vm->traps.c[n].count += v->inline_traps[n];
		v->inline_traps[n] = 0;
	}
}

static void swbt_counters(struct vm *vm, void (*fn)(void *arg, const char *name, u64 value),
			  void *arg)
{
	fn(arg, "swbt.instructions", vm_vcpu(vm)->instructions);
	if (vm_vcpu(vm)->engine->counters)
		vm_vcpu(vm)->engine->counters(vm_vcpu(vm), fn, arg);
}

static int swbt_open_records(struct vm *vm, struct error *err)
{
	struct vcpu *v = vm_vcpu(vm);

	return v->engine->open_records ? v->engine->open_records(v, err) : 0;
}

static int swbt_close_records(struct vm *vm, const struct csv_key *key, struct error *err)
{
	struct vcpu *v = vm_vcpu(vm);

	return v->engine->close_records ? v->engine->close_records(v, key, err) : 0;
}

static const struct sandbox_rule *swbt_syscalls(struct vm *vm)
{
	struct vcpu *v = vm_vcpu(vm);

	return v->engine->syscalls ? v->engine->syscalls(v) : NULL;
}

const struct backend swbt_backend = {
	.name = "swbt",
	.summary = "software: translated, one instruction at a time, or deprivileged; needs no "
		   "virtualization hardware",
	.engines = (const char *const[]){ "bt", "step", "trap", "trap+patch", NULL },
	.options = swbt_options,
	.ram_file = swbt_ram_file,
	.probe = swbt_probe,
	.cpuid_filter = swbt_cpuid_filter,
	.create = swbt_create,
	.destroy = swbt_destroy,
	.run = swbt_run,
	.kick = swbt_kick,
	.get_state = swbt_get_state,
	.set_state = swbt_set_state,
	.guest_tsc = swbt_guest_tsc,
	.read_virtual = swbt_read_virtual,
	.sync_traps = swbt_sync_traps,
	.instructions = swbt_instructions,
	.counters = swbt_counters,
	.open_records = swbt_open_records,
	.close_records = swbt_close_records,
	.syscalls = swbt_syscalls,
};
