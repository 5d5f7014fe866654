/*
 * wire.h - messages between the server and its clients (tprun, tools).
 *
 * The socket is AF_UNIX SOCK_SEQPACKET, `socket` in the space's directory; one
 * packet is one message: a struct wire_header followed by the fixed-width body of
 * its type, and with WIRE_LAUNCH perhaps by strings.  Descriptors travel beside it by
 * SCM_RIGHTS.  The server takes connections of its own user only, and answers anything that is
 * not of this form with WIRE_FAILED before it closes the connection.
 *
 * A connection is one launch: the client sends WIRE_LAUNCH, then as many WIRE_FDS
 * as its descriptors need; the server answers WIRE_STARTED or WIRE_FAILED, then
 * WIRE_CHANGED for stops and continues (after which a client that has stopped itself gets
 * SIGCONT), perhaps WIRE_DEATH_SIGNAL and WIRE_CRASHED, then WIRE_EXITED.  When the client closes
 * the connection before that, its threadproc is killed.  Or the server answers WIRE_LEAVING:
 * nobody lives in the space, and one that the client starts itself can give the program more.
 *
 * WIRE_THAW ends what WIRE_CRASH_STOPS_SPACE began, whoever it was for: those that were stopped go
 * on, and what crashed ends.
 *
 * Or it is a debugger: the client sends WIRE_DEBUG, answered with WIRE_SHOWN, and from then on
 * WIRE_SHOW and WIRE_RELEASE as it likes, one after the other has been answered.  WIRE_EVENT may
 * come between.  When the connection ends, however it ends, the server puts back what a
 * debugger may have left in the programs' text.
 */
#ifndef TPROC_WIRE_H
#define TPROC_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC 0x57435054u /* "TPCW" */
#define WIRE_VERSION 1u

#define WIRE_NAME_SIZE 64
#define WIRE_REASON_SIZE 1024
#define WIRE_RLIMITS 16
#define WIRE_CPUS 1024 /* bits of the affinity mask */
#define WIRE_MAX_FDS 65536
#define WIRE_FDS_PER_PACKET 250 /* below the kernel's SCM_MAX_FD, 253 */
#define WIRE_FIRST_FDS 32
#define WIRE_MAX_STRINGS (8u << 20)
#define WIRE_INLINE_STRINGS 16384u /* in the packet; longer ones are in a memfd */

enum wire_type {
	WIRE_LAUNCH = 1,   /* client: struct wire_launch, strings; fds: see there */
	WIRE_FDS = 2,      /* client: struct wire_fds; fds: that many */
	WIRE_STARTED = 3,  /* server: struct wire_started; fds: pidfd */
	WIRE_CHANGED = 4,  /* server: struct wire_status */
	WIRE_EXITED = 5,   /* server: struct wire_status; the last message */
	WIRE_FAILED = 6,   /* server: struct wire_failed; the last message */
	WIRE_PING = 7,     /* client: nothing; the answer is WIRE_PONG */
	WIRE_PONG = 8,     /* server: struct wire_pong */
	WIRE_SHUTDOWN = 9, /* client: nothing; ends the space; WIRE_PONG, then EOF at the end */
	WIRE_DEBUG = 10,   /* client: struct wire_debug; the answer is WIRE_SHOWN with id 0 */
	WIRE_SHOW = 11,    /* client: struct wire_show; the answer is WIRE_SHOWN */
	WIRE_SHOWN = 12,   /* server: struct wire_shown */
	WIRE_RELEASE = 13, /* client: struct wire_show; no answer */
	WIRE_EVENT = 14,   /* server: struct wire_event, to debuggers that want them */
	WIRE_CRASHED = 15, /* server: struct wire_crashed; the registry has the record */
	WIRE_LET_DIE = 16, /* client: nothing; no answer */
	WIRE_THAW = 17,    /* client: nothing; the answer is WIRE_PONG */
	WIRE_DEATH_SIGNAL = 18, /* server: struct wire_death_signal */
	WIRE_LEAVING = 19,      /* server: nothing; it ends, and after EOF another can be started */
	WIRE_HOLD = 20,         /* client: struct wire_show; the answer is WIRE_SHOWN */
	WIRE_UNHOLD = 21,       /* client: struct wire_show; the answer is WIRE_SHOWN */
};

