/*
 * tproc/abi.h - layout of the registry and of the mailboxes.
 *
 * This is the one contract between the server (which alone writes the
 * registry), the code that runs inside the space, libtproc, and every tool that
 * looks from outside or at a core file.  It holds fixed-width types and
 * constants only.  docs/ABI.md explains each structure and has the rule for
 * changing them: any change of an offset, of a size or of a meaning bumps
 * TP_ABI_VERSION; fields may be carved out of the reserved words without a bump.
 *
 * All addresses are addresses in the space.  All times are nanoseconds of
 * CLOCK_REALTIME.  All integers have the machine's own byte order.
 */
#ifndef TPROC_ABI_H
#define TPROC_ABI_H

#include <stddef.h>
#include <stdint.h>

#define TP_ABI_MAGIC UINT64_C(0x0143434f52505401)
#define TP_ABI_VERSION 2u

/* ---- The map of the space -------------------------------------------------
 *
 * The toolkit's own memory lies between the images of position-dependent
 * programs (0x400000 up) and AddressSanitizer's shadow (0x7fff8000).
 */
#define TP_MAILBOX_ADDR UINT64_C(0x67000000)
#define TP_AGENT_ADDR UINT64_C(0x70000000)
#define TP_REGISTRY_ADDR UINT64_C(0x78000000)
#define TP_RESERVED_LO TP_MAILBOX_ADDR
#define TP_RESERVED_HI UINT64_C(0x7c000000)

/* A granule is the unit in which addresses are owned: owner = table[address >> 34]. */
#define TP_GRANULE_SHIFT 34
#define TP_GRANULE_SIZE (UINT64_C(1) << TP_GRANULE_SHIFT)
#define TP_GRANULES 8192u

/*
 * Slots are made of granules in [TP_FIRST_GRANULE, TP_LAST_GRANULE).  Below lies
 * AddressSanitizer's shadow; above, what the kernel places by itself (vdso, the
 * agent's stack, mappings that escaped).
 */
#define TP_FIRST_GRANULE 1028u
#define TP_LAST_GRANULE 8064u

#define TP_THREADPROCS 8192u /* more than there are granules: whoever was in one is on record */
#define TP_IMAGES 2048u
#define TP_NAMES 4096u
#define TP_FIXED 64u
#define TP_CPUIDS 128u
#define TP_RUNS 32u
#define TP_NAME_SIZE 64u
#define TP_BUILD_ID_SIZE 32u

/* Index 0 of a table means "none", so that zeroed memory refers to nothing. */

/* A run of bytes in the registry's heap; off is counted from the heap's start. */
struct tp_ref {
	uint32_t off;
	uint32_t len;
};

/* Who owns a granule. */
enum tp_granule_state {
	TP_GRANULE_FREE = 0,
	TP_GRANULE_LIVE = 1,	   /* belongs to a threadproc that lives */
	TP_GRANULE_QUARANTINE = 2, /* belonged to one that exited; nothing is mapped */
};

struct tp_granule {
	uint16_t state;	     /* enum tp_granule_state */
	uint16_t owner;	     /* index of the record in the threadproc table */
	uint32_t generation; /* the record's generation when it was claimed */
};

/* The image of a position-dependent program, which lies outside every slot. */
struct tp_fixed {
	uint64_t lo; /* lo == hi: the entry is free */
	uint64_t hi;
	uint32_t owner; /* index of the record */
	uint32_t generation;
};

struct tp_run {
	uint32_t first; /* granule */
	uint32_t count;
};

/* ---- Threadprocs ---------------------------------------------------------- */

enum tp_state {
	TP_STATE_NONE = 0, /* the record was never used */
	TP_STATE_STARTING = 1,
	TP_STATE_RUNNING = 2,
	TP_STATE_STOPPED = 3,
	TP_STATE_EXITED = 4,  /* by exit, or by a signal that is no fault */
	TP_STATE_CRASHED = 5, /* by SEGV, BUS, ILL, FPE, ABRT, SYS or TRAP */
	TP_STATE_EXECED = 6,  /* lives on, but in an address space of its own */
};

