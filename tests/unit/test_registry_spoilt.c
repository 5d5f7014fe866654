/* The registry reader: every field spoilt in turn, and the rest read all the same. */
#include "lib/read/registry.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <string.h>

static const struct registry_shape plain;

/* ---- A header that is wrong ---------------------------------------------- */

#define SPOIL_HEADER(name, statement)                                                              \
	static void name(struct tp_registry *h)                                                    \
	{                                                                                          \
		statement;                                                                         \
	}

SPOIL_HEADER(spoil_magic, h->magic++)
SPOIL_HEADER(spoil_version, h->abi_version++)
SPOIL_HEADER(spoil_size_long, h->size++)
SPOIL_HEADER(spoil_size_short, h->size = 100)
SPOIL_HEADER(spoil_space, memset(h->space, 'x', sizeof(h->space)))
SPOIL_HEADER(spoil_shift, h->granule_shift = 64)
SPOIL_HEADER(spoil_page_size, h->page_size = 5000)
SPOIL_HEADER(spoil_agent, h->agent_lo = h->agent_hi + 1)
SPOIL_HEADER(spoil_mailbox, h->mailbox_size = UINT64_MAX)
SPOIL_HEADER(spoil_address, h->address = UINT64_MAX)
SPOIL_HEADER(spoil_off, h->images.off = h->size)
SPOIL_HEADER(spoil_off_wraps, h->names.off = UINT64_MAX - 7)
SPOIL_HEADER(spoil_off_header, h->fixed.off = 8)
SPOIL_HEADER(spoil_off_odd, h->threadprocs.off += 4)
SPOIL_HEADER(spoil_element, h->threadprocs.size -= 8)
SPOIL_HEADER(spoil_element_odd, h->names.size += 4)
SPOIL_HEADER(spoil_element_huge, h->images.size = UINT32_MAX - 7)
SPOIL_HEADER(spoil_count, h->granules.count = UINT32_MAX)
SPOIL_HEADER(spoil_count_some, h->heap.count *= 2)
SPOIL_HEADER(spoil_heap, h->heap.size = 8)
SPOIL_HEADER(spoil_overlap, h->names.off = h->images.off)
SPOIL_HEADER(spoil_high, h->threadproc_high = h->threadprocs.count + 1)
SPOIL_HEADER(spoil_image_high, h->image_high = UINT32_MAX)
SPOIL_HEADER(spoil_name_high, h->name_high = UINT32_MAX)

