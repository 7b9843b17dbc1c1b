/* SPDX-License-Identifier: MIT */
/*
 * The binary translator: guest code of every mode becomes blocks of host code that run one into
 * the other. Everything unusual is done by the step engine, one instruction at a time; README.md
 * says how and why.
 */
#ifndef FVB_SWBT_BT_BT_H
#define FVB_SWBT_BT_BT_H

#include "backends/swbt/bt/adapt.h"
#include "backends/swbt/bt/blockhash.h"
#include "backends/swbt/bt/cache.h"
#include "backends/swbt/bt/insncache.h"
#include "backends/swbt/bt/near.h"
#include "backends/swbt/bt/pagetable.h"
#include "backends/swbt/bt/template.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/hostfault.h"
#include "backends/swbt/vcpu.h"

/* Why translated code came back. The numbers below EXIT_FIRST are not of an exit of a block. */
enum exit_kind {
	EXIT_JUMP,     /* to a place that is not linked (yet) */
	EXIT_STEP,     /* this instruction is for the step engine */
	EXIT_READ,     /* no entry for reading the page of frame.linear */
	EXIT_WRITE,    /* no entry for writing it */
	EXIT_CALL,     /* this instruction's C routine is to be called (callout.c) */
	EXIT_LANDED,   /* as EXIT_JUMP, to R13, which is canonical */
	EXIT_INDIRECT, /* as EXIT_STEP: the target of this indirect jump is not known */
	NR_EXIT_KINDS
};

#define BT_PUSHES (~0u)
#define BT_TAIL	  12

struct block;

/* There are six for each block, most of them of accesses that may miss: every byte counts. */
struct exit {
	struct near from; /* exit_block */
	u16 stub;	  /* where it goes when unlinked, in FROM's code */
	u16 commit; /* of code that does INSN, from STUB on, like a site's; 0: there is none */
	union {
		u32 pop;  /* EXIT_INDIRECT: what is added to RSP, or BT_PUSHES */
		u32 link; /* EXIT_JUMP: which of the block's */
		u32 call; /* others: exit_call's number plus 1, or 0 */
	};
	u8 insn; /* which of the block's */
	u8 kind;
	union {
		u8 aligned; /* EXIT_READ, EXIT_WRITE: these bits of the address have to be 0 */
		u8 tail;    /* EXIT_JUMP: where BT_TAIL bytes begin that say where to go, from STUB
			     */
	};
	bool across : 1;  /* it is linked to code for the other way of treating alignment */
	bool settle : 1;  /* EXIT_CALL: the routine makes unaligned accesses, AC is cleared first */
	bool direct : 1;  /* EXIT_READ, EXIT_WRITE: the instruction raises the #PF of its page, if
			     any */
	bool adapted : 1; /* EXIT_CALL: it could be done without, most of the time (adapt.h) */
	bool guess : 1;	  /* EXIT_READ: or too many guesses were wrong */
	bool places : 1;  /* EXIT_READ: or it is none of several guesses */
	bool crossing : 1; /* EXIT_STEP, EXIT_CALL: because the operand lies on two pages */
};

/* Of an EXIT_JUMP: where it goes, and the block that it is linked to. */
struct link {
	s64 target : 48;	  /* guest RIP, canonical */
	u64 page : 16;		  /* number of the code page, where it is linked to another one */
	struct near to;		  /* block, or NULL */
	struct near next, before; /* exit; to NEXT or INCOMING: of those linked to the same block */
	u16 site;  /* displacement of the branch, in the block's code; 0: cannot be linked */
	u16 guard; /* that of the load of the page's byte (codepage.h); 0: the same page */
};

/* Where a guest instruction is in its block. Until COMMIT, and before the host instruction there
 * has been executed, nothing that the guest can see has changed. */
struct site {
	u16 host, commit;
	u16 guest : 14;
	u16 shadow : 1; /* behind an STI: no interrupt before this one if that has set IF */
	u16 door : 1;	/* a jump may come here: nothing is left over from the ones before */
};