struct wire_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type;	 /* enum wire_type */
	uint32_t length; /* of the whole packet, header included */
	uint32_t fds;	 /* how many descriptors come with it */
};

/* rlim_cur and rlim_max; UINT64_MAX is RLIM_INFINITY. */
struct wire_rlimit {
	uint64_t soft;
	uint64_t hard;
};

enum wire_launch_flags {
	WIRE_NO_NEW_PRIVS = 1,
	WIRE_HAS_AFFINITY = 2, /* else the server's own stays */
	WIRE_HAS_IOPRIO = 4,
	WIRE_FORK_ALL = 8,    /* forks copy the neighbours' memory too */
	WIRE_HOLD_CRASH = 16, /* when it crashes: WIRE_CRASHED, and it waits for WIRE_LET_DIE */
	WIRE_CRASH_STOPS_SPACE = 32, /* with that: all others are stopped for so long */
	WIRE_HAS_TERMINAL = 64,   /* a standard descriptor is the caller's controlling terminal */
	WIRE_WAIT_DEBUGGER = 128, /* it does nothing until a debugger has attached and lets it go */
	WIRE_HAS_QUARANTINE = 256, /* refused by a space that has another */
	WIRE_GUARD_FREE = 512,     /* what is preloaded has to be: a static program is refused */
};

/*
 * Everything that execve would keep of the caller.  The strings are the program's path as
 * execve would be given it, then argc arguments, then envc variables, each with its NUL, and
 * nothing after.  They follow in the packet, or are in a memfd, which then is the first
 * descriptor.  The next is the working directory (O_PATH).  The first few of the program's own
 * come in the same packet, the others by WIRE_FDS.
 */
struct wire_launch {
	struct wire_header h;
	char name[WIRE_NAME_SIZE]; /* of the threadproc; empty: the program's base name */
	uint32_t flags;		   /* enum wire_launch_flags */
	uint32_t argc;
	uint32_t envc;
	uint32_t strings_length; /* bytes */
	uint32_t fd_count;	 /* how many descriptors WIRE_FDS will bring in all */
	int32_t pgid;		 /* process group to join when the session is the same */
	int32_t sid;
	uint32_t umask_bits;
	int32_t nice;
	int32_t sched_policy;
	int32_t sched_priority;
	uint32_t ioprio;
	uint32_t personality;
	uint32_t death_signal; /* that the caller gets when its parent dies, 0: none */
	uint64_t timer_slack_ns; /* 0: leave it */
	uint64_t sig_blocked;	 /* bit N-1 stands for signal N */
	uint64_t sig_ignored;
	uint64_t sig_forwarded; /* for the registry only */
	struct wire_rlimit rlimits[WIRE_RLIMITS];
	uint64_t affinity[WIRE_CPUS / 64];
	uint32_t first_fds; /* how many come with this packet */
	uint32_t quarantine;             /* granules (loader/quarantine.h) */
	int32_t targets[WIRE_FIRST_FDS]; /* the number each of them gets in the threadproc */
};

struct wire_fds {
	struct wire_header h;
	uint32_t count;
	uint32_t pad;
	int32_t targets[WIRE_FDS_PER_PACKET]; /* the number each gets in the threadproc */
};

struct wire_started {
	struct wire_header h;
	uint32_t id;
	int32_t pid;
	int32_t pgid; /* the process group it is in */
	int32_t pad;
};

/* code is a CLD_ constant of waitid(2), status goes with it. */
struct wire_status {
	struct wire_header h;
	int32_t code;
	int32_t status;
};

struct wire_crashed {
	struct wire_header h;
	uint32_t id;
	int32_t tid;
	int32_t sig;
	uint32_t pad;
};

