/* What happened, in words. */
#include "inspect/report/parts.h"

#include "inspect/show.h"
#include "inspect/syscalls.h"

#include "lib/base/cleanup.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* No program has anything below: an address there is a null pointer's and an offset. */
#define NULL_END UINT64_C(65536)
/* So far from the stack pointer a stack that is too small is touched. */
#define OVERFLOW_REACH (UINT64_C(1) << 20)
/* So far behind the end of something an address may be meant to be in it. */
#define PAST_MAX UINT64_C(65536)
#define PAGE UINT64_C(4096)
/* A function is recursive that has so many frames and is among so many innermost ones. */
#define RECURSION_MIN 4
#define RECURSION_NEAR 8

/* What a signal has: struct siginfo as the kernel lays it down. */
#define SIGINFO_PID 16
#define SIGINFO_SYSCALL 24

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static int32_t siginfo_word(const struct tp_crash *crash, size_t at)
{
	int32_t word;

	memcpy(&word, crash->siginfo + at, sizeof(word));
	return word;
}

/* ---- Who ---------------------------------------------------------------------------------- */

/* "0.2 s", "3.2 s", then as show_duration. */
static void put_duration(FILE *out, uint64_t ns)
{
	char text[SHOW_TEXT_SIZE];

	if (ns < UINT64_C(100000000000))
		fprintf(out, "%" PRIu64 ".%" PRIu64 " s", ns / 1000000000, ns / 100000000 % 10);
	else
		fputs(show_duration(ns, text), out);
}

void words_end(FILE *out, const struct reg_threadproc *tp)
{
	char signal[SHOW_TEXT_SIZE];
	uint64_t now = show_now();

	if (tp->abi.state == TP_STATE_EXECED)
		fputs("went on to another program", out);
	else if (tp->abi.exit_code == CLD_EXITED)
		fputs("exited", out);
	else
		fprintf(out, "%s %s", tp->crash ? "crashed by" : "was killed by",
		        show_signal(tp->abi.exit_status, signal));
	if (!tp->abi.end_ns)
		return;
	fputc(' ', out);
	put_duration(out, now > tp->abi.end_ns ? now - tp->abi.end_ns : 0);
	fputs(" ago", out);
}

void words_who(FILE *out, const struct reg_threadproc *tp)
{
	fprintf(out, "%s (%" PRIu32 ")", tp->abi.name, tp->abi.id);
}

static void put_owner(struct report *report, FILE *out, const struct owner *owner)
{
	if (owner->tp == report->tp)
		fputs("its own", out);
	else if (owner->tp)
		words_who(out, owner->tp);
	else if (owner->kind == OWNER_TOOLKIT)
		fputs("the toolkit", out);
	else if (owner->kind == OWNER_EXITED)
		fputs("a component that is gone", out);
	else
		fputs("nobody", out);
}

/* "its own data", "the data of scene (4)" */
static void put_possessed(struct report *report, FILE *out, const struct owner *owner,
                          const char *what)
{
	if (owner->tp == report->tp) {
		fprintf(out, "its own %s", what);
		return;
	}
	fprintf(out, "%s of ", what);
	put_owner(report, out, owner);
}

/* ---- What lies there -------------------------------------------------------------------------- */

static void put_count(FILE *out, uint64_t count, const char *what)
{
	fprintf(out, "%" PRIu64 " %s%s", count, what, count == 1 ? "" : "s");
}

static void put_chunk(struct report *report, FILE *out, const struct identity *id)
{
	const struct heap_chunk *chunk = &id->chunk;
	const bool is_free = chunk->state != CHUNK_IN_USE;

	if (id->addr < chunk->user) {
		put_count(out, chunk->user - id->addr, "byte");
		fputs(" before ", out);
	} else if (id->addr - chunk->user >= chunk->size) {
		put_count(out, id->addr - chunk->user - chunk->size, "byte");
		fputs(" past the end of ", out);
	} else if (id->addr > chunk->user) {
		put_count(out, id->addr - chunk->user, "byte");
		fputs(" into ", out);
	}
	if (chunk->state == CHUNK_TOP)
		fputs("what is left", out);
	else
		fprintf(out, "a %schunk of %" PRIu64 " bytes", is_free ? "freed " : "", chunk->size);
	fputs(" of ", out);
	if (id->owner.tp == report->tp) {
		fputs("its own heap", out);
	} else {
		put_owner(report, out, &id->owner);
		fputs("'s heap", out);
	}
}