/* What code was translated for, beside its bytes. */
#define KEY_LONG64    BIT64(0)
#define KEY_ALIGNMENT BIT64(3)	/* every access checks for itself whether it crosses a page */
#define KEY_FPU_SHIFT 4		/* BIT(enum fpu_class): may be used */
#define KEY_CODE16    BIT64(11) /* CS.D is 0 */
#define KEY_REAL      BIT64(12) /* real or virtual-8086 mode */
#define KEY_STACK16   BIT64(13) /* SS.B is 0 */
#define KEY_CPL0      BIT64(16)
#define KEY_FLAGS     BIT64(17) /* CPL 0; IOPL is 0, NT, VIF and VIP are clear */
#define KEY_TSD	      BIT64(18) /* CR4.TSD */
#define KEY_FSGSBASE  BIT64(19) /* CR4.FSGSBASE */
#define KEY_UMIP      BIT64(20) /* CR4.UMIP */
#define KEY_CPL3      BIT64(21)
#define KEY_PRIVILEGE (KEY_CPL0 | KEY_FLAGS | KEY_CPL3) /* the same system at another CPL */
/* Counts what EFER.SCE, STAR, LSTAR and SFMASK have been; SYSCALL_NONE: no longer. */
#define KEY_SYSCALL_SHIFT 24
#define SYSCALL_NONE	  255u
/* What may be taken for granted of a segment, outside 64-bit mode. */
enum segment_class {
	CLASS_FLAT,  /* writable, expands up, 4 GiB; from 0 */
	CLASS_BASED, /* the same from its base */
	CLASS_64K,   /* the same from its base, and it has 64 KiB or more */
	CLASS_OTHER, /* nothing */
};
#define KEY_SEGMENT(seg) (32 + 2 * (seg)) /* of SEG_ES to SEG_GS, without CS: */
#define KEY_SEGMENTS	 (0xfffull << KEY_SEGMENT(SEG_ES))
#define KEY_BASE_SHIFT	 44 /* the base of CS in units of 16 */
#define KEY_BASE	 (~0ull << KEY_BASE_SHIFT)

/* A block in the list of a guest-physical page. */
struct page_link {
	struct near block;
	struct near next, before; /* page_link; to NEXT or a page's first */
};

/* Behind it come the instructions that it calls out for (block_calls) and links (block_links). */
struct block {
	u64 rip, key;
	u64 gpa : 40, nr : 8, nr_calls : 8; /* NR: of guest instructions */
	bool unaligned : 1; /* not to be run: an instruction in it makes unaligned accesses */
	bool dropped : 1;   /* nobody finds it any more */
	u64 gpa2 : 40;	/* of the page in which its only instruction ends; 0: that is the same */
	u16 target_of;	/* BIT(space * NR_TARGETS + targets) that it may be among */
	const u8 *host; /* executable view */
	u32 first_exit;
	struct near incoming; /* exit */
	struct page_link page[2];
	u16 length; /* guest bytes */
	u16 cold;   /* offset of what is not on the straight way */
	u16 host_length;
	u16 nr_exits, nr_links;
	struct site site[]; /* NR + 1: the last is where the next instruction would be */
};

/* The 16-byte pieces of a page in which blocks begin. */
struct starts {
	u64 bits[PAGE_SIZE / 16 / 64];
};

struct bt_stats {
	u64 blocks, insns, guest_bytes, host_bytes;
	u64 translate_cycles;
	u64 timed_cycles, timed_decode; /* of the blocks that are timed closely (BT_TIMED) */
	u64 exits[NR_EXIT_KINDS], faults, kicks, enters, steps;
	u64 links, cache_flushes, invalidations;
	u64 unaligned, foreseen; /* operands: reported by the host, and known before */
	u64 found;		 /* blocks that look_up came back with */
	u64 evictions, evicted_blocks, evicted_bytes;
	u64 adapted, adapted_back;
	u64 rounds;	   /* blocks with rounds that share look-ups */
	u64 resumed, hits; /* call-outs after which the block, or a known target, went on */
};

/* Of .translate_cycles, as in the blocks that were timed. */
static inline u64 bt_decode_cycles(const struct bt_stats *st)
{
	u64 decode = st->timed_decode < st->timed_cycles ? st->timed_decode : st->timed_cycles;

	return decode ? (u64)((unsigned __int128)st->translate_cycles * decode / st->timed_cycles)
		      : 0;
}

/* A fault or a kick, as the signal handlers saw it. */
struct stopped {
	struct block *block;
	u16 insn;
	u8 trap; /* vector, or KICKED */
};
#define KICKED	   0xff
#define STOPPED_ID 0u /* frame.exit when .stopped says the rest */
#define KICKED_ID  1u /* never got in */
#define CALLED_ID  2u /* .called and .called_after say the rest */
#define ACROSS_ID  3u /* frame.target is on the other side, and frame.across used up */
#define FIRST_EXIT 4u

