/* stack: the words of a thread's stack, each followed hop by hop. */
#include "inspect/backtrace.h"
#include "inspect/options.h"
#include "inspect/pick.h"
#include "inspect/show.h"
#include "inspect/telescope.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/telescope.h"

#include <errno.h>
#include <inttypes.h>

#define WORDS_DEFAULT 32
#define WORDS_MAX 65536
#define FRAMES_MAX 1024

struct stack {
	struct session *session;
	struct pick pick;
	uint64_t sp;
	size_t words;
	size_t hops;
	struct identity *id;      /* room to work in */
	struct tracer *tracer;    /* NULL: frames are not known, as without them */
	struct backtrace *frames; /* likewise */
};

/* The thread that is meant: of a threadproc, its main thread. */
static int pick_one(const struct target *target, const char *word, struct pick *ret_pick,
                    struct err *err)
{
	struct picks picks;

	if (pick_threads(target, word, &picks, err))
		return -1;
	*ret_pick = picks.list[0];
	for (size_t i = 0; i < picks.count; i++) {
		if (picks.list[i].thread.tid == picks.list[i].tp->abi.pid) {
			*ret_pick = picks.list[i];
			break;
		}
	}
	picks_deinit(&picks);
	return 0;
}

/* ---- Text ---------------------------------------------------------------- */

static int print_words(struct stack *stack, uint64_t addr, size_t count, struct err *err)
{
	return telescope_print(stack->session, addr, count, stack->hops, stack->id, err);
}

static void print_frame_head(struct stack *stack, size_t number)
{
	struct session *session = stack->session;

	fprintf(session->out, "%s#%zu ", out_style(session->colour, OUT_CYAN), number);
	backtrace_print_function(stack->tracer, &stack->frames->frames[number]);
	fprintf(session->out, "%s\n", out_style(session->colour, OUT_PLAIN));
}

/* How many words lie between the stack pointers of a frame and of the one that called it. */
static size_t words_of_frame(const struct backtrace *frames, size_t number)
{
	uint64_t lo = frames->frames[number].sp;
	uint64_t hi = number + 1 < frames->count ? frames->frames[number + 1].sp : UINT64_MAX;

	return lo && hi > lo ? (hi - lo) / sizeof(uint64_t) : 0;
}

/* Frame by frame, until there are enough words. */
static int print_frames(struct stack *stack, struct err *err)
{
	size_t left = stack->words;

	for (size_t i = 0; i < stack->frames->count && left; i++) {
		size_t count = words_of_frame(stack->frames, i);

		print_frame_head(stack, i);
		if (count > left)
			count = left;
		if (count && print_words(stack, stack->frames->frames[i].sp, count, err))
			return -1;
		left -= count;
	}
	return 0;
}

static int answer_text(struct stack *stack, struct err *err)
{
	struct session *session = stack->session;

	fprintf(session->out, "%sthread %" PRIu32 ".%d%s  ", out_style(session->colour, OUT_BOLD),
	        stack->pick.tp->abi.id, (int)stack->pick.thread.tid,
	        out_style(session->colour, OUT_PLAIN));
	out_text(session->out, stack->pick.tp->abi.name);
	fputc('\n', session->out);
	if (stack->frames)
		return print_frames(stack, err);
	return print_words(stack, stack->sp, stack->words, err);
}

/* ---- JSON ---------------------------------------------------------------- */

static int answer_json(struct stack *stack, struct err *err)
{
	json_t *words = telescope_json(stack->session, stack->sp, stack->words, stack->hops,
	                               stack->id, err);

	if (!words)
		return -1;
	return session_print_json(
		stack->session,
		json_pack(
			"{s:o, s:i, s:o, s:o, s:o}", "threadproc", show_json_who(stack->pick.tp),
			"tid", (int)stack->pick.thread.tid, "sp", out_json_hex(stack->sp), "frames",
			stack->frames ? backtrace_json(stack->tracer, stack->frames) : json_null(),
			"words", words),
		err);
}

static int answer(struct stack *stack, struct err *err)
{
	return stack->session->json ? answer_json(stack, err) : answer_text(stack, err);
}

/* ---- Where the stack pointer is ------------------------------------------ */

/* With registers there are frames, too. */
static int with_capture(struct stack *stack, struct err *err)
{
	struct tracer tracer;
	struct trace trace;
	int ret;

	if (tracer_begin(&tracer, stack->session, err))
		return -1;
	ret = tracer_take(&tracer, stack->pick.tp, stack->pick.thread.tid, FRAMES_MAX, &trace, err);
	if (!ret) {
		stack->tracer = &tracer;
		stack->frames = &trace.backtrace;
		stack->sp = capture_sp(&trace.capture);
		ret = answer(stack, err);
		trace_deinit(&trace);
	}
	tracer_end(&tracer);
	return ret;
}

static int without_capture(struct stack *stack, struct err *err)
{
	struct thread_info info;

	if (target_thread_info(session_target(stack->session), stack->pick.tp,
	                       stack->pick.thread.tid, &info, err))
		return -1;
	if (!info.place.sp)
		return err_set(err, ERR_NOT_FOUND,
		               "thread %" PRIu32 ".%d runs: its stack pointer is known only while "
		               "it waits, or if --stop stops it for a moment",
		               stack->pick.tp->abi.id, (int)stack->pick.thread.tid);
	stack->sp = info.place.sp;
	return answer(stack, err);
}

/* ---- The verb ------------------------------------------------------------ */

enum { STOP, HOPS };

static const struct verb_option options[] = {
	[STOP] = {"stop", NULL, "stop the thread for a moment: it may run, and frames are told"},
	[HOPS] = {"hops", "N", "follow a word that far (6)"},
	{0},
};

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));
	struct stack stack = {.session = session, .id = id};
	uint64_t words = WORDS_DEFAULT, hops = TELESCOPE_HOPS_DEFAULT;

	if (!id)
		return err_os(err, ENOMEM, "answer");
	if ((args->count > 1 && option_number("N", args->words[1], 1, WORDS_MAX, &words, err)) ||
	    (args->options[HOPS] &&
	     option_number("hops", args->options[HOPS], 1, TELESCOPE_HOPS_MAX, &hops, err)) ||
	    pick_one(session_target(session), args->words[0], &stack.pick, err))
		return -1;
	stack.words = words;
	stack.hops = hops;
	/* in a core file everything stands still */
	if (args->options[STOP] || session->core_path)
		return with_capture(&stack, err);
	return without_capture(&stack, err);
}

const struct verb verb_stack = {
	.name = "stack",
	.usage = "ID[.TID] [N]",
	.help = "the words of a stack, each followed hop by hop",
	.details = "N words (32) from the stack pointer up, of the main thread or of thread TID.\n"
		   "With --stop, and in a core file, they are told frame by frame.\n",
	.example = "stack allocstr 16",
	.options = options,
	.takes = TAKES_COMPONENT,
	.args_min = 1,
	.args_max = 2,
	.needs_space = true,
	.run = run,
};
