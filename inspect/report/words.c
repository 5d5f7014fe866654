/* What happened, in words. */
#include "inspect/report/parts.h"

#include "inspect/show.h"
#include "inspect/syscalls.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* What a signal has: struct siginfo as the kernel lays it down. */
#define SIGINFO_PID 16
#define SIGINFO_SYSCALL 24
#define SIGINFO_VALUE 24
/* TRAP_PERF of newer headers. */
#define PERF_TRAP 6

static int32_t siginfo_word(const struct tp_crash *crash, size_t at)
{
	int32_t word;

	memcpy(&word, crash->siginfo + at, sizeof(word));
	return word;
}

/* ---- Other signals ------------------------------------------------------------------------------
 */

/* What glibc said before it aborted: struct abort_msg_s { unsigned size; char text[]; }. */
static bool put_abort_message(struct report *report, FILE *out)
{
	const struct reg_threadproc *tp = report->tp;
	uint64_t at = 0;
	char text[256];
	struct err err;
	bool whole;

	for (size_t i = 0; i < tp->module_count; i++) {
		const struct reg_image *image =
			snapshot_image(report->target->snapshot, tp->modules[i].abi.image);
		const struct symbols *symbols;

		if (!image || !strstr(text_base_name(image->path), "libc.") ||
		    symcache_image(report->target->symbols, image, &symbols, &err))
			continue;
		for (uint32_t k = 0; !at && k < symbols_count(symbols); k++) {
			struct symbol symbol = symbols_at(symbols, k);

			if (!strncmp(symbol.name, "__abort_msg", 11))
				at = tp->modules[i].abi.bias + symbol.value;
		}
	}
	if (!at || !report->held || !report->target->mem ||
	    mem_read(report->target->mem, at, &at, sizeof(at), &err) || !at ||
	    mem_read_string(report->target->mem, at + sizeof(uint32_t), text, sizeof(text), &whole,
	                    &err))
		return false;
	text[strcspn(text, "\n")] = '\0';
	fprintf(out, ": %s", text);
	return *text;
}

static bool is_sent_by_another(const struct report *report)
{
	return report->crash->code <= 0 &&
	       siginfo_word(report->crash, SIGINFO_PID) != report->tp->abi.pid;
}

static const char *sent(struct report *report, FILE *out)
{
	const struct snapshot *snapshot = report->target->snapshot;
	const int32_t pid = siginfo_word(report->crash, SIGINFO_PID);
	char signal[SHOW_TEXT_SIZE];

	show_signal(report->crash->sig, signal);
	if (!pid) {
		fprintf(out, "got %s, of which no more was recorded", signal);
		return "signal";
	}
	if (pid == report->tp->abi.pid) {
		fprintf(out, "raised %s itself", signal);
		return "raised";
	}
	fprintf(out, "was sent %s by ", signal);
	for (size_t i = 0; i < snapshot->threadproc_count; i++) {
		const struct reg_threadproc *tp = &snapshot->threadprocs[i];

		if (tp->abi.state == TP_STATE_NONE || tp->abi.pid != pid)
			continue;
		words_who(out, tp);
		return "sent";
	}
	fprintf(out, "process %" PRId32, pid);
	return "sent";
}

static const char *arithmetic(struct report *report, FILE *out)
{
	switch (report->crash->code) {
	case FPE_INTDIV:
		fputs(report->access.divisor_is_not_zero ? "divided, and the result was too large"
		                                         : "divided by zero",
		      out);
		return "division";
	case FPE_INTOVF:
		fputs("integer overflow", out);
		return "arithmetic";
	default:
		fputs("floating-point exception", out);
		return "arithmetic";
	}
}

static const char *trap(struct report *report, FILE *out)
{
	switch (report->crash->code) {
	case TRAP_TRACE:
		fputs("was stopped by the processor's trap flag", out);
		return "single-step";
	case TRAP_HWBKPT:
		fputs("met a breakpoint or watchpoint of the processor's", out);
		return "watchpoint";
	case PERF_TRAP:
		fputs("met a watchpoint of the kernel's (perf)", out);
		return "watchpoint";
	default:
		fputs("ran onto a breakpoint instruction", out);
		return "breakpoint";
	}
}

