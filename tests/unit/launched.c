#include "tests/unit/launched.h"

#include "tests/unit/fd_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LO ((uint64_t)(TP_FIRST_GRANULE + 5) << TP_GRANULE_SHIFT)
#define STACK_LIMIT (UINT64_C(8) << 20)

static struct registry registry;
static struct image_cache cache;
static int descriptors_before;

const struct launch_space launched_space = {
	.entry = TP_AGENT_ADDR + 0x1110,
	.filter = TP_AGENT_ADDR + 0x2220,
	.module_hook = TP_AGENT_ADDR + 0x3330,
	.cpuid = TP_AGENT_ADDR + 0x4440,
	.cpuid_early = TP_AGENT_ADDR + 0x4480,
	.vdso = 0x7fff12345000,
	.brk = TP_AGENT_ADDR + 0x20000,
	.agent_stack = 0x7fff00001230,
	.can_describe = true,
	.server_pid = 4321,
	.server_sid = 99,
	.timer_slack_ns = 50000,
};

static char *arguments[] = {"true", "--one", "", NULL};
static char *environment[] = {"HOME=/", "LANG=C", NULL};

int launched_setup(void **state)
{
	struct err err;

	descriptors_before = fd_count();
	if (registry_create(&registry, "unit", &err))
		return -1;
	image_cache_init(&cache, &registry);
	return 0;
}

int launched_teardown(void **state)
{
	image_cache_deinit(&cache);
	registry_destroy(&registry);
	return fd_count() == descriptors_before ? 0 : -1;
}

void launched_init(struct launched *l)
{
	memset(l, 0, sizeof(*l));
	l->interp_fd = -1;
	l->program.fd = -1;
	l->request.launch.envc = 2;
	l->request.launch.timer_slack_ns = launched_space.timer_slack_ns;
	l->request.launch.rlimits[RLIMIT_STACK].soft = STACK_LIMIT;
	l->request.envp = environment;
	l->request.fds = l->fds;
	l->request.fd_count = LAUNCHED_FDS;
	l->request.cwd_fd = 1001;
	for (int i = 0; i < LAUNCHED_FDS; i++)
		l->fds[i] = (struct request_fd){.fd = 100 + i, .target = i == 3 ? 77 : i};
}

void launched_open(struct launched *l, const char *path)
{
	struct err err;

	if (access(path, X_OK))
		skip();
	assert_int_equal(program_open(getpid(), AT_FDCWD, path, 3, arguments, &l->program, &err),
	                 0);
}

void launched_open_built(struct launched *l, const struct elf_builder *builder)
{
	l->program.fd = elf_builder_fd(builder);
	assert_true(l->program.fd >= 0);
	l->program.path = strdup("/somewhere/built");
	l->program.execfn = strdup("./built");
	l->program.argc = 1;
	l->program.argv = calloc(2, sizeof(char *));
	assert_non_null(l->program.argv);
	l->program.argv[0] = strdup("built");
}

int launched_build(struct launched *l, struct err *err)
{
	const struct wire_rlimit *stack_limit = &l->request.launch.rlimits[RLIMIT_STACK];
	const struct image *interp = NULL;
	const struct caller caller = {.same_groups = true, .same_capabilities = true};
	struct launch_input input;
	uint64_t stack = layout_stack_size(stack_limit->soft);
	uint32_t granules;

	assert_int_equal(image_cache_get(&cache, l->program.fd, l->program.path, &l->image, err),
	                 0);
	if (l->image->image->interp) {
		const char *path = l->image->image->interp;

		assert_int_equal(program_open_interp(path, &l->interp_fd, err), 0);
		assert_int_equal(image_cache_get(&cache, l->interp_fd, path, &l->interp, err), 0);
		interp = l->interp->image;
	}
	granules = layout_granules(stack, l->image->image, interp);
	layout_compute(LO, granules, stack, l->image->image, interp, &l->layout);
	plan_init(&l->plan);
	input = (struct launch_input){
		.request = &l->request,
		.caller = &caller,
		.program = &l->program,
		.image = l->image,
		.interp = l->interp,
		.interp_fd = l->interp_fd,
		.layout = &l->layout,
		.index = LAUNCHED_INDEX,
		.generation = LAUNCHED_GENERATION,
		.id = LAUNCHED_ID,
	};
	return launch_plan_build(&l->plan, &launched_space, &input, err);
}

void launched_replay(struct launched *l)
{
	plan_replay_init(&l->replay, &l->plan);
	plan_replay_read(&l->replay, l->layout.state, &l->slot, sizeof(l->slot));
	plan_replay_read(&l->replay, l->layout.self, &l->self, sizeof(l->self));
}

void launched_launch(struct launched *l)
{
	struct err err;

	if (launched_build(l, &err))
		fail_msg("%s", err.text);
	launched_replay(l);
}

void launched_deinit(struct launched *l)
{
	plan_replay_deinit(&l->replay);
	plan_deinit(&l->plan);
	image_cache_put(&cache, l->image);
	if (l->interp) {
		image_cache_put(&cache, l->interp);
		close(l->interp_fd);
	}
	program_deinit(&l->program);
}
