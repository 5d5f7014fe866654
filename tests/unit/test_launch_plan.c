/*
 * The plan of a launch, carried out on pages of the test's own: real programs and their
 * interpreter, and files made for the purpose.
 */
#include "tests/unit/launched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>

#define EXEC_BASE 0x400000u

/* ---- real programs ------------------------------------------------------------------------- */

static void test_dynamic_program(void **state)
{
	struct launched l;

	launched_init(&l);
	launched_open(&l, "/bin/true");
	launched_launch(&l);
	assert_non_null(l.interp);
	assert_true(l.interp->image->site_count > 0);
	launch_check(&l);
	assert_int_equal(l.slot.r_debug, l.layout.interp_bias + l.interp->image->r_debug);
	assert_int_equal(l.slot.dynamic, l.layout.program_bias + l.image->image->dynamic);
	launched_deinit(&l);
}

static void test_static_pie(void **state)
{
	struct launched l;

	launched_init(&l);
	launched_open(&l, "/sbin/ldconfig");
	launched_launch(&l);
	assert_null(l.interp);
	assert_true(l.image->image->site_count > 0);
	launch_check(&l);
	launched_deinit(&l);
}

/* The interpreter, run as a program, is its own. */
static void test_interpreter_as_program(void **state)
{
	struct launched l;

	launched_init(&l);
	launched_open(&l, "/lib64/ld-linux-x86-64.so.2");
	launched_launch(&l);
	assert_null(l.interp);
	launch_check(&l);
	assert_int_equal(l.slot.r_debug, l.layout.program_bias + l.image->image->r_debug);
	launched_deinit(&l);
}

/* ---- made files --------------------------------------------------------------------------------
 */

/* A position-dependent program, with two sites or none. */
static void build_fixed(struct elf_builder *builder, bool with_sites)
{
	static const uint8_t site[] = {0xb8, 9, 0, 0, 0, 0x0f, 0x05, 0xc3};

	elf_builder_init(builder);
	builder->ehdr.e_type = ET_EXEC;
	builder->ehdr.e_entry += EXEC_BASE;
	builder->phdrs[0].p_vaddr += EXEC_BASE;
	builder->phdrs[1].p_vaddr += EXEC_BASE;
	memset(builder->bytes + 0x400, 0x90, 0xc00);
	memset(builder->bytes + 0x1000, 0xdd, 0x200);
	if (!with_sites)
		return;
	elf_builder_put(builder, 0x820, site, sizeof(site));
	elf_builder_put(builder, 0x900, site, sizeof(site));
}

static void test_fixed_program(void **state)
{
	struct elf_builder builder;
	struct launched l;

	build_fixed(&builder, true);
	launched_init(&l);
	launched_open_built(&l, &builder);
	launched_launch(&l);
	assert_int_equal(l.image->image->site_count, 2);
	assert_int_equal(l.layout.program_bias, 0);
	assert_int_equal(l.layout.fixed_stubs, EXEC_BASE + 0x5000);
	launch_check(&l);
	launched_deinit(&l);
}

static void test_fixed_program_without_sites(void **state)
{
	struct elf_builder builder;
	struct launched l;

	build_fixed(&builder, false);
	launched_init(&l);
	launched_open_built(&l, &builder);
	launched_launch(&l);
	assert_int_equal(l.image->image->site_count, 0);
	assert_null(plan_replay_page(&l.replay, EXEC_BASE + 0x5000));
	/* the one for signals is there all the same */
	assert_non_null(plan_replay_page(&l.replay, l.layout.stubs));
	launch_check(&l);
	launched_deinit(&l);
}

/* The data segment's last page of the file is full of what follows it in the file. */
static void test_rest_of_the_last_page_is_cleared(void **state)
{
	struct elf_builder builder;
	struct launched l;

	build_fixed(&builder, false);
	memset(builder.bytes + 0x1200, 0xee, 0xe00);
	builder.size = 0x2000;
	launched_init(&l);
	launched_open_built(&l, &builder);
	launched_launch(&l);
	launch_check(&l);
	launched_deinit(&l);
}

