/* What happened between two looks at a registry. */
#include "lib/base/err.h"
#include "lib/read/events.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NOW (UINT64_C(1700000100) * 1000000000)

struct world {
	struct registry_builder builder;
	struct snapshot *before;
	struct snapshot *after;
	struct events events;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	registry_builder_sample(&w->builder, (struct registry_shape){0});
	rb_header(&w->builder)->last_id = 3;
	w->before = rb_snapshot(&w->builder);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	events_deinit(&w->events);
	snapshot_destroy(w->before);
	snapshot_destroy(w->after);
	registry_builder_deinit(&w->builder);
	free(w);
	return 0;
}

/* Looks again; the kinds that are to be found, ended by 0. */
static void expect(struct world *w, ...)
{
	va_list kinds;
	struct err err;

	w->after = rb_snapshot(&w->builder);
	assert_non_null(w->after);
	assert_int_equal(events_between(w->before, w->after, NOW, &w->events, &err), 0);
	va_start(kinds, w);
	for (size_t i = 0; i < w->events.count; i++)
		assert_string_equal(event_name(w->events.list[i].kind),
		                    event_name((enum event_kind)va_arg(kinds, int)));
	assert_int_equal(va_arg(kinds, int), 0);
	va_end(kinds);
}

static void launch(struct world *w, uint32_t index, uint32_t id, uint32_t pid)
{
	struct tp_threadproc *tp = rb_threadproc(&w->builder, index);

	*tp = (struct tp_threadproc){.generation = 7, .id = id, .pid = (int32_t)pid};
	tp->state = pid ? TP_STATE_RUNNING : TP_STATE_STARTING;
	tp->start_ns = NOW - 5;
	tp->exe = rb_text(&w->builder, "/bin/new");
	strcpy(tp->name, "new");
	if (rb_header(&w->builder)->last_id < id)
		rb_header(&w->builder)->last_id = id;
}

static void test_nothing(void **state)
{
	expect(*state, 0);
}

static void test_launch(void **state)
{
	struct world *w = *state;

	launch(w, 4, 4, SAMPLE_PID(4));
	expect(w, EVENT_LAUNCHED, 0);
	assert_int_equal(w->events.list[0].time_ns, NOW - 5);
	assert_int_equal(w->events.list[0].tp->abi.id, 4);
}

/* Between two looks: launched and gone. */
static void test_short_life(void **state)
{
	struct world *w = *state;
	struct tp_threadproc *tp = rb_threadproc(&w->builder, 4);

	launch(w, 4, 4, SAMPLE_PID(4));
	tp->state = TP_STATE_CRASHED;
	tp->exit_code = CLD_KILLED;
	tp->exit_status = SIGSEGV;
	tp->end_ns = NOW - 2;
	expect(w, EVENT_LAUNCHED, EVENT_CRASHED, 0);
	assert_int_equal(w->events.list[1].time_ns, NOW - 2);
}

static void test_starting_is_told_once(void **state)
{
	struct world *w = *state;

	launch(w, 4, 4, 0);
	expect(w, 0);
	snapshot_destroy(w->before);
	w->before = w->after;
	events_deinit(&w->events);
	launch(w, 4, 4, SAMPLE_PID(4));
	expect(w, EVENT_LAUNCHED, 0);
}

static void test_states(void **state)
{
	struct world *w = *state;

	rb_threadproc(&w->builder, 1)->state = TP_STATE_STOPPED;
	rb_threadproc(&w->builder, 2)->state = TP_STATE_RUNNING;
	expect(w, EVENT_STOPPED, EVENT_CONTINUED, 0);
	assert_int_equal(w->events.list[0].time_ns, NOW);
}

/* A time of the future is of now, whatever the clock did. */
static void test_end(void **state)
{
	struct world *w = *state;
	struct tp_threadproc *tp = rb_threadproc(&w->builder, 1);

	tp->state = TP_STATE_EXITED;
	tp->exit_code = CLD_EXITED;
	tp->end_ns = UINT64_MAX;
	tp->modules = (struct tp_ref){0};
	rb_name(&w->builder, 1)->live = 0;
	expect(w, EVENT_EXITED, 0);
	assert_int_equal(w->events.list[0].time_ns, NOW);
}

static void test_modules(void **state)
{
	struct world *w = *state;
	struct tp_threadproc *tp = rb_threadproc(&w->builder, 1);
	struct tp_module *modules = rb_at(&w->builder, tp->modules);

	modules[1].bias += 0x1000; /* libc went, and came back elsewhere */
	expect(w, EVENT_LOADED, EVENT_UNLOADED, 0);
	assert_non_null(strstr(w->events.list[0].module->path, "libc"));
}

static void test_names(void **state)
{
	struct world *w = *state;
	struct tp_name *name = rb_name(&w->builder, 1);

	strcpy(name->name, "farewell");
	expect(w, EVENT_NAMED, EVENT_UNNAMED, 0);
	assert_string_equal(w->events.list[0].name->abi.name, "farewell");
	assert_string_equal(w->events.list[1].name->abi.name, "greeting");
}

/* A record that serves another now; ids that came and went. */
static void test_missed(void **state)
{
	struct world *w = *state;

	launch(w, 3, 10, SAMPLE_PID(10));
	expect(w, EVENT_LAUNCHED, EVENT_MISSED, 0);
	assert_int_equal(w->events.list[1].count, 6);
}

static void test_agent(void **state)
{
	struct world *w = *state;

	rb_header(&w->builder)->agent_state = TP_AGENT_DEAD;
	expect(w, EVENT_AGENT_DIED, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing), TEST(test_launch), TEST(test_short_life),
		TEST(test_states),  TEST(test_end),    TEST(test_starting_is_told_once),
		TEST(test_modules), TEST(test_names),  TEST(test_missed),
		TEST(test_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