enum tp_threadproc_flags {
	TP_THREADPROC_LOOKED = 1, /* modules and fds are those of a program that is under way */
	TP_THREADPROC_HELD = 2,	  /* its crashed thread is to wait */
	TP_THREADPROC_WAITS = 4,  /* for a debugger, before its first instruction: flags is a futex */
};

/*
 * seq is odd while the server writes the record or anything that its refs lead
 * to; a reader copies, then checks that seq is even and unchanged.
 */
struct tp_threadproc {
	uint32_t seq;
	uint32_t generation; /* counts the uses of this record, from 1 */
	uint32_t id;	     /* unique for the life of the space, from 1 */
	uint32_t state;	     /* enum tp_state */
	int32_t pid;
	int32_t launcher_pid; /* tprun's, or of whoever asked */
	int32_t exit_code;    /* CLD_EXITED, CLD_KILLED or CLD_DUMPED; 0 while it lives */
	int32_t exit_status;  /* exit status, or the signal's number */
	char name[TP_NAME_SIZE];
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t self_addr;   /* struct tp_self */
	uint64_t load_bias;   /* of the program */
	uint64_t entry;	      /* the program's own */
	uint64_t phdr;	      /* program headers in memory, 0 when no segment holds them */
	uint64_t interp_bias; /* of the program interpreter, 0 when there is none */
	uint64_t interp_entry;
	uint64_t r_debug; /* 0 when unknown */
	uint64_t stack_lo; /* main thread's stack; the guard ends here */
	uint64_t stack_hi;
	uint64_t brk_lo; /* the zone in which brk may move */
	uint64_t brk_hi;
	uint64_t fixed_lo; /* an ET_EXEC image outside the slot; 0,0 when none */
	uint64_t fixed_hi;
	uint64_t sig_blocked; /* at launch; bit N-1 stands for signal N */
	uint64_t sig_ignored;
	uint64_t sig_caught;	/* at launch: execve leaves none */
	uint64_t sig_forwarded; /* what the launcher passes on */
	uint32_t phnum;
	uint32_t program_image; /* index into the image table */
	uint32_t interp_image;
	uint32_t run_count;
	struct tp_run runs[TP_RUNS]; /* the slot; runs[0] is where it started */
	struct tp_ref exe;	     /* path of the program, NUL-terminated */
	struct tp_ref argv;	     /* NUL-separated, NUL-terminated */
	struct tp_ref cwd;	     /* at launch */
	struct tp_ref modules;	     /* array of struct tp_module */
	struct tp_ref fds;	     /* array of struct tp_fd, each with text in the heap */
	struct tp_ref crash;	     /* a struct tp_crash once it crashed */
	uint32_t flags;		     /* enum tp_threadproc_flags */
	uint32_t reserved32;
	uint64_t reserved[39];
};

enum tp_module_kind {
	TP_MODULE_PROGRAM = 1,
	TP_MODULE_INTERP = 2,
	TP_MODULE_LIBRARY = 3,
	TP_MODULE_VDSO = 4,
};

struct tp_module {
	uint32_t image; /* index into the image table; 0: the file could not be identified */
	uint32_t kind;	/* enum tp_module_kind */
	uint32_t link_namespace; /* 0 is the base namespace (dlmopen) */
	uint32_t reserved;
	uint64_t bias;
	uint64_t dynamic;   /* the link map's l_ld, 0 when unknown */
	struct tp_ref path; /* as the link map has it, or the program's */
};

enum tp_fd_kind {
	TP_FD_OTHER = 0,
	TP_FD_FILE = 1,
	TP_FD_DIR = 2,
	TP_FD_CHAR = 3,
	TP_FD_BLOCK = 4,
	TP_FD_PIPE = 5,
	TP_FD_SOCKET = 6,
	TP_FD_TTY = 7,
	TP_FD_ANON = 8, /* eventfd, epoll, memfd ...: the target names it */
};

struct tp_fd {
	int32_t launcher_fd;
	int32_t fd;
	uint32_t kind;	/* enum tp_fd_kind */
	uint32_t flags; /* fcntl F_GETFL: access mode and status flags */
	uint64_t dev;
	uint64_t ino;
	struct tp_ref target; /* what /proc/PID/fd/N says */
};

/* ---- Images: one per file that modules were mapped from ------------------- */