/* Why translated code came back, and what is to be done then. RIP is set. */
enum after {
	AFTER_KICK,   /* nothing special */
	AFTER_JUMP,   /* find the code at RIP */
	AFTER_RESUME, /* go on at next.host */
	AFTER_STEP,   /* the instruction at RIP is for the step engine */
	AFTER_DONE,   /* step_finish is to see next.result */
};

/* Where to go on in translated code, as far as that is known. */
struct next {
	const u8 *host;
	u64 key;
	struct exit *link; /* to be linked to what is found next */
	bool alignment;	   /* code that checks alignment itself is welcome */
	bool shadow;	   /* .host is where site.shadow says so */
	bool returns;	   /* it was a return that came here */
	bool both;	   /* or a jump, nobody knows */
	enum emulate_result result;
};

/* What came of filling in the page of an EXIT_READ or EXIT_WRITE. */
enum miss {
	MISS_FILLED,
	MISS_FAULT,   /* v->exc */
	MISS_SLOW,    /* a device, or a page with code */
	MISS_STEP,    /* the instruction is for the step engine */
	MISS_GUESSES, /* too many guesses were wrong */
	MISS_PLACES,  /* the same of several at a time */
};

/* Registers that a key is made of, as they were when KEY, their part of it, was made. */
struct control {
	u64 cr0, cr4, xcr0, efer, star, lstar, sfmask;
	u64 key;
};

struct bt {
	struct vcpu *v;
	struct cache cache;
	struct pagetable pages;
	struct code_pages code_pages;
	struct templates *templates;
	struct insncache *insns;

	/* Emitted at start, kept for ever: calls into and out of translated code. */
	size_t stubs;
	void (*enter)(u8 *base);
	void (*enter_code)(u8 *base); /* what that comes to */
	const u8 *leave;	      /* RCX: exit's number, R13: frame.linear */
	const u8 *leave_now; /* RSP is the host's; frame.exit and the guest's RSP are stored */
	const u8 *leave_kicked;
	const u8 *across[2]; /* to code at RCX; by whether that is for KEY_ALIGNMENT */
	const u8 *across_end;
	const u8 *leave_call;	    /* as leave, to call bt_called */
	const u8 *leave_call_saved; /* RSP is the host's there */
	const u8 *leave_port;	    /* as leave, to call bt_port */
	const u8 *leave_port_saved;
	const u8 *leave_invlpg; /* the same for bt_invlpg */
	const u8 *leave_invlpg_saved;
	const u8 *leave_miss; /* the same for bt_miss */
	const u8 *leave_miss_saved;

	struct exit *exits;
	u32 nr_exits, max_exits;
	struct near *page_blocks; /* page_link, by guest-physical page */
	u8 *meta;		  /* blocks and what comes behind them */
	size_t meta_used, meta_size;
	void *records;	       /* where all three of them lie */
	struct block **blocks; /* in the order of making: a ring, evict.c */
	u64 oldest, lap, newest;
	u64 max_blocks; /* a power of two */
	struct blockhash hash;
	u64 guessing;		      /* since when, by the TSC, frame.guesses is counted down */
	u64 crossing;		      /* the same for frame.across */
	u64 placing;		      /* since when .place_misses are counted */
	u32 place_misses, next_place; /* and which of frame.place goes next */
	struct adapt_site *sites;     /* BT_ADAPT_SITES, by RIP, */
	u64 sites_used[BT_ADAPT_SITES / 64]; /* and which of them are not empty */
	u64 *code_lines;		     /* the same: which 64 bytes hold code, or did */
	struct starts *starts;		     /* the same: where blocks begin, or did */
	size_t nr_pages;

	struct control control;
	u32 syscalls;	     /* KEY_SYSCALL_SHIFT: how often what SYSCALL does has changed */
	u64 unaligned_seen;  /* of hostfault_unaligned */
	unsigned int settle; /* see unsettled() */
	u32 reports;	     /* reports.h */
	bool fast_pext;	     /* the same */
	struct hostfault_guard guard;
	struct stopped stopped;
	enum miss miss;	    /* what bt_miss leaves to bt_missed */
	struct next called; /* CALLED_ID: what bt_called leaves to the dispatcher */
	enum after called_after;
	bool single;	     /* bt_execute: no more than one block, and nothing is delivered */
	bool entered_shadow; /* where a site says that it comes behind an STI */
	bool stepping;	     /* the host's trap flag is set to get past a commit point */
	u64 generation;	     /* counts what may free blocks */
	u64 remapped;	     /* counts what may change where guest pages are */
	struct bt_stats stats;
	struct watch *watch; /* watch.h; NULL: nobody wants to know */
};

