/*
 * launch_plan.h - the plan that loads and starts a program.
 */
#ifndef TPROC_SERVER_LAUNCH_PLAN_H
#define TPROC_SERVER_LAUNCH_PLAN_H

#include "loader/server/caller.h"
#include "loader/server/image_cache.h"
#include "loader/server/layout.h"
#include "loader/server/plan_build.h"
#include "loader/server/program.h"
#include "loader/server/request.h"

#include <sys/resource.h>

/* What the launches of a space have in common. */
struct launch_space {
	uint64_t entry; /* in-space code, from the agent's hello */
	uint64_t filter;
	uint64_t module_hook;
	uint64_t cpuid;
	uint64_t cpuid_early;
	uint64_t crash;
	uint64_t vdso;
	uint64_t brk;	      /* the kernel's, which nobody moves */
	uint64_t agent_stack; /* an address in it */
	bool can_describe;    /* the kernel lets a process say what its memory holds */
	int32_t server_pid;
	int32_t server_sid;
	int32_t nice; /* the agent's own, which a process starts with */
	uint32_t personality;
	uint32_t ioprio;
	uint64_t timer_slack_ns;
	uint64_t affinity[WIRE_CPUS / 64];
	struct rlimit rlimits[RLIM_NLIMITS];
};

struct launch_input {
	const struct request *request;
	const struct caller *caller;
	const struct program *program;
	const struct cached_image *image;
	const struct cached_image *interp; /* NULL: none */
	int interp_fd;
	const struct layout *layout;
	uint32_t index;
	uint32_t generation;
	uint32_t id;
};

/* Adds everything to an empty plan.  The descriptors of input stay borrowed by it. */
int launch_plan_build(struct plan *plan, const struct launch_space *space,
                      const struct launch_input *input, struct err *err);

/* The address of struct r_debug when the interpreter tells it, else 0. */
uint64_t launch_plan_r_debug(const struct launch_input *input);

#endif
