/* Stacks that were too small. */
#include "inspect/report/parts.h"

#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/read/component.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* So far from the stack pointer a stack that is too small is touched. */
#define REACH (UINT64_C(1) << 20)
/* A function is recursive that has so many frames and is among so many innermost ones. */
#define RECURSION_MIN 4
#define RECURSION_NEAR 8

struct stack {
	uint64_t lo;
	uint64_t hi; /* 0: not known */
};

/* Of another thread than the main one: C libraries keep its descriptor at the top of it. */
static void find_thread_stack(const struct report *report, struct stack *stack)
{
	const struct threads *threads;
	struct mapping mapping;
	struct err err;

	if (!report->held || !report->target->maps ||
	    component_threads(report->target, report->tp, &threads, &err))
		return;
	for (size_t i = 0; i < threads->count; i++) {
		if (threads->list[i].tid != report->crash->tid ||
		    maps_find(report->target->maps, threads->list[i].robust_head, &mapping, &err))
			continue;
		*stack = (struct stack){mapping.lo, mapping.hi};
	}
}

static void find_stack(const struct report *report, struct stack *ret_stack)
{
	const struct tp_threadproc *abi = &report->tp->abi;

	*ret_stack = (struct stack){0};
	if (report->crash->tid == abi->pid)
		*ret_stack = (struct stack){abi->stack_lo, abi->stack_hi};
	else
		find_thread_stack(report, ret_stack);
}

/*
 * A frame that did not fit, however large: its caller's is on the stack, it is not.  What lies
 * below may be anybody's.
 */
static bool is_large_frame(const struct report *report, const struct stack *stack)
{
	const struct backtrace *bt = &report->backtrace;
	const uint64_t addr = report->access.addr;
	const uint64_t sp = report->crash->sp;

	return bt->count > 1 && bt->frames[1].sp > stack->lo && bt->frames[1].sp <= stack->hi &&
	       sp < stack->lo && addr < stack->lo && (addr >= sp || sp - addr < REACH);
}

/* Right below a stack, by what is known of one that is gone too. */
static bool is_right_below(const struct report *report, const struct stack *stack)
{
	const struct tp_crash *crash = report->crash;
	const uint64_t addr = report->access.addr;

	if (report->fault->owner.tp != report->tp || crash->sp - addr + REACH >= 2 * REACH)
		return false;
	/* what is protected where another thread's stack pointer is, is the guard */
	return crash->tid == report->tp->abi.pid
	               ? addr < stack->lo && stack->lo - addr < REACH
	               : !report->fault->mapped && crash->code == SEGV_ACCERR;
}

static bool is_overflow(const struct report *report, const struct stack *stack)
{
	const struct identity *id = report->fault;

	if (report->crash->sig != SIGSEGV || report->crash->code <= 0 ||
	    (id->mapped && id->mapping.prot))
		return false;
	if (id->place == PLACE_GUARD && id->owner.tp == report->tp)
		return id->tid == report->crash->tid;
	return is_large_frame(report, stack) || is_right_below(report, stack);
}

static size_t frames_of(const struct code_place *places, size_t count, const char *function)
{
	size_t same = 0;

	for (size_t i = 0; i < count; i++)
		same += !strcmp(places[i].function, function);
	return same;
}

/* Of a stack that is gone there are only the innermost frames: then most of them count. */
static bool is_recursion(size_t same, size_t count)
{
	return same >= RECURSION_MIN ? same >= count / 4 : same > 1 && same > count / 2;
}

/* The function that calls itself: one of the innermost that many frames are of. */
static bool put_recursion(struct report *report, FILE *out)
{
	const struct backtrace *bt = &report->backtrace;
	AUTO_FREE struct code_place *places = calloc(bt->count + 1, sizeof(*places));

	for (size_t i = 0; places && i < bt->count; i++)
		code_find(report, bt->frames[i].pc, frame_lookup_address(&bt->frames[i]),
		          &places[i]);
	for (size_t i = 0; places && i < bt->count && i < RECURSION_NEAR; i++) {
		size_t same = frames_of(places, bt->count, places[i].function);

		if (!*places[i].function || !is_recursion(same, bt->count))
			continue;
		fputs(", recursion of ", out);
		code_words(out, &places[i], bt->frames[i].pc);
		return true;
	}
	return false;
}

bool words_overflow(struct report *report, FILE *out)
{
	char text[SHOW_TEXT_SIZE];
	struct stack stack;

	find_stack(report, &stack);
	if (!is_overflow(report, &stack))
		return false;
	fputs("stack overflow", out);
	if (stack.hi)
		fprintf(out, ", %s", show_bytes(stack.hi - stack.lo, text));
	if (!put_recursion(report, out))
		words_where(report, out);
	return true;
}