/* Memory only: nothing of it is in the file. */
static void test_segment_without_file_part(void **state)
{
	struct elf_builder builder;
	struct launched l;

	build_fixed(&builder, false);
	builder.phdrs[1].p_filesz = 0;
	builder.phdrs[1].p_vaddr += 0x123;
	builder.phdrs[1].p_offset += 0x123;
	launched_init(&l);
	launched_open_built(&l, &builder);
	launched_launch(&l);
	launch_check(&l);
	launched_deinit(&l);
}

static void test_executable_stack(void **state)
{
	struct elf_builder builder;
	struct launched l;

	build_fixed(&builder, false);
	elf_builder_add(&builder, PT_GNU_STACK, 0, 0)->p_flags = PF_R | PF_W | PF_X;
	launched_init(&l);
	launched_open_built(&l, &builder);
	launched_launch(&l);
	plan_replay_check_prot(&l.replay, l.layout.stack_lo, l.layout.stack_hi,
	                       PROT_READ | PROT_WRITE | PROT_EXEC);
	launch_check(&l);
	launched_deinit(&l);
}

/* ---- what the launcher asked for ------------------------------------------------------------ */

static void launch_simple(struct launched *l)
{
	struct elf_builder builder;

	build_fixed(&builder, false);
	launched_open_built(l, &builder);
	launched_launch(l);
}

static void test_only_what_differs_is_set(void **state)
{
	struct launched l;

	launched_init(&l);
	l.request.launch.rlimits[RLIMIT_STACK].soft = 0;
	l.request.launch.flags = WIRE_HAS_AFFINITY | WIRE_HAS_IOPRIO;
	launch_simple(&l);
	assert_int_equal(l.slot.launch.flags, 0);
	assert_int_equal(l.slot.launch.rlimit_count, 0);
	assert_int_equal(l.slot.launch.timer_slack_ns, 0);
	assert_int_equal(l.slot.launch.pgid, 0);
	assert_int_equal(l.self.flags, 0);
	launched_deinit(&l);
}

static void test_everything_is_passed_on(void **state)
{
	struct wire_launch *wire;
	struct launched l;

	launched_init(&l);
	wire = &l.request.launch;
	wire->flags = WIRE_NO_NEW_PRIVS | WIRE_HAS_AFFINITY | WIRE_HAS_IOPRIO | WIRE_FORK_ALL;
	wire->affinity[0] = 1;
	wire->ioprio = 0x4004;
	wire->nice = 5;
	wire->sched_policy = SCHED_BATCH;
	wire->personality = ADDR_NO_RANDOMIZE;
	wire->timer_slack_ns = 1;
	wire->umask_bits = 027;
	wire->sig_blocked = 0x10;
	wire->sig_ignored = 0x20;
	wire->sid = launched_space.server_sid;
	wire->pgid = 1234;
	wire->rlimits[RLIMIT_CORE] = (struct wire_rlimit){1, UINT64_MAX};
	launch_simple(&l);
	assert_int_equal(l.slot.launch.flags, SLOT_NO_NEW_PRIVS | SLOT_SET_AFFINITY |
	                                              SLOT_SET_IOPRIO | SLOT_SET_SCHED |
	                                              SLOT_SET_NICE | SLOT_SET_PERSONALITY);
	assert_int_equal(l.self.flags, TP_SELF_FORK_ALL);
	assert_int_equal(l.slot.launch.affinity[0], 1);
	assert_int_equal(l.slot.launch.ioprio, 0x4004);
	assert_int_equal(l.slot.launch.nice, 5);
	assert_int_equal(l.slot.launch.sched_policy, SCHED_BATCH);
	assert_int_equal(l.slot.launch.personality, ADDR_NO_RANDOMIZE);
	assert_int_equal(l.slot.launch.timer_slack_ns, 1);
	assert_int_equal(l.slot.launch.umask_bits, 027);
	assert_int_equal(l.slot.launch.sig_blocked, 0x10);
	assert_int_equal(l.slot.launch.sig_ignored, 0x20);
	assert_int_equal(l.slot.launch.pgid, 1234);
	assert_int_equal(l.slot.launch.rlimit_count, 2);
	assert_int_equal(l.slot.launch.rlimits[0].resource, RLIMIT_STACK);
	assert_int_equal(l.slot.launch.rlimits[1].resource, RLIMIT_CORE);
	assert_int_equal(l.slot.launch.rlimits[1].hard, UINT64_MAX);
	launched_deinit(&l);
}