enum tp_image_flags {
	TP_IMAGE_EXEC = 1,   /* ET_EXEC */
	TP_IMAGE_SYMTAB = 2, /* the file has a .symtab */
	TP_IMAGE_DEBUG = 4,  /* the file has .debug_info */
	TP_IMAGE_TLS = 8,    /* has PT_TLS */
};

/*
 * vaddrs are the file's own (add the module's bias).  sites is published so that
 * in-space code that maps this file knows where to patch without scanning it.
 */
struct tp_image {
	uint32_t seq;
	uint32_t flags;	     /* enum tp_image_flags */
	uint32_t generation; /* counts the uses of this record */
	uint32_t users;	     /* modules that refer here */
	uint64_t dev;	     /* dev, ino, size and mtime tell the file's version */
	uint64_t ino;
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t build_id_len; /* 0 when it has none */
	uint8_t build_id[TP_BUILD_ID_SIZE];
	uint64_t vaddr_lo; /* span of its PT_LOAD segments, page-aligned */
	uint64_t vaddr_hi;
	uint64_t text_lo; /* span of its executable segments */
	uint64_t text_hi;
	uint64_t dynamic;  /* vaddr of PT_DYNAMIC, and of what it leads to; 0: none */
	uint64_t dynsym;
	uint64_t dynstr;
	uint64_t dynstr_size;
	uint64_t gnu_hash;
	uint64_t sysv_hash;
	uint64_t tls_size; /* PT_TLS memory size */
	uint32_t dynsym_count;
	uint32_t site_count;
	struct tp_ref path;  /* where the server found it */
	struct tp_ref sites; /* array of struct tp_site, ascending file offsets */
	uint64_t reserved[8];
};

/* Where the image of a file is: at tp_image_hash of it, or one of the next indexes,
 * modulo TP_IMAGES.  Index 0 is never used. */
#define TP_IMAGE_PROBES 64u