/* Which signal the program wants when its parent dies, 0: none.  The client's parent is meant. */
struct wire_death_signal {
	struct wire_header h;
	uint32_t signo;
	uint32_t pad;
};

/* kind is what tprun exits with: 127 not found, 126 cannot run, 125 our failure. */
struct wire_failed {
	struct wire_header h;
	int32_t kind;
	int32_t os_errno; /* 0 when none fits */
	char reason[WIRE_REASON_SIZE];
};

struct wire_pong {
	struct wire_header h;
	int32_t server_pid;
	int32_t agent_pid; /* 0: dead */
	uint32_t live;	   /* threadprocs */
	uint32_t pad;
};

enum wire_debug_flags {
	WIRE_WANTS_EVENTS = 1,
};

struct wire_debug {
	struct wire_header h;
	uint32_t flags; /* enum wire_debug_flags */
	uint32_t pad;
};

/*
 * WIRE_SHOW: /proc/PID/auxv of everybody in the space becomes that of threadproc `id`, for as long
 * as it takes to attach to it; id 0 puts the space's own back.  One debugger at a time has
 * this right: another one is told that it waits (WIRE_SHOWN with EINPROGRESS), and again when
 * its turn has come.
 * WIRE_HOLD: threadproc `id`, to which nobody is attached, is stopped until WIRE_UNHOLD or the end
 * of this connection; its launcher does not hear of it. WIRE_RELEASE: the threads of threadproc
 * `id` that ran onto a breakpoint and wait go on; and what WIRE_WAIT_DEBUGGER began is over, if it
 * was shown.
 */
struct wire_show {
	struct wire_header h;
	uint32_t id;
	uint32_t pad;
};

struct wire_shown {
	struct wire_header h;
	uint32_t id;
	int32_t error;  /* 0; EINPROGRESS: wait; EOPNOTSUPP: this kernel cannot; ESRCH: no such one;
	                 * EBUSY: held by another debugger; EALREADY: stopped by a signal already */
	int32_t holder; /* with EINPROGRESS: pid of the debugger whose turn it is */
	uint32_t pad;
};

enum wire_event_kind {
	WIRE_EVENT_STARTED = 1,
	WIRE_EVENT_EXITED = 2,  /* code and status of waitid(2) */
	WIRE_EVENT_EXECED = 3,  /* lives on outside of the space */
	WIRE_EVENT_TRAPPED = 4, /* ran onto a breakpoint at `address`, and waits */
	WIRE_EVENT_MODULES = 5, /* its list of modules is another */
};

/* A hint that the registry is worth a look; some may be left out when they come too fast. */
struct wire_event {
	struct wire_header h;
	uint32_t kind; /* enum wire_event_kind */
	uint32_t id;
	int32_t pid;
	int32_t code;
	int32_t status;
	uint32_t pad;
	uint64_t address;
};

_Static_assert(sizeof(struct wire_header) == 16, "wire_header");
_Static_assert(sizeof(struct wire_launch) == 688, "wire_launch");
_Static_assert(sizeof(struct wire_fds) == 1024, "wire_fds");
_Static_assert(sizeof(struct wire_started) == 32, "wire_started");
_Static_assert(sizeof(struct wire_status) == 24, "wire_status");
_Static_assert(sizeof(struct wire_death_signal) == 24, "wire_death_signal");
_Static_assert(sizeof(struct wire_failed) == 1048, "wire_failed");
_Static_assert(sizeof(struct wire_crashed) == 32, "wire_crashed");
_Static_assert(sizeof(struct wire_pong) == 32, "wire_pong");
_Static_assert(sizeof(struct wire_debug) == 24, "wire_debug");
_Static_assert(sizeof(struct wire_show) == 24, "wire_show");
_Static_assert(sizeof(struct wire_shown) == 32, "wire_shown");
_Static_assert(sizeof(struct wire_event) == 48, "wire_event");

#endif
