/*
 * launched.h - a launch for tests: from a file to what the memory would be.
 */
#ifndef TPROC_TESTS_LAUNCHED_H
#define TPROC_TESTS_LAUNCHED_H

#include "loader/agent/slot.h"
#include "loader/server/launch_plan.h"
#include "tests/unit/elf_builder.h"
#include "tests/unit/plan_replay.h"

#define LAUNCHED_INDEX 17
#define LAUNCHED_GENERATION 3
#define LAUNCHED_ID 55
#define LAUNCHED_FDS 4

struct launched {
	struct program program;
	struct request request;
	struct request_fd fds[LAUNCHED_FDS];
	struct cached_image *image;
	struct cached_image *interp; /* NULL: none */
	int interp_fd;
	struct layout layout;
	struct plan plan;
	struct plan_replay replay;
	struct slot slot; /* as it lies in the memory */
	struct tp_self self;
};

extern const struct launch_space launched_space;

/* Before and after each test: a registry and an image cache. */
int launched_setup(void **state);
int launched_teardown(void **state);

/* What a client asks for by default; the test changes request as it likes. */
void launched_init(struct launched *l);
void launched_deinit(struct launched *l);

/* The program: a file of this machine, or one that was made.  Skips the test without one. */
void launched_open(struct launched *l, const char *path);
void launched_open_built(struct launched *l, const struct elf_builder *builder);

/* The launch as far as the plan; what launch_plan_build returns. */
int launched_build(struct launched *l, struct err *err);

/* From the plan to the memory. */
void launched_replay(struct launched *l);

/* Both, and the plan is expected to be made. */
void launched_launch(struct launched *l);

/* Everything that has to hold of the memory; launch_check_fds is a part of it. */
void launch_check(const struct launched *l);
void launch_check_fds(const struct launched *l);

#endif