static const char *bad_call(struct report *report, FILE *out)
{
	int32_t number = siginfo_word(report->crash, SIGINFO_SYSCALL);
	const char *name = syscall_name(number);

	fputs("made a system call that is forbidden to it: ", out);
	if (name)
		fputs(name, out);
	else
		fprintf(out, "number %" PRId32, number);
	return "system-call";
}

uint64_t report_guarded(const struct tp_crash *crash)
{
	uint64_t pointer;

	if (crash->sig != SIGABRT ||
	    (crash->code != TP_GUARD_FREE && crash->code != TP_GUARD_REALLOC))
		return 0;
	memcpy(&pointer, crash->siginfo + SIGINFO_VALUE, sizeof(pointer));
	return pointer;
}

/* The guard looked whose it was: nothing is damaged. */
static const char *foreign_free(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	fprintf(out, "was about to %s 0x%" PRIx64 ", ",
	        report->crash->code == TP_GUARD_FREE ? "free" : "reallocate", id->addr);
	if (id->owner.kind == OWNER_EXITED)
		words_stale(report, out, id);
	else
		words_place(report, out, id);
	return "foreign-free";
}

static const char *by_signal(struct report *report, FILE *out)
{
	const struct tp_crash *crash = report->crash;

	if (report_guarded(crash))
		return foreign_free(report, out);
	if (crash->sig == SIGABRT && !is_sent_by_another(report)) {
		fputs("aborted", out);
		put_abort_message(report, out);
		return "abort";
	}
	if (crash->code <= 0)
		return sent(report, out);
	switch (crash->sig) {
	case SIGSEGV:
		return words_fault(report, out);
	case SIGBUS:
		return words_bus_error(report, out);
	case SIGFPE:
		return arithmetic(report, out);
	case SIGILL:
		fputs(report->access.traps_on_purpose
		              ? "reached what it takes for impossible (an ud2 instruction)"
		              : "executed what is no instruction",
		      out);
		return "illegal";
	case SIGTRAP:
		return trap(report, out);
	case SIGSYS:
		return bad_call(report, out);
	default:
		fputs("got a signal", out);
		return "signal";
	}
}

/* ---- Where
 * ----------------------------------------------------------------------------------------
 */

/* Whether a frame says where it was: not the place that a bad call led to, no library's of abort.
 */
static bool tells_where(const struct report *report, size_t i, const struct code_place *place)
{
	const struct tp_crash *crash = report->crash;

	if (!*place->function || (!i && report_is_jump(report)))
		return false;
	return place->is_program || (!i && crash->code > 0 && crash->sig != SIGABRT);
}

void words_where(struct report *report, FILE *out)
{
	AUTO_FREE struct code_place *place = malloc(sizeof(*place));
	const struct backtrace *bt = &report->backtrace;
	const char *word = ", in ";

	for (size_t i = 0; place && i < bt->count; i++) {
		code_find(report, bt->frames[i].pc, frame_lookup_address(&bt->frames[i]), place);
		if (!tells_where(report, i, place))
			continue;
		fputs(word, out);
		code_words(out, place, bt->frames[i].pc);
		if (place->tp && place->tp != report->tp) {
			fputs(", code of ", out);
			words_who(out, place->tp);
		}
		if (place->is_program)
			return;
		word = ", called by ";
	}
}

static void put_end(struct report *report, FILE *out)
{
	const struct reg_threadproc *tp = report->tp;
	char state[SHOW_TEXT_SIZE];

	if (tp->abi.exit_code == CLD_EXITED)
		fprintf(out, "exited with status %" PRId32, tp->abi.exit_status);
	else if (tp->abi.exit_code)
		fprintf(out, "was killed by %s", show_signal(tp->abi.exit_status, state));
	else
		fputs(show_state(tp, state), out);
}

char *words_of(struct report *report, const char **ret_kind)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (report->crash) {
		*ret_kind = by_signal(report, out);
		if (strcmp(*ret_kind, "stack-overflow"))
			words_where(report, out);
	} else {
		*ret_kind = report->tp->abi.exit_code == CLD_EXITED ? "exit" : "killed";
		put_end(report, out);
	}
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
