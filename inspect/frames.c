#include "inspect/frames.h"

#include "inspect/backtrace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 65536

/* A thread that was looked at; without a trace when that could not be had. */
struct thread_frames {
	struct thread_frames *next;
	const struct reg_threadproc *tp;
	pid_t tid;
	bool has_trace;
	struct trace trace;
};

struct frames {
	struct tracer tracer;
	struct thread_frames *threads;
	struct identity_frame found; /* the answer that was given last */
};

int frames_create(struct session *session, struct frames **ret_frames, struct err *err)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	if (!frames)
		return err_os(err, ENOMEM, "frames");
	if (tracer_begin(&frames->tracer, session, err)) {
		free(frames);
		return -1;
	}
	*ret_frames = frames;
	return 0;
}

void frames_destroy(struct frames *frames)
{
	if (!frames)
		return;
	while (frames->threads) {
		struct thread_frames *thread = frames->threads;

		frames->threads = thread->next;
		if (thread->has_trace)
			trace_deinit(&thread->trace);
		free(thread);
	}
	tracer_end(&frames->tracer);
	free(frames);
}

static struct thread_frames *find_thread(struct frames *frames, const struct reg_threadproc *tp,
                                         pid_t tid)
{
	struct thread_frames *thread = frames->threads;
	struct err err;

	while (thread && (thread->tp != tp || thread->tid != tid))
		thread = thread->next;
	if (thread)
		return thread;
	thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	thread->tp = tp;
	thread->tid = tid;
	thread->has_trace =
		!tracer_take(&frames->tracer, tp, tid, FRAMES_MAX, &thread->trace, &err);
	thread->next = frames->threads;
	frames->threads = thread;
	return thread;
}

/* A frame reaches from its stack pointer to that of the frame that called it. */
static bool find_number(const struct backtrace *bt, uint64_t addr, size_t *ret_number)
{
	for (size_t i = 0; i + 1 < bt->count; i++) {
		uint64_t lo = bt->frames[i].sp, hi = bt->frames[i + 1].sp;

		if (lo && addr >= lo && addr < hi) {
			*ret_number = i;
			return true;
		}
	}
	return false;
}

void frames_find(struct frames *frames, struct identity *id)
{
	struct identity_frame *found = &frames->found;
	const struct thread_frames *thread;
	const struct frame *frame;
	size_t number;

	if (id->place != PLACE_STACK || !id->tid || !id->owner.tp)
		return;
	thread = find_thread(frames, id->owner.tp, id->tid);
	if (!thread || !thread->has_trace ||
	    !find_number(&thread->trace.backtrace, id->addr, &number))
		return;
	frame = &thread->trace.backtrace.frames[number];
	*found = (struct identity_frame){
		.number = number,
		.sp = frame->sp,
		.pc = frame->pc,
		.trampoline = frame->trampoline,
	};
	backtrace_name_function(&frames->tracer, frame, found->function, sizeof(found->function));
	id->frame = found;
}