/* A process group of another session cannot be joined. */
static void test_group_of_another_session(void **state)
{
	struct launched l;

	launched_init(&l);
	l.request.launch.sid = launched_space.server_sid + 1;
	l.request.launch.pgid = 1234;
	launch_simple(&l);
	assert_int_equal(l.slot.launch.pgid, 0);
	launched_deinit(&l);
}

static void test_name_of_the_process(void **state)
{
	struct elf_builder builder;
	struct launched l;

	build_fixed(&builder, false);
	launched_init(&l);
	launched_open_built(&l, &builder);
	free(l.program.execfn);
	l.program.execfn = strdup("/bin/a-name-of-more-than-fifteen-bytes");
	launched_launch(&l);
	assert_string_equal(l.slot.launch.comm, "a-name-of-more-");
	launched_deinit(&l);
}

/* ---- too much ------------------------------------------------------------------------------- */

/* Whether it is refused, as too much; else it is sound.  The launch is over then. */
static bool is_refused(struct launched *l)
{
	struct elf_builder builder;
	struct err err;
	int result;

	build_fixed(&builder, false);
	launched_open_built(l, &builder);
	result = launched_build(l, &err);
	if (result) {
		assert_int_equal(err.code, ERR_OS);
		assert_int_equal(err.os_errno, E2BIG);
	} else {
		launched_replay(l);
		launch_check_fds(l);
	}
	launched_deinit(l);
	return result;
}

/* So many bytes of environment, in strings of a KiB. */
static char **large_environment(unsigned kib)
{
	static char each[1024];
	char **envp = calloc(kib + 1, sizeof(*envp));

	assert_non_null(envp);
	memset(each, 'e', sizeof(each) - 1);
	for (unsigned i = 0; i < kib; i++)
		envp[i] = each;
	return envp;
}

static void test_arguments_beyond_the_kernels_limit(void **state)
{
	struct launched l;

	launched_init(&l);
	l.request.launch.envc = 2100;
	l.request.envp = large_environment(2100);
	assert_true(is_refused(&l));
	free(l.request.envp);
}

/* With the smallest stack, too, as many as the kernel allows leave room to run. */
static void test_arguments_of_a_small_stack(void **state)
{
	struct launched l;

	launched_init(&l);
	l.request.launch.rlimits[RLIMIT_STACK].soft = 1;
	l.request.launch.envc = 126;
	l.request.envp = large_environment(126);
	assert_false(is_refused(&l));
	free(l.request.envp);
}

static void test_descriptors_that_fill_a_small_stack(void **state)
{
	enum { MANY = 40000 };
	struct request_fd *fds = calloc(MANY, sizeof(*fds));
	struct launched l;

	assert_non_null(fds);
	for (int i = 0; i < MANY; i++)
		fds[i].target = i;
	launched_init(&l);
	l.request.launch.rlimits[RLIMIT_STACK].soft = 1;
	l.request.fds = fds;
	l.request.fd_count = MANY;
	assert_true(is_refused(&l));
	free(fds);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, launched_setup, launched_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dynamic_program),
		TEST(test_static_pie),
		TEST(test_interpreter_as_program),
		TEST(test_fixed_program),
		TEST(test_fixed_program_without_sites),
		TEST(test_rest_of_the_last_page_is_cleared),
		TEST(test_segment_without_file_part),
		TEST(test_executable_stack),
		TEST(test_only_what_differs_is_set),
		TEST(test_everything_is_passed_on),
		TEST(test_group_of_another_session),
		TEST(test_name_of_the_process),
		TEST(test_arguments_beyond_the_kernels_limit),
		TEST(test_arguments_of_a_small_stack),
		TEST(test_descriptors_that_fill_a_small_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