static void put_symbol(struct report *report, FILE *out, const struct identity *id)
{
	uint64_t offset = id->vaddr - id->symbol.value;

	if (offset) {
		put_count(out, offset, "byte");
		fputs(" into ", out);
	}
	fputs(id->symbol_name, out);
	if (id->owner.tp != report->tp) {
		fputs(" of ", out);
		put_owner(report, out, &id->owner);
	}
}

static void put_stack(struct report *report, FILE *out, const struct identity *id)
{
	const char *what = id->place == PLACE_GUARD ? "the guard below the stack" : "the stack";

	if (id->owner.tp && id->tid == id->owner.tp->abi.pid)
		fprintf(out, "%s of the main thread", what);
	else
		fprintf(out, "%s of thread %d", what, (int)id->tid);
	if (id->owner.tp == report->tp)
		return;
	fputs(" of ", out);
	put_owner(report, out, &id->owner);
}

static const char *memory_word(const struct identity *id)
{
	if (id->mapped && id->mapping.prot & PROT_EXEC)
		return "code";
	if (id->mapped && !(id->mapping.prot & PROT_WRITE))
		return "read-only data";
	if (id->module || id->section.name)
		return "data";
	return id->place == PLACE_HEAP ? "heap" : "memory";
}

void words_place(struct report *report, FILE *out, const struct identity *id)
{
	if (id->has_chunk)
		put_chunk(report, out, id);
	else if (id->place == PLACE_STACK || id->place == PLACE_GUARD)
		put_stack(report, out, id);
	else if (id->owner.kind == OWNER_TOOLKIT)
		fprintf(out, "the toolkit's %s", place_name(id->place));
	else if (id->symbol.name)
		put_symbol(report, out, id);
	else if (id->mapped)
		put_possessed(report, out, &id->owner, memory_word(id));
	else if (id->owner.tp)
		put_possessed(report, out, &id->owner, "addresses, where nothing is mapped");
	else
		fputs("where nothing is mapped", out);
	if (id->name)
		fprintf(out, " (published as \"%s\")", id->name->abi.name);
}

/* ---- Memory ------------------------------------------------------------------------------------ */

bool words_is_overflow(const struct report *report, uint64_t *ret_size)
{
	const struct tp_crash *crash = report->crash;
	const struct tp_threadproc *abi = &report->tp->abi;
	const struct identity *id = report->fault;
	uint64_t addr = report->access.addr;

	if (crash->sig != SIGSEGV || crash->code <= 0 || id->owner.tp != report->tp ||
	    (id->mapped && id->mapping.prot))
		return false;
	*ret_size = crash->tid == abi->pid ? abi->stack_hi - abi->stack_lo : 0;
	if (id->place == PLACE_GUARD)
		return id->tid == crash->tid;
	/* of one that is gone: right below the main thread's */
	return crash->tid == abi->pid && addr < abi->stack_lo &&
	       abi->stack_lo - addr < OVERFLOW_REACH && crash->sp - addr + OVERFLOW_REACH <
	       2 * OVERFLOW_REACH;
}

/* "read 8 bytes", "wrote to"; "used" when it is not known what it did. */
static void put_access(FILE *out, const struct access *access, const char *preposition)
{
	const char *verb = access->kind == ACCESS_WRITE  ? "wrote"
	                   : access->kind == ACCESS_READ ? "read"
	                                                 : "used";

	fputs(verb, out);
	if (access->size && access->kind != ACCESS_UNKNOWN) {
		fputc(' ', out);
		put_count(out, access->size, "byte");
	}
	fprintf(out, " %s 0x%" PRIx64, preposition, access->addr);
}

/* What lies right before an address where nothing is: it may have been meant. */
static struct identity *before(struct report *report, uint64_t addr)
{
	struct identity *id = malloc(sizeof(*id));
	struct mapping unused;
	struct err err;
	uint64_t end = addr & ~(PAGE - 1);

