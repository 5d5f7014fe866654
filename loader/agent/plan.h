/*
 * plan.h - what the server tells the agent, and what the agent answers.
 *
 * The agent's end is descriptor AGENT_SOCKET, a SOCK_SEQPACKET socketpair.  The server
 * lays a plan, an array of struct plan_op and the bytes they copy, into a memfd that
 * both hold (AGENT_PLAN_FD), sends AGENT_RUN, and waits for AGENT_DONE before it
 * touches the memfd again.  Descriptors for a plan travel with AGENT_RUN, or before it
 * with AGENT_FDS when they are many; the agent closes them all when the plan is done.
 *
 * Each side checks what it gets: the agent's memory is open to every program of the
 * space, so its answers are no more trusted than theirs.
 */
#ifndef TPROC_AGENT_PLAN_H
#define TPROC_AGENT_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x41435054u /* "TPCA" */
#define PLAN_VERSION 1u
#define PLAN_MAX_OPS 4096u
#define PLAN_FDS_PER_PACKET 250u
#define PLAN_MAX_FDS 65600u

/* The agent starts with exactly these open; it moves them out of the way of others. */
#define AGENT_SOCKET 3
#define AGENT_PLAN_FD 4

enum plan_type {
	AGENT_HELLO = 1, /* agent: struct plan_hello, once, when it is ready */
	AGENT_FDS = 2,	 /* server: struct plan_header; descriptors for the next AGENT_RUN */
	AGENT_RUN = 3,	 /* server: struct plan_run */
	AGENT_DONE = 4,	 /* agent: struct plan_done */
};

struct plan_header {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum plan_type */
	uint32_t length;
	uint32_t serial; /* AGENT_DONE repeats that of its AGENT_RUN */
};

struct plan_hello {
	struct plan_header h;
	uint64_t vdso;	  /* AT_SYSINFO_EHDR of the space, 0: none */
	uint64_t agent_lo; /* its image */
	uint64_t agent_hi;
	uint64_t entry;	 /* addresses for struct patch_stub_head */
	uint64_t filter;
	uint64_t module_hook;
	uint64_t cpuid;
	uint64_t cpuid_early; /* for interpreters */
	uint64_t crash;	      /* where signals of crashes lead, for stubs */
	uint64_t barrier; /* the page behind the kernel's own brk, 0 when it could not be had */
};

struct plan_run {
	struct plan_header h;
	uint32_t op_count;
	uint32_t fd_count; /* AGENT_FDS' ones included */
	uint64_t data_off; /* where the ops' data begins in the memfd */
};

struct plan_done {
	struct plan_header h;
	int32_t result;	   /* 0 or -errno */
	uint32_t failed_op; /* index of the op that failed */
	int32_t pid;	   /* of the clone, 0: none */
	uint32_t pad;
};

enum plan_opcode {
	PLAN_MAP = 1,     /* mmap addr,len,prot,flags of descriptor fd at off */
	PLAN_ZERO = 2,    /* clear addr,len */
	PLAN_WRITE = 3,   /* read len bytes of data at off to addr */
	PLAN_PROTECT = 4, /* mprotect addr,len,prot */
	PLAN_UNMAP = 5,   /* munmap addr,len */
	PLAN_ADVISE = 6,  /* madvise addr,len,flags */
	PLAN_SEAL = 7,    /* mseal addr,len where the kernel has it (Linux 6.10) */
	PLAN_CLONE = 8,   /* start the struct slot at addr */
	PLAN_SET_MM = 9,  /* describe the memory by the struct plan_mm of data at off */
};

/* A clone's descriptors: fds[0..len) of the plan become those of the program; the
 * working directory is descriptor `fd` of the plan. */
struct plan_op {
	uint32_t op; /* enum plan_opcode */
	int32_t fd;  /* index into the plan's descriptors, -1: none */
	uint64_t addr;
	uint64_t len;
	uint32_t prot;
	uint32_t flags;
	uint64_t off;
};

/*
 * What /proc/PID/auxv and stat say of the memory, the same for everybody in it; the agent
 * adds its break.  The words are pairs, AT_NULL last.
 */
#define PLAN_AUX_WORDS 64u

struct plan_mm {
	uint64_t start_code;
	uint64_t end_code;
	uint64_t start_data;
	uint64_t end_data;
	uint64_t start_brk;
	uint64_t start_stack;
	uint64_t arg_start;
	uint64_t arg_end;
	uint64_t env_start;
	uint64_t env_end;
	uint64_t aux_count; /* words */
	uint64_t aux[PLAN_AUX_WORDS];
};

_Static_assert(sizeof(struct plan_mm) == 600, "plan_mm");
_Static_assert(sizeof(struct plan_header) == 16, "plan_header");
_Static_assert(sizeof(struct plan_hello) == 96, "plan_hello");
_Static_assert(sizeof(struct plan_run) == 32, "plan_run");
_Static_assert(sizeof(struct plan_done) == 32, "plan_done");
_Static_assert(sizeof(struct plan_op) == 40, "plan_op");

#endif
