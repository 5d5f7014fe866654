#include "inspect/brief.h"

#include "lib/base/text.h"

#include <inttypes.h>
#include <string.h>

const char *brief_owner(const struct identity *id)
{
	return owner_kind_word(&id->owner, id->place);
}

/* ---- Text -------------------------------------------------------------------- */

static void put_owner(FILE *out, const struct identity *id)
{
	const struct reg_threadproc *tp = id->owner.tp;

	if (id->owner.kind == OWNER_EXITED)
		fputs("exited ", out);
	if (tp) {
		out_text(out, tp->abi.name);
		fprintf(out, "(%" PRIu32 ")", tp->abi.id);
	} else if (id->owner.kind == OWNER_LIVE || id->owner.kind == OWNER_EXITED) {
		fputs("threadproc", out);
	} else if (id->owner.kind == OWNER_TOOLKIT) {
		fputs("tproc", out);
	} else if (id->mapped) {
		fputs(brief_owner(id), out);
	} else {
		fputs("not mapped", out);
	}
}

static void put_offset(FILE *out, uint64_t offset)
{
	if (offset)
		fprintf(out, "+0x%" PRIx64, offset);
}

/* What lies there, or in what: the most specific that is short. */
static void put_kind(FILE *out, const struct identity *id)
{
	if (id->symbol.name) {
		out_text(out, text_base_name(id->file));
		fputc(' ', out);
		out_text(out, id->symbol_name);
		put_offset(out, id->vaddr - id->symbol.value);
	} else if (id->file && id->section.name) {
		out_text(out, text_base_name(id->file));
		fputc(' ', out);
		out_text(out, id->section.name);
		put_offset(out, id->vaddr - id->section.addr);
	} else if (id->tls && id->tls_symbol.name) {
		out_text(out, id->symbol_name);
		put_offset(out, id->addr - id->tls->lo - id->tls_symbol.value);
		fprintf(out, " of thread %d", (int)id->tls->tid);
	} else if (id->has_chunk && id->addr >= id->chunk.user) {
		fputs("heap chunk", out);
		put_offset(out, id->addr - id->chunk.user);
		fprintf(out, " of %" PRIu64, id->chunk.size);
		if (id->chunk.state != CHUNK_IN_USE)
			fprintf(out, ", %s", chunk_state_name(id->chunk.state));
	} else if (id->file) {
		out_text(out, text_base_name(id->file));
		if (id->mapped)
			put_offset(out, id->addr - id->mapping.lo + id->mapping.offset);
	} else if (id->tid) {
		fprintf(out, "%s %d", place_name(id->place), (int)id->tid);
	} else {
		fputs(place_name(id->place), out);
	}
}

void brief_text(FILE *out, const struct identity *id)
{
	put_owner(out, id);
	if (!id->mapped && id->owner.kind == OWNER_LIVE)
		fputs(" not mapped", out);
	/* of one that is gone, what was there */
	if (!id->mapped && (id->owner.kind != OWNER_EXITED || id->place == PLACE_UNMAPPED))
		return;
	fputc(' ', out);
	brief_place(out, id);
}

void brief_place(FILE *out, const struct identity *id)
{
	put_kind(out, id);
	if (id->name) {
		fputs(" \"", out);
		out_text(out, id->name->abi.name);
		fputc('"', out);
	}
}

void brief_area(FILE *out, const struct identity *id)
{
	char perms[5];

	put_owner(out, id);
	if (!id->mapped)
		return;
	fprintf(out, " %s", place_name(id->place));
	if (id->tid)
		fprintf(out, " %d", (int)id->tid);
	if (id->file) {
		fputs(", ", out);
		out_text(out, id->file);
	}
	fprintf(out, ", %s, 0x%" PRIx64 "-0x%" PRIx64, mapping_perms(&id->mapping, perms),
	        id->mapping.lo, id->mapping.hi);
}