static inline uint32_t tp_image_hash(uint64_t dev, uint64_t ino)
{
	return (uint32_t)(((dev * 31 + ino) * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % TP_IMAGES;
}

/* A place in a file's text that is rewritten when it is mapped (loader/patch). */
struct tp_site {
	uint32_t off;  /* file offset of the first byte replaced */
	uint8_t len;   /* bytes replaced, at least 5 */
	uint8_t pre;   /* of these, how many lie before the syscall instruction */
	uint16_t kind; /* enum patch_kind of loader/patch */
};

/* ---- Named pointers (libtproc) --------------------------------------------- */

struct tp_name {
	uint32_t seq;
	uint32_t live;	/* 1, or 0 when the entry is free */
	uint32_t owner; /* index of the publisher's record */
	uint32_t owner_generation;
	uint64_t addr;
	uint64_t size; /* bytes, 0 when the publisher did not say */
	uint64_t publish_ns;
	char name[TP_NAME_SIZE];
	char type[TP_NAME_SIZE];
	uint64_t lock;       /* struct tp_mutex that protects it, 0: not said */
	uint64_t suspect_ns; /* when that was found locked by one that had died, 0: it was not */
	uint32_t suspect_id; /* who had died */
	uint32_t reserved32;
	uint64_t reserved[4];
};

/* ---- Robust mutexes (libtproc) ----------------------------------------------- */

#define TP_MUTEX_MAGIC UINT64_C(0x7865747570740102)
#define TP_MUTEX_FILE 40u

/* Whose pthread_mutex_t it is: they differ. */
enum tp_mutex_libc {
	TP_MUTEX_GLIBC = 1,
	TP_MUTEX_MUSL = 2,
};

struct tp_mutex_holder {
	uint32_t id; /* of the threadproc; 0: none, or outside of every space */
	int32_t tid; /* 0: nobody */
	uint64_t since_ns;
	uint32_t line; /* where it was locked */
	uint32_t reserved32;
	char file[TP_MUTEX_FILE]; /* NUL-terminated; of a longer path the end */
};

/*
 * Lies in memory of the programs, as they chose: it is written by whoever has it locked, and can be
 * written by all.  The kernel knows who has it locked; holder is what that one noted.
 */
struct tp_mutex {
	uint64_t magic;
	uint32_t libc; /* enum tp_mutex_libc */
	uint32_t reserved32;
	uint64_t lock[8]; /* pthread_mutex_t, robust and shared between processes */
	struct tp_mutex_holder holder;
	struct tp_mutex_holder died; /* who died with it, until it is made consistent */
};

/* ---- Processor (x86) -------------------------------------------------------- */

/*
 * What the cpuid instruction answers, the same on every processor of the machine.  Under
 * a hypervisor the instruction costs microseconds, and ld.so asks 60 times at start-up;
 * its sites are patched to look here first.  Leaves that differ from one processor to
 * the next are not in the table.
 */
#define TP_CPUID_ANY UINT32_MAX

struct tp_cpuid {
	uint32_t leaf;
	uint32_t subleaf; /* TP_CPUID_ANY where the answer does not depend on it */
	uint32_t eax;
	uint32_t ebx;
	uint32_t ecx;
	uint32_t edx;
};

/* ---- The registry ----------------------------------------------------------- */

enum tp_agent_state {
	TP_AGENT_ALIVE = 1,
	TP_AGENT_DEAD = 2, /* running threadprocs live on, no new launches */
};

/* One table: where it is (from the registry's start), element size, element count. */
struct tp_table {
	uint64_t off;
	uint32_t size;
	uint32_t count;
};

/* Debuggers that are at work in the space, and who may say what its memory holds. */
enum tp_debuggers {
	TP_DEBUGGERS_NONE = 0,	    /* nobody: the space's own description stays */
	TP_DEBUGGERS_ATTACHED = 1,  /* whoever forks, so that the child begins with its parent's */
	TP_DEBUGGERS_ATTACHING = 2, /* the server, for a debugger that attaches */
};

struct tp_registry {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t seq; /* odd while anything in the registry is being written */
	uint64_t size; /* of the whole, bytes */
	uint64_t address; /* where it is mapped in the space */
	char space[TP_NAME_SIZE];
	int32_t server_pid;
	int32_t agent_pid;
	uint32_t agent_state; /* enum tp_agent_state */
	uint32_t page_size;
	uint64_t created_ns;
	uint64_t agent_lo; /* the agent's image, and the page that stops its brk */
	uint64_t agent_hi;
	uint64_t vdso; /* 0 when there is none */
	uint64_t mailbox_addr;
	uint64_t mailbox_size; /* header page and all mailboxes */
	uint32_t granule_shift;
	uint32_t last_id; /* id of the latest launch */
	uint32_t threadproc_high; /* no record at or above this index was ever used */
	uint32_t image_high;
	uint32_t name_high;
	uint32_t live; /* threadprocs that live in the space */
	struct tp_table granules;    /* struct tp_granule */
	struct tp_table fixed;	     /* struct tp_fixed */
	struct tp_table threadprocs; /* struct tp_threadproc */
	struct tp_table images;	     /* struct tp_image */
	struct tp_table names;	     /* struct tp_name */
	struct tp_table heap;	     /* bytes */
	struct tp_table cpuid;	     /* struct tp_cpuid */
	uint64_t quarantine;	     /* bytes of addresses that rest; UINT64_MAX: all, for ever */
	uint32_t debuggers;	     /* enum tp_debuggers */
	uint32_t reserved32;
	uint64_t reserved[14];
};

#define TP_REGISTRY_SIZE UINT64_C(0x4000000)
#define TP_REGISTRY_HEADER_SIZE 4096u

/* ---- Mailboxes: writable by everything in the space, never trusted ---------- */

#define TP_MAILBOX_STRIDE 16384u
#define TP_MAILBOX_HEADER_SIZE 4096u

struct tp_mailbox_header {
	uint32_t doorbell; /* futex; in-space code adds 1 and wakes */
	uint32_t waiting;  /* a hint: 0 when nobody waits and a wake can be saved */
	uint32_t fork_lock; /* futex; pid of the threadproc that forks */
	uint32_t reserved;
	uint64_t pending[TP_THREADPROCS / 64]; /* bit N: look at mailbox N */
};

enum tp_request_op {
	TP_REQUEST_NONE = 0,
	TP_REQUEST_CLAIM = 1,   /* arg0: granules wanted in one run; answer: first granule */
	TP_REQUEST_PUBLISH = 2, /* name, type, arg0: address, arg1: size, arg2: its tp_mutex or 0 */
	TP_REQUEST_UNPUBLISH = 3,
	TP_REQUEST_FILE = 4, /* arg0: descriptor of a file whose text is to be mapped */
	/* arg0: address of a breakpoint, arg1: enum tp_trap_flags; the answer is an enum
	 * tp_trap_verdict, and from bit 8 on the byte that belongs there */
	TP_REQUEST_TRAP = 5,
	TP_REQUEST_DEATH_SIGNAL = 6, /* arg0: for when the launcher's parent dies, 0: none */
	TP_REQUEST_SUSPECT = 7,      /* name, arg0: id of who died with its lock */
	TP_REQUEST_TRUST = 8,        /* name */
};

enum tp_trap_flags {
	TP_TRAP_IN_CHILD = 1,	   /* in a forked child, whose memory is its own */
	TP_TRAP_NO_BREAKPOINT = 2, /* a single step, or a hardware breakpoint */
};

enum tp_trap_verdict {
	TP_TRAP_NOT_OURS = 0, /* the program's own */
	TP_TRAP_GO_ON = 1,    /* it is gone, or a debugger is there to see it */
	TP_TRAP_PUT_BACK = 2, /* in a forked child */
	TP_TRAP_WAIT = 3,     /* on trap_release, then look again */
};

/* si_perf_data of the SIGTRAP at a debugger's watch, above the watch's number. */
#define TP_WATCH_COOKIE UINT64_C(0x7470776100000000)
#define TP_WATCH_NUMBER UINT64_C(0xffffffff)

enum tp_request_state {
	TP_REQUEST_IDLE = 0,
	TP_REQUEST_FILLING = 1, /* a thread owns it and writes */
	TP_REQUEST_POSTED = 2,	/* the server's turn */
	TP_REQUEST_DONE = 3,	/* the poster reads the answer, then sets IDLE */
};

/* A call to the server; one at a time for each threadproc. */
struct tp_request {
	uint32_t state; /* futex, enum tp_request_state */
	uint32_t op;	/* enum tp_request_op */
	int32_t result; /* 0 or -errno */
	uint32_t serial;
	uint64_t arg0;
	uint64_t arg1;
	uint64_t arg2;
	uint64_t answer;
	char name[TP_NAME_SIZE];
	char type[TP_NAME_SIZE];
};

enum tp_exec_state {
	TP_EXEC_NONE = 0,
	TP_EXEC_TRYING = 1, /* execve was called */
};

#define TP_FORKED 32u

struct tp_mailbox {
	uint32_t generation; /* of the record it serves; set by the server */
	uint32_t modules_seq; /* odd while the link map changes */
	uint32_t exec_state;  /* enum tp_exec_state */
	uint32_t exec_count;  /* how often execve was tried */
	uint64_t r_debug;     /* as in-space code found it */
	uint64_t escapes;     /* mappings that could not be placed in the slot */
	uint32_t quiet; /* 1 at first: the server will look by itself soon, no ring is needed */
	uint32_t scanned; /* files whose sites nobody had published */
	struct tp_request request;
	uint32_t trap_release; /* futex; counts when threads that wait on a breakpoint are to look */
	uint32_t forks; /* counts up: forked[forks % TP_FORKED] is next */
	int32_t forked[TP_FORKED]; /* pids of children with a memory of their own, the latest */
	uint64_t reserved[62 - TP_FORKED / 2];
	/* at TP_MAILBOX_CRASH: struct tp_crash */
};

/* ---- Crashes ---------------------------------------------------------------- */

#define TP_MAILBOX_CRASH 4096u /* from the mailbox's start */
#define TP_CRASH_REGS 32u
#define TP_CRASH_STACK 8192u
#define TP_SIGINFO_SIZE 128u

enum tp_crash_state {
	TP_CRASH_NONE = 0,
	TP_CRASH_WRITING = 1,  /* a thread is at it, and perhaps died of it */
	TP_CRASH_COMPLETE = 2, /* the server's turn */
	TP_CRASH_TAKEN = 3,    /* it is in the registry */
};

/* What becomes of the thread that crashed, which waits for it. */
enum tp_crash_verdict {
	TP_VERDICT_NONE = 0,
	TP_VERDICT_HOLD = 1,   /* wait until it changes */
	TP_VERDICT_DIE = 2,
};

/*
 * Written by the thread that got the signal, in its mailbox; the server copies what makes
 * sense of it into the registry, as tp_threadproc.crash.
 */
struct tp_crash {
	uint32_t state;	  /* enum tp_crash_state */
	uint32_t verdict; /* futex, enum tp_crash_verdict */
	uint32_t generation;
	int32_t tid;
	int32_t sig;
	int32_t code; /* si_code */
	uint32_t reg_count;
	uint32_t stack_len; /* bytes of stack that could be copied */
	uint64_t addr;	    /* si_addr, where the signal has one */
	uint64_t time_ns;
	uint64_t pc;
	uint64_t sp;
	uint64_t reserved64;
	uint64_t stack_lo; /* the thread's own stack from here on */
	uint64_t thread;   /* thread pointer (x86-64: fs_base), 0: not known */
	uint64_t regs[TP_CRASH_REGS]; /* as in the kernel's ucontext (x86-64: struct sigcontext) */
	uint8_t siginfo[TP_SIGINFO_SIZE];
	uint64_t reserved[16];
	uint8_t stack[TP_CRASH_STACK];
};

/*
 * si_code of the SIGABRT by which libtproc-guard.so ends a program that wants to free what is
 * another's; si_value is the pointer.
 */
enum tp_guard_code {
	TP_GUARD_FREE = -29808,
	TP_GUARD_REALLOC = -29809,
};

/* ---- What a threadproc knows of itself -------------------------------------- */

/* The type of the toolkit's own entry in the auxiliary vector; its value is the
 * address of a struct tp_self. */
#define AT_TPROC UINT64_C(0x74707263)
#define TP_SELF_MAGIC UINT64_C(0x1f666c6573707401)

/*
 * Lies in a page with MADV_WIPEONFORK: a forked child, which lives in a memory of
 * its own and is no threadproc, reads zeros.  The threadproc can write it, so only
 * the threadproc itself may believe it.
 */
struct tp_self {
	uint64_t magic; /* TP_SELF_MAGIC, 0 in a forked child */
	uint32_t abi_version;
	uint32_t index; /* of its record */
	uint32_t generation;
	uint32_t id;
	int32_t pid;
	uint32_t flags; /* enum tp_self_flags */
	uint64_t registry;
	uint64_t mailbox; /* address of its struct tp_mailbox */
	uint64_t mailbox_header;
	uint64_t handlers; /* address of struct tp_handler[TP_SIGNALS]; 0: not kept */
	uint64_t reserved[7];
};

#define TP_SIGNALS 64u

/*
 * Signals that in-space code handles where the program does not: ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS.
 * To the kernel they are caught, to the program they have their default action.
 */
#define TP_SIGNAL_BIT(number) (UINT64_C(1) << ((number) - 1))
#define TP_SIGNALS_HANDLED                                                                         \
	(TP_SIGNAL_BIT(4) | TP_SIGNAL_BIT(5) | TP_SIGNAL_BIT(6) | TP_SIGNAL_BIT(7) |               \
	 TP_SIGNAL_BIT(8) | TP_SIGNAL_BIT(11) | TP_SIGNAL_BIT(31))
#define TP_HANDLERS_OFFSET 1024u /* from struct tp_self, in the same page */

/*
 * What the threadproc set as the action of a signal, as far as in-space code saw it: the
 * kernel tells nobody else.  Element N - 1 is of signal N.  The kernel may have gone back to the
 * default meanwhile (SA_RESETHAND): which signals are caught is what it says itself.
 */
struct tp_handler {
	uint64_t handler; /* address; 0 and 1 are SIG_DFL and SIG_IGN */
	uint64_t flags;	  /* SA_ constants */
};

enum tp_self_flags {
	TP_SELF_FORK_ALL = 1, /* fork copies the neighbours' memory too */
};

/* ---- Offsets, frozen --------------------------------------------------------- */

#ifndef __cplusplus
#define TP_SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define TP_AT(type, field, off) \
	_Static_assert(offsetof(type, field) == (off), "offset of " #type "." #field)
#include "tproc/abi_asserts.h"
#undef TP_SIZE
#undef TP_AT
#endif

#endif
