/* Backtraces: of the thread that crashed from its record, of the others as they stand. */
#include "inspect/report/parts.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More threads than these are not shown. */
#define THREADS_MAX 256

/* The stack as the record has it: the rest is memory, as long as that is there. */
static int take_stack(const struct tp_crash *crash, struct capture *capture, struct err *err)
{
	if (!crash->stack_len)
		return 0;
	capture->stack = malloc(crash->stack_len);
	if (!capture->stack)
		return err_os(err, ENOMEM, "stack");
	memcpy(capture->stack, crash->stack, crash->stack_len);
	capture->stack_lo = crash->stack_lo;
	capture->stack_len = crash->stack_len;
	return 0;
}

/* A record that is half written may have none yet. */
static bool has_registers(const struct tp_crash *crash)
{
	return crash->state == TP_CRASH_TAKEN || (crash->pc && crash->reg_count);
}

int stacks_crashed(struct report *report, struct err *err)
{
	struct capture capture;
	int ret;

	if (!report->unwinder || !has_registers(report->crash))
		return 0;
	access_registers(report->crash, &capture);
	if (take_stack(report->crash, &capture, err))
		return -1;
	ret = unwind(report->unwinder, &capture, REPORT_FRAMES_MAX, &report->backtrace, err);
	capture_deinit(&capture);
	return ret;
}

static json_t *frame_json(struct report *report, const struct frame *frame)
{
	AUTO_FREE struct code_place *place = malloc(sizeof(*place));
	json_t *object;

	if (!place)
		return NULL;
	code_find(report, frame->pc, frame_lookup_address(frame), place);
	object = code_json(place);
	json_object_set_new(object, "pc", out_json_hex(frame->pc));
	json_object_set_new(object, "signal_trampoline", json_boolean(frame->trampoline));
	json_object_set_new(object, "guessed", json_boolean(frame->guessed));
	return object;
}

static json_t *thread_json(struct report *report, pid_t tid, bool crashed,
                           const struct backtrace *backtrace)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < backtrace->count; i++)
		json_array_append_new(frames, frame_json(report, &backtrace->frames[i]));
	return json_pack("{s:i, s:b, s:b, s:o, s:o, s:n}", "tid", (int)tid, "crashed", crashed,
	                 "cut", backtrace->cut, "problem",
	                 *backtrace->problem ? out_json_text(backtrace->problem) : json_null(),
	                 "frames", frames, "error");
}

/* One of the others.  It may end meanwhile (NULL), or not let itself be looked at. */
static json_t *other_json(struct report *report, pid_t tid)
{
	struct backtrace backtrace;
	struct capture capture;
	struct err err;
	json_t *thread;

	if (target_capture(report->target, report->tp, tid, &capture, &err)) {
		if (err.code == ERR_NOT_FOUND)
			return NULL;
		return json_pack("{s:i, s:b, s:[], s:o}", "tid", (int)tid, "crashed", false,
		                 "frames", "error", out_json_text(err.text));
	}
	if (unwind(report->unwinder, &capture, REPORT_FRAMES_MAX, &backtrace, &err)) {
		thread = NULL;
	} else {
		thread = thread_json(report, tid, false, &backtrace);
		backtrace_deinit(&backtrace);
	}
	capture_deinit(&capture);
	return thread;
}

static void add_others(struct report *report, json_t *list)
{
	struct threads threads;
	struct err err;

	if (target_threads(report->target, report->tp, &threads, &err))
		return;
	for (size_t i = 0; i < threads.count && json_array_size(list) < THREADS_MAX; i++) {
		pid_t tid = threads.list[i].tid;
		json_t *thread = NULL;

		if (tid != report->crash->tid && !session_interrupted(report->session))
			thread = other_json(report, tid);
		if (thread)
			json_array_append_new(list, thread);
	}
	threads_deinit(&threads);
}

json_t *stacks_json(struct report *report)
{
	json_t *threads = json_array();

	if (!report->unwinder || !report->crash || !has_registers(report->crash))
		return threads;
	json_array_append_new(threads,
	                      thread_json(report, report->crash->tid, true, &report->backtrace));
	if (report->held && report->depth == REPORT_FULL)
		add_others(report, threads);
	return threads;
}