static void test_header(void **state)
{
	static const struct {
		void (*spoil)(struct tp_registry *h);
		const char *text;
	} cases[] = {
		{spoil_magic, "magic"},
		{spoil_version, "ABI version 3; this program knows version 2"},
		{spoil_size_long, "bytes"},
		{spoil_size_short, "bytes"},
		{spoil_space, "name"},
		{spoil_shift, "granule shift"},
		{spoil_page_size, "page size"},
		{spoil_agent, "reversed"},
		{spoil_mailbox, "reversed"},
		{spoil_address, "reversed"},
		{spoil_off, "images"},
		{spoil_off_wraps, "names"},
		{spoil_off_header, "fixed"},
		{spoil_off_odd, "threadprocs"},
		{spoil_element, "element size"},
		{spoil_element_odd, "element size"},
		{spoil_element_huge, "images"},
		{spoil_count, "granules"},
		{spoil_count_some, "heap"},
		{spoil_heap, "heap"},
		{spoil_overlap, "overlap"},
		{spoil_high, "past its end"},
		{spoil_image_high, "past its end"},
		{spoil_name_high, "past its end"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct registry *registry = NULL;
		struct registry_builder b;
		struct err err;

		registry_builder_sample(&b, plain);
		cases[i].spoil(rb_header(&b));
		assert_int_equal(registry_from_bytes(b.bytes, b.size, &registry, &err), -1);
		assert_int_equal(err.code, ERR_REGISTRY);
		if (!strstr(err.text, cases[i].text))
			fail_msg("case %zu: '%s' in '%s'", i, cases[i].text, err.text);
		assert_null(registry);
		registry_builder_deinit(&b);
	}
}

static void test_truncated(void **state)
{
	struct registry *registry = NULL;
	struct registry_builder b;
	struct err err;

	registry_builder_sample(&b, plain);
	for (size_t len = 0; len < b.size; len += len < 600 ? 1 : 997) {
		assert_int_equal(registry_from_bytes(b.bytes, len, &registry, &err), -1);
		assert_int_equal(err.code, ERR_REGISTRY);
	}
	registry_builder_deinit(&b);
}

/* ---- A record that is wrong ---------------------------------------------- */

static struct tp_module *module_of(struct registry_builder *b)
{
	return rb_at(b, rb_threadproc(b, 1)->modules);
}

static struct tp_fd *fd_of(struct registry_builder *b)
{
	return rb_at(b, rb_threadproc(b, 1)->fds);
}

#define SPOIL(name, statement)                                                                     \
	static void name(struct registry_builder *b, struct tp_threadproc *tp)                     \
	{                                                                                          \
		statement;                                                                         \
	}

SPOIL(bad_state, tp->state = 77)
SPOIL(bad_generation, tp->generation = 0)
SPOIL(bad_id, tp->id = 0)
SPOIL(bad_pid, tp->pid = -2)
SPOIL(bad_name, memset(tp->name, 'x', sizeof(tp->name)))
SPOIL(bad_stack, tp->stack_lo = tp->stack_hi + 1)
SPOIL(bad_brk, tp->brk_hi = 0)
SPOIL(bad_fixed, tp->fixed_lo = 1)
SPOIL(bad_program, tp->program_image = 7)
SPOIL(bad_interp, tp->interp_image = UINT32_MAX)
SPOIL(bad_run_count, tp->run_count = TP_RUNS + 1)
SPOIL(bad_run_first, tp->runs[0].first = TP_GRANULES)
SPOIL(bad_run_huge, tp->runs[0].count = UINT32_MAX)
SPOIL(bad_run_zero, tp->runs[0].first = 0)
SPOIL(bad_runs_overlap, tp->runs[1] = tp->runs[0]; tp->run_count = 2)
SPOIL(bad_exe_off, tp->exe.off = UINT32_MAX)
SPOIL(bad_exe_len, tp->exe.len = UINT32_MAX)
SPOIL(bad_exe_end, tp->exe.len -= 1)
SPOIL(bad_exe_two, ((char *)rb_at(b, tp->exe))[3] = '\0')
SPOIL(bad_cwd, tp->cwd.len = 2)
SPOIL(bad_argv, tp->argv.len -= 1)
SPOIL(bad_argv_off, tp->argv.off = 1u << 30)
SPOIL(bad_modules_len, tp->modules.len -= 1)
SPOIL(bad_modules_off, tp->modules.off = UINT32_MAX - 8)
SPOIL(bad_module_image, module_of(b)->image = 6)
SPOIL(bad_module_kind, module_of(b)->kind = 0)
SPOIL(bad_module_path, module_of(b)->path.len = 3)
SPOIL(bad_fds_len, tp->fds.len += 1)
SPOIL(bad_fd_kind, fd_of(b)->kind = 99)
SPOIL(bad_fd_number, fd_of(b)->fd = -5)
SPOIL(bad_fd_target, fd_of(b)->target.off = UINT32_MAX)

static void test_record(void **state)
{
	static const struct {
		void (*spoil)(struct registry_builder *b, struct tp_threadproc *tp);
		const char *problem;
	} cases[] = {
		{bad_state, "state"},
		{bad_generation, "generation"},
		{bad_id, "id"},
		{bad_pid, "pid"},
		{bad_name, "name"},
		{bad_stack, "stack"},
		{bad_brk, "brk"},
		{bad_fixed, "fixed"},
		{bad_program, "program"},
		{bad_interp, "interpreter"},
		{bad_run_count, "runs"},
		{bad_run_first, "run 0"},
		{bad_run_huge, "run 0"},
		{bad_run_zero, "run 0"},
		{bad_runs_overlap, "run 1"},
		{bad_exe_off, "exe"},
		{bad_exe_len, "exe"},
		{bad_exe_end, "exe"},
		{bad_exe_two, "exe"},
		{bad_cwd, "cwd"},
		{bad_argv, "argv"},
		{bad_argv_off, "argv"},
		{bad_modules_len, "modules"},
		{bad_modules_off, "modules"},
		{bad_module_image, "module"},
		{bad_module_kind, "module"},
		{bad_module_path, "module"},
		{bad_fds_len, "fds"},
		{bad_fd_kind, "fd"},
		{bad_fd_number, "fd"},
		{bad_fd_target, "descriptor"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct registry_builder b;
		struct snapshot *s;

		registry_builder_sample(&b, plain);
		cases[i].spoil(&b, rb_threadproc(&b, 1));
		s = rb_snapshot(&b);
		assert_non_null(s);
		if (!strstr(s->threadprocs[1].health.problem, cases[i].problem))
			fail_msg("case %zu: '%s' in '%s'", i, cases[i].problem,
			         s->threadprocs[1].health.problem);
		assert_int_equal(s->threadprocs[1].abi.launcher_pid, SAMPLE_PID(101));
		assert_string_equal(s->threadprocs[2].health.problem, "");
		assert_string_equal(s->threadprocs[2].exe, "/usr/bin/allocstr");
		snapshot_destroy(s);
		registry_builder_deinit(&b);
	}
}

static void test_parts_left_of_a_record(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	bad_exe_off(&b, rb_threadproc(&b, 1));
	bad_module_image(&b, rb_threadproc(&b, 1));
	bad_stack(&b, rb_threadproc(&b, 1));
	s = rb_snapshot(&b);
	assert_null(s->threadprocs[1].exe);
	assert_string_equal(s->threadprocs[1].cwd, "/tmp");
	assert_int_equal(s->threadprocs[1].abi.stack_hi, 0);
	assert_int_equal(s->threadprocs[1].module_count, 2);
	assert_int_equal(s->threadprocs[1].modules[0].abi.image, 0);
	assert_int_equal(s->threadprocs[1].modules[1].abi.image, 2);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

static void test_image_and_name(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	rb_image(&b, 1)->build_id_len = 33;
	rb_image(&b, 2)->path.len = 5;
	memset(rb_name(&b, 1)->type, 't', TP_NAME_SIZE);
	rb_name(&b, 1)->size = UINT64_MAX;
	rb_name(&b, 1)->owner = 5000;
	*rb_name(&b, 2) = (struct tp_name){.live = 1, .owner = 1, .owner_generation = 4};
	s = rb_snapshot(&b);
	assert_string_equal(s->images[1].health.problem, "build-id of 33 bytes");
	assert_int_equal(s->images[1].abi.build_id_len, 0);
	assert_null(snapshot_image(s, 2));
	assert_int_equal(s->threadprocs[1].modules[1].abi.image, 0);
	assert_int_equal(s->name_count, 2);
	assert_null(s->names[0].owner);
	assert_int_equal(strlen(s->names[0].abi.type), TP_NAME_SIZE - 1);
	assert_int_equal(s->names[0].abi.size, 0);
	assert_null(s->names[1].owner);
	assert_string_equal(s->names[1].health.problem, "");
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

/* Many records that all lead to one big block must not make the reader copy without end. */
static void test_budget(void **state)
{
	struct registry_builder b;
	struct snapshot *s;
	size_t copied = 0;

	registry_builder_sample(&b, plain);
	memset(rb_at(&b, (struct tp_ref){b.heap_used, 0}), 'x',
	       rb_header(&b)->heap.count - b.heap_used - 1);
	for (uint32_t i = 1; i < 8; i++) {
		struct tp_threadproc *tp = rb_threadproc(&b, i);

		tp->state = TP_STATE_RUNNING;
		tp->generation = tp->id = i;
		tp->argv = (struct tp_ref){0, rb_header(&b)->heap.count};
	}
	s = rb_snapshot(&b);
	for (size_t i = 0; i < s->threadproc_count; i++)
		copied += s->threadprocs[i].argc != 0;
	assert_int_equal(copied, 3);
	assert_string_equal(s->threadprocs[7].health.problem, "argv: 16384 bytes are too many");
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_parts_left_of_a_record),
		cmocka_unit_test(test_image_and_name),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