	for (; id && report->target->maps && end && addr - end < PAST_MAX; end -= PAGE) {
		if (maps_find(report->target->maps, end - 1, &unused, &err))
			continue;
		identify(report->target, end - 1, id);
		if (id->owner.tp && id->mapping.prot)
			return id;
		break;
	}
	free(id);
	return NULL;
}

static const char *in_a_hole(struct report *report, FILE *out)
{
	const struct access *access = &report->access;
	AUTO_FREE struct identity *left = before(report, access->addr);

	put_access(out, access, "at");
	fputs(", ", out);
	if (!left) {
		words_place(report, out, report->fault);
		return "unmapped";
	}
	if (left->has_chunk) {
		put_count(out, access->addr - left->chunk.user, "byte");
		fprintf(out, " from the start of a chunk of %" PRIu64 " bytes of ",
		        left->chunk.size);
		put_possessed(report, out, &left->owner, "heap");
		return "past-end";
	}
	put_count(out, access->addr - left->mapping.hi, "byte");
	fputs(" past the end of ", out);
	if (left->place == PLACE_FILE)
		fprintf(out, "%s", base_name(left->mapping.path));
	else
		put_possessed(report, out, &left->owner, memory_word(left));
	return "past-end";
}

static const char *stale(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	put_access(out, &report->access, "at");
	fputs(": a stale pointer into ", out);
	if (id->owner.tp) {
		words_who(out, id->owner.tp);
		fputs(", which ", out);
		words_end(out, id->owner.tp);
	} else {
		fputs("a component that is gone", out);
	}
	if (id->symbol.name)
		fprintf(out, " (%s of %s)", id->symbol_name, base_name(id->file));
	else if (id->module)
		fprintf(out, " (%s)", base_name(id->file));
	else if (id->place != PLACE_UNMAPPED)
		fprintf(out, " (its %s)", place_name(id->place));
	return "stale";
}

static size_t frames_of(const struct code_place *places, size_t count, const char *function)
{
	size_t same = 0;

	for (size_t i = 0; i < count; i++)
		same += !strcmp(places[i].function, function);
	return same;
}

/* The function that calls itself: one of the innermost that many frames are of. */
static void put_recursion(struct report *report, FILE *out)
{
	const struct backtrace *bt = &report->backtrace;
	AUTO_FREE struct code_place *places = calloc(bt->count + 1, sizeof(*places));

	for (size_t i = 0; places && i < bt->count; i++)
		code_find(report, bt->frames[i].pc, frame_lookup_address(&bt->frames[i]),
		          &places[i]);
	for (size_t i = 0; places && i < bt->count && i < RECURSION_NEAR; i++) {
		size_t same = frames_of(places, bt->count, places[i].function);

		if (!*places[i].function || same < RECURSION_MIN || same < bt->count / 4)
			continue;
		fputs(", recursion of ", out);
		code_words(out, &places[i], bt->frames[i].pc);
		return;
	}
}

static const char *overflow(struct report *report, FILE *out, uint64_t size)
{
	char text[SHOW_TEXT_SIZE];

	fputs("stack overflow", out);
	if (size)
		fprintf(out, ", %s", show_bytes(size, text));
	put_recursion(report, out);
	return "stack-overflow";
}

static const char *jumped(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	if (report->access.addr < NULL_END) {
		fputs("called a null pointer", out);
		return "null-call";
	}
	if (id->owner.kind == OWNER_EXITED) {
		fputs("called code that is gone, ", out);
		report->access.size = 0;
		return stale(report, out);
	}
	fprintf(out, "jumped to 0x%" PRIx64 ", ", report->access.addr);
	if (report->access.no_address) {
		fputs("which is no address", out);
		return "wild-jump";
	}
	words_place(report, out, id);
	return id->mapped ? "jump-into-data" : "wild-jump";
}

static const char *null_pointer(struct report *report, FILE *out)
{
	put_access(out, &report->access, report->access.kind == ACCESS_WRITE ? "to" : "at");
	fputs(report->access.addr ? ", an offset from a null pointer" : ", a null pointer", out);
	return "null";
}