/* bt_engine (engine.h) is what the backend sees of all this. */

/* For tests: execute one block at RIP, with blocks of one instruction and without chaining one
 * instruction, as step_execute does. */
enum emulate_result bt_execute(struct vcpu *v);

/* ---- between the translator's files ---------------------------------------------------------- */

static inline enum cpu_mode bt_mode(u64 key)
{
	if (key & KEY_LONG64)
		return MODE_LONG64;
	if (key & KEY_REAL)
		return key & KEY_CPL0 ? MODE_REAL : MODE_VM86;
	return key & KEY_CODE16 ? MODE_PROT16 : MODE_PROT32;
}

/* Code is known by linear addresses in this folder. The guest's RIP where that is LINEAR: */
static inline u64 bt_rip(u64 key, u64 linear)
{
	return key & KEY_LONG64 ? linear : (u32)(linear - (key >> KEY_BASE_SHIFT << 4));
}

/* What code at LINEAR is known by among the targets of jumps: also by the base of CS, as real mode
 * has many of those for the same address. */
static inline u64 bt_target(u64 key, u64 linear)
{
	return linear | key >> KEY_BASE_SHIFT << 32;
}

/* The first byte of the page after that of code at LINEAR. */
static inline u64 bt_next_page(u64 key, u64 linear)
{
	u64 next = (linear | PAGE_MASK) + 1;

	return key & KEY_LONG64 ? next : (u32)next;
}

/* Where RIP is. */
static inline u64 bt_linear(const struct vcpu *v)
{
	return v->mode == MODE_LONG64 ? v->s.rip : (u32)(v->s.rip + v->s.seg[SEG_CS].base);
}

static inline struct bt *bt_of(const struct vcpu *v)
{
	return v->bt;
}

/* Of code that was translated for KEY. */
static inline enum targets_id bt_targets(u64 key, bool returns)
{
	return (enum targets_id)((key & KEY_ALIGNMENT ? TARGETS_ALIGNMENT : 0) +
				 (returns ? TARGETS_RETURN : TARGETS_JUMP));
}

/* enter.c: write the stubs. */
void bt_make_stubs(struct bt *bt);

/* block.c */
int blocks_init(struct bt *bt);
void blocks_fini(struct bt *bt);
/* The block at RIP and GPA translated for KEY, or NULL. */
struct block *block_find(const struct bt *bt, u64 rip, u64 gpa, u64 key);
/* Where a jump to RIP enters B's code, executable view; NULL: it may not, or RIP is not in it. */
const u8 *block_door(const struct block *b, u64 rip);
/* One that X, an EXIT_JUMP of code for KEY, may enter at its target, which is at GPA, or NULL. */
struct block *block_around(const struct bt *bt, const struct exit *x, u64 gpa, u64 key);
/* The one whose code is at HOST, or NULL. */
struct block *block_at(const struct bt *bt, const u8 *host);
/* An empty block that may get NR instructions, BT_BLOCK_BYTES of code and BT_BLOCK_EXITS exits; old
 * blocks make room for it. Until block_publish it is nothing but memory that is free. */
struct block *block_new(struct bt *bt, unsigned int nr);
/* Where B's nr_calls instructions are kept, once NR is final. */
struct insn *block_calls(struct block *b);
/* And its links, once those are all. */
struct link *block_links(struct block *b);
static inline struct block *exit_block(const struct exit *x)
{
	return near_get(&x->from);
}
/* That of X, or NULL: it is no EXIT_JUMP. */
static inline struct link *exit_link_of(const struct exit *x)
{
	return x->kind == EXIT_JUMP ? &block_links(exit_block(x))[x->link] : NULL;
}
/* The block that X is linked to, or NULL. */
static inline struct block *exit_linked_to(const struct exit *x)
{
	return x->kind == EXIT_JUMP ? near_get(&exit_link_of(x)->to) : NULL;
}
/* The instruction to be done by calling its routine, if that comes to X; or NULL. */
static inline const struct insn *exit_call(const struct exit *x)
{
	return x->kind != EXIT_JUMP && x->kind != EXIT_INDIRECT && x->call
		       ? &block_calls(exit_block(x))[x->call - 1]
		       : NULL;
}
/* Where X's code is, executable view. */
static inline const u8 *exit_stub(const struct exit *x)
{
	return exit_block(x)->host + x->stub;
}
void block_publish(struct bt *bt, struct block *b);
/* Nobody comes here any more; later lookups still find it. */
void block_unlink(struct bt *bt, struct block *b);
/* Forget B: its bytes have changed. */
void block_drop(struct bt *bt, struct block *b);
/* B is new: its jumps within the page, to code that is there, are linked; INSIDE: also to its own
 * middle. */
