/* What was done to memory that was not to be done, in words. */
#include "inspect/report/parts.h"

#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* No program has anything below: an address there is a null pointer's and an offset. */
#define NULL_END UINT64_C(65536)
/* So far behind the end of something an address may be meant to be in it. */
#define PAST_MAX UINT64_C(65536)
#define PAGE UINT64_C(4096)

/* "read 8 bytes", "wrote to"; "used" when it is not known what it did. */
static void put_access(FILE *out, const struct access *access, const char *preposition)
{
	const char *verb = access->kind == ACCESS_WRITE  ? "wrote"
	                   : access->kind == ACCESS_READ ? "read"
	                                                 : "used";

	fputs(verb, out);
	if (access->size && access->kind != ACCESS_UNKNOWN) {
		fputc(' ', out);
		words_count(out, access->size, "byte");
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

/* Where a bad address may come from: memory that was freed, which a register points into. */
static void put_freed(struct report *report, FILE *out)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	for (unsigned i = 0; id && report->held && access_register_name(i); i++) {
		if (i >= report->crash->reg_count)
			return;
		identify(report->target, report->crash->regs[i], id);
		if (!id->has_chunk || id->chunk.state == CHUNK_IN_USE ||
		    id->chunk.state == CHUNK_TOP || id->chunk.state == CHUNK_FENCE)
			continue;
		fprintf(out, " (%s points ", access_register_name(i));
		if (id->addr == id->chunk.user)
			fputs("to ", out);
		words_place(report, out, id);
		fputc(')', out);
		return;
	}
}

static const char *in_a_hole(struct report *report, FILE *out)
{
	const struct access *access = &report->access;
	AUTO_FREE struct identity *left = before(report, access->addr);

	put_access(out, access, "at");
	fputs(", ", out);
	if (!left) {
		words_place(report, out, report->fault);
		put_freed(report, out);
		return "unmapped";
	}
	if (left->has_chunk) {
		words_count(out, access->addr - left->chunk.user, "byte");
		fprintf(out, " from the start of a chunk of %" PRIu64 " bytes of ",
		        left->chunk.size);
		words_possessed(report, out, &left->owner, "heap");
		return "past-end";
	}
	if (access->addr == left->mapping.hi) {
		fputs("right past the end of ", out);
	} else {
		words_count(out, access->addr - left->mapping.hi, "byte");
		fputs(" past the end of ", out);
	}
	if (left->place == PLACE_FILE)
		fprintf(out, "%s", text_base_name(left->mapping.path));
	else
		words_possessed(report, out, &left->owner, words_memory(left));
	return "past-end";
}

/* Its own memory was there when it crashed. */
static bool is_stale(const struct report *report)
{
	const struct owner *owner = &report->fault->owner;

	return owner->kind == OWNER_EXITED && owner->tp != report->tp;
}

/* Of one that is gone: what was there is known only in part. */
static const char *own_memory(struct report *report, FILE *out)
{
	put_access(out, &report->access, "at");
	if (report->crash->code == SEGV_MAPERR) {
		fputs(", its own addresses, where nothing was mapped", out);
		return "unmapped";
	}
	fputs(", its own memory, which was protected", out);
	if (report->fault->symbol.name) {
		fputs(": ", out);
		words_place(report, out, report->fault);
	}
	return "protected";
}

void words_stale(struct report *report, FILE *out, const struct identity *id)
{
	fputs("a stale pointer into ", out);
	if (id->owner.tp) {
		words_who(out, id->owner.tp);
		fputs(", which ", out);
		words_end(out, id->owner.tp, report->crash->time_ns);
	} else {
		fputs("a component that is gone", out);
	}
	if (id->symbol.name)
		fprintf(out, " (%s of %s)", id->symbol_name, text_base_name(id->file));
	else if (id->module)
		fprintf(out, " (%s)", text_base_name(id->file));
	else if (id->place != PLACE_UNMAPPED)
		fprintf(out, " (its %s)", place_name(id->place));
}

static const char *stale(struct report *report, FILE *out)
{
	if (report->access.kind == ACCESS_EXECUTE)
		fprintf(out, "called code that is gone, at 0x%" PRIx64, report->access.addr);
	else
		put_access(out, &report->access, "at");
	fputs(": ", out);
	words_stale(report, out, report->fault);
	return "stale";
}

/* "its own data: ", where a name alone would follow. */
static void put_possessed(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	if (id->has_chunk || !id->symbol.name)
		return;
	words_possessed(report, out, &id->owner, words_memory(id));
	fputs(": ", out);
}

static const char *jumped(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	if (report->access.addr < NULL_END) {
		fputs("called a null pointer", out);
		return "null-call";
	}
	if (is_stale(report))
		return stale(report, out);
	fprintf(out, "jumped to 0x%" PRIx64 ", ", report->access.addr);
	if (report->access.no_address) {
		fputs("which is no address", out);
		return "wild-jump";
	}
	put_possessed(report, out);
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
	if (writes)
		put_possessed(report, out);
	words_place(report, out, id);
	if (!id->mapping.prot)
		fputs(", which nobody may touch", out);
	return writes && id->mapping.prot ? "read-only" : "protected";
}

static const char *wild(struct report *report, FILE *out)
{
	put_access(out, &report->access, "at");
	fputs(", which is no address", out);
	put_freed(report, out);
	return "wild";
}

const char *words_fault(struct report *report, FILE *out)
{
	const struct access *access = &report->access;
	const struct identity *id = report->fault;

	if (words_overflow(report, out))
		return "stack-overflow";
	if (access->kind == ACCESS_EXECUTE)
		return jumped(report, out);
	if (report->crash->code == SI_KERNEL && !access->no_address) {
		fputs("did what the processor does not permit", out);
		return "protection";
	}
	if (access->no_address)
		return wild(report, out);
	if (access->addr < NULL_END)
		return null_pointer(report, out);
	if (is_stale(report))
		return stale(report, out);
	if (id->owner.kind == OWNER_EXITED)
		return own_memory(report, out);
	return id->mapped ? forbidden(report, out) : in_a_hole(report, out);
}

const char *words_bus_error(struct report *report, FILE *out)
{
	const struct identity *id = report->fault;

	if (report->crash->code == BUS_ADRALN) {
		fputs("used an address that is not aligned", out);
		return "alignment";
	}
	put_access(out, &report->access, "at");
	if (report->crash->code == SI_KERNEL) {
		fputs(", which is no address", out);
		return "wild";
	}
	if (report->crash->code != BUS_ADRERR) {
		fputs(", where memory is broken", out);
		return "hardware";
	}
	fprintf(out, ", past the end of the file %s",
	        id->mapped && *id->mapping.path ? id->mapping.path : "that is mapped there");
	return "past-file";
}