/* It is mapped, but not for this. */
static const char *forbidden(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;
	const bool writes = report->access.kind == ACCESS_WRITE;

	put_access(out, &report->access, writes ? "to" : "at");
	fputs(", ", out);
	if (writes && !id->has_chunk && id->symbol.name) {
		put_possessed(report, out, &id->owner, memory_word(id));
		fputs(": ", out);
	}
	words_place(report, out, id);
	if (!id->mapping.prot)
		fputs(", which nobody may touch", out);
	return writes && id->mapping.prot ? "read-only" : "protected";
}

static const char *fault(struct report *report, FILE *out)
{
	const struct access *access = &report->access;
	const struct identity *id = report->fault;
	uint64_t size;

	if (words_is_overflow(report, &size))
		return overflow(report, out, size);
	if (access->kind == ACCESS_EXECUTE)
		return jumped(report, out);
	if (report->crash->code == SI_KERNEL && !access->no_address) {
		fputs("did what the processor does not permit", out);
		return "protection";
	}
	if (access->no_address) {
		put_access(out, access, "at");
		fputs(", which is no address", out);
		return "wild";
	}
	if (access->addr < NULL_END)
		return null_pointer(report, out);
	if (id->owner.kind == OWNER_EXITED)
		return stale(report, out);
	return id->mapped ? forbidden(report, out) : in_a_hole(report, out);
}

static const char *bus_error(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	if (report->crash->code == BUS_ADRALN) {
		fputs("used an address that is not aligned", out);
		return "alignment";
	}
	put_access(out, &report->access, "at");
	if (report->crash->code != BUS_ADRERR) {
		fputs(", where memory is broken", out);
		return "hardware";
	}
	fprintf(out, ", past the end of the file %s",
	        id->mapped && *id->mapping.path ? id->mapping.path : "that is mapped there");
	return "past-file";
}

/* ---- Other signals ------------------------------------------------------------------------------ */

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

		if (!image || !strstr(base_name(image->path), "libc.") ||
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

static const char *sent(struct report *report, FILE *out)
{
	const struct snapshot *snapshot = report->target->snapshot;
	const int32_t pid = siginfo_word(report->crash, SIGINFO_PID);
	char signal[SHOW_TEXT_SIZE];

	show_signal(report->crash->sig, signal);
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
		fputs("divided by zero", out);
		return "division";
	case FPE_INTOVF:
		fputs("integer overflow", out);
		return "arithmetic";
	default:
		fputs("floating-point exception", out);
		return "arithmetic";
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

static const char *by_signal(struct report *report, FILE *out)
{
	const struct tp_crash *crash = report->crash;

	if (crash->sig == SIGABRT) {
		fputs("aborted", out);
		put_abort_message(report, out);
		return "abort";
	}
	if (crash->code <= 0)
		return sent(report, out);
	switch (crash->sig) {
	case SIGSEGV:
		return fault(report, out);
	case SIGBUS:
		return bus_error(report, out);
	case SIGFPE:
		return arithmetic(report, out);
	case SIGILL:
		fputs(report->access.traps_on_purpose
		              ? "reached what it takes for impossible (an ud2 instruction)"
		              : "executed what is no instruction",
		      out);
		return "illegal";
	case SIGTRAP:
		fputs("ran onto a breakpoint instruction", out);
		return "breakpoint";
	case SIGSYS:
		return bad_call(report, out);
	default:
		fputs("got a signal", out);
		return "signal";
	}
}

/* ---- Where ----------------------------------------------------------------------------------------
 */

/* Whether a frame says where it was: not the place that a bad call led to, no library's of abort. */
static bool tells_where(const struct report *report, size_t i, const struct code_place *place)
{
	const struct tp_crash *crash = report->crash;

	if (!*place->function || (!i && report->access.kind == ACCESS_EXECUTE))
		return false;
	return place->is_program || (!i && crash->code > 0 && crash->sig != SIGABRT);
}

/* In the function that did it; when that is a library's, on whose behalf. */
static void put_where(struct report *report, FILE *out)
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
			put_where(report, out);
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
