/* Who somebody is and what lies somewhere, in words. */
#include "inspect/report/parts.h"

#include "inspect/show.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

/* ---- Who ---------------------------------------------------------------------------------- */

void words_end(FILE *out, const struct reg_threadproc *tp, uint64_t now)
{
	char signal[SHOW_TEXT_SIZE], text[SHOW_TEXT_SIZE];

	if (tp->abi.state == TP_STATE_EXECED)
		fputs("went on to another program", out);
	else if (tp->abi.exit_code == CLD_EXITED)
		fputs("exited", out);
	else
		fprintf(out, "%s %s", tp->crash ? "crashed by" : "was killed by",
		        show_signal(tp->abi.exit_status, signal));
	if (!tp->abi.end_ns)
		return;
	fprintf(out, " %s ago",
	        show_seconds(now > tp->abi.end_ns ? now - tp->abi.end_ns : 0, text));
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
void words_possessed(struct report *report, FILE *out, const struct owner *owner, const char *what)
{
	if (owner->tp == report->tp) {
		fprintf(out, "its own %s", what);
		return;
	}
	fprintf(out, "%s of ", what);
	put_owner(report, out, owner);
}

/* ---- What lies there --------------------------------------------------------------------------
 */

void words_count(FILE *out, uint64_t count, const char *what)
{
	fprintf(out, "%" PRIu64 " %s%s", count, what, count == 1 ? "" : "s");
}

static void put_chunk(struct report *report, FILE *out, const struct identity *id)
{
	const struct heap_chunk *chunk = &id->chunk;
	const bool is_free = chunk->state != CHUNK_IN_USE;

	if (id->addr < chunk->user) {
		words_count(out, chunk->user - id->addr, "byte");
		fputs(" before ", out);
	} else if (id->addr - chunk->user >= chunk->size) {
		words_count(out, id->addr - chunk->user - chunk->size, "byte");
		fputs(" past the end of ", out);
	} else if (id->addr > chunk->user) {
		words_count(out, id->addr - chunk->user, "byte");
		fputs(" into ", out);
	}
	if (chunk->state == CHUNK_TOP)
		fputs("what is left", out);
	else
		fprintf(out, "a %schunk of %" PRIu64 " bytes", is_free ? "freed " : "",
		        chunk->size);
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
		words_count(out, offset, "byte");
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

const char *words_memory(const struct identity *id)
{
	if (id->mapped && id->mapping.prot & PROT_EXEC)
		return "code";
	if (id->mapped && id->mapping.prot && !(id->mapping.prot & PROT_WRITE))
		return "read-only data";
	if (id->module || id->section.name)
		return "data";
	return id->place == PLACE_HEAP ? "heap" : "memory";
}

static void put_hole(struct report *report, FILE *out, const struct identity *id)
{
	if (id->owner.tp) {
		words_possessed(report, out, &id->owner, "addresses");
		fputs(", ", out);
	}
	fputs("where nothing is mapped", out);
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
		words_possessed(report, out, &id->owner, words_memory(id));
	else
		put_hole(report, out, id);
	if (id->name)
		fprintf(out, " (published as \"%s\")", id->name->abi.name);
}