void block_link_known(struct bt *bt, struct block *b, bool inside);
/* PAGE: the number of TO's page, which is for exits with a guard. */
void exit_link(struct bt *bt, struct exit *x, struct block *to, u16 page);
void exit_unlink(struct bt *bt, struct exit *x);

/* evict.c */
static inline struct block *block_nr(const struct bt *bt, u64 n)
{
	return bt->blocks[n & (bt->max_blocks - 1)];
}
/* See to it that a block with META bytes about it can be made. */
void blocks_make_room(struct bt *bt, size_t meta);
/* Drop everything. */
void blocks_flush(struct bt *bt);

/* translate.c: the code at V's RIP, which is at GPA, in the page whose first byte is at HOST; NULL:
 * cannot be, the step engine has to do the instruction. */
struct block *bt_translate(struct bt *bt, const u8 *host, u64 gpa, u64 key);

/* run.c: can the instruction at RIP run translated? */
bool bt_possible(const struct vcpu *v);
u64 bt_key(struct bt *bt);
/* The space for what the vCPU is now, and the key; targets of other code are forgotten. */
struct space *bt_space(struct bt *bt, u64 *key);

/*
 * Called from the stubs that are named below, with frame.exit, or that as EXIT. A light one keeps
 * what C does not change of the guest's registers in the host's; translated code is to be entered
 * at frame.entry then, in the same space.
 */
enum light {
	LIGHT_FAILED = 0, /* call the other one, with all registers in the vCPU */
	LIGHT_STATUS = 1, /* of frame.flags, those of SAHF and OF are to be set; or */
	LIGHT_FLAGS = 2,  /* all */
};
/* leave_port: do IN or OUT, at CPL 0. Cannot fail. */
int bt_port(struct bt *bt, u32 exit);
/* leave_invlpg: do INVLPG of frame.linear, at CPL 0. Cannot fail. */
int bt_invlpg(struct bt *bt, u32 exit);
/* leave_miss: enter the page of frame.linear; or bt_missed. */
int bt_miss(struct bt *bt, u32 exit);
/* The base of the space in which translated code is to be entered at frame.entry, or NULL, and
 * frame.exit is CALLED_ID. bt_called: leave_call. */
u8 *bt_called(struct bt *bt);
u8 *bt_missed(struct bt *bt);

/* miss.c: X, an EXIT_READ or EXIT_WRITE, was taken in space S. RIP is set. */
enum after bt_handle_miss(struct bt *bt, struct space *s, struct exit *x, struct next *next);
/* Its second half, for bt->miss. */
enum after bt_after_miss(struct bt *bt, struct space *s, struct exit *x, struct next *next);
/* Is X a miss that will be one again, at what is not RAM, and has a call-out instead? */
bool bt_at_device(struct vcpu *v, const struct exit *x);
/* find.c: code for RIP in *NEXT, or false: a step instead. */
bool bt_look_up(struct bt *bt, struct space **space, struct next *next);
/* callout.c: do the instruction of X, an EXIT_CALL taken in space S. */
enum after bt_call_out(struct bt *bt, struct space *s, struct exit *x, struct next *next);
/* RIP was set anew: on in code that is known, if nothing else is due. */
enum after bt_jumped(struct bt *bt, struct space **s, struct next *next);

/* smc.c: writes to B's bytes matter from now on. */
void smc_add(struct bt *bt, const struct block *b);

/* smc.c, recover.c: for struct engine */
void bt_code_written(struct vcpu *v, u64 gpa, u32 len);
void bt_kick(struct vcpu *v, void *context);
/* For struct hostfault_guard. */
bool bt_fault(struct hostfault_guard *guard, void *context);

#endif
