#include "inspect/holder.h"

#include "lib/base/text.h"

#include <inttypes.h>
#include <string.h>

static void by_symbol(const struct identity *id, struct holder *h)
{
	h->kind = "symbol";
	h->lo = id->addr - (id->vaddr - id->symbol.value);
	h->hi = id->symbol.size ? h->lo + id->symbol.size : 0;
	snprintf(h->text, sizeof(h->text), "%.512s in %.100s", id->symbol_name,
	         id->file ? text_base_name(id->file) : "?");
}

static void by_tls(const struct identity *id, struct holder *h)
{
	const struct tls_block *tls = id->tls;

	h->kind = "tls";
	h->lo = tls->lo + (id->tls_symbol.name ? id->tls_symbol.value : 0);
	h->hi = id->tls_symbol.name ? h->lo + id->tls_symbol.size : tls->hi;
	if (!tls->module)
		snprintf(h->text, sizeof(h->text), "control block of thread %d", (int)tls->tid);
	else if (id->tls_symbol.name)
		snprintf(h->text, sizeof(h->text), "%.512s of thread %d", id->symbol_name,
		         (int)tls->tid);
	else
		snprintf(h->text, sizeof(h->text), "block of %.100s of thread %d",
		         text_base_name(tls->module->path), (int)tls->tid);
}

static void by_chunk(const struct identity *id, struct holder *h)
{
	h->kind = "chunk";
	h->lo = id->chunk.user;
	h->hi = id->chunk.user + id->chunk.size;
	snprintf(h->text, sizeof(h->text), "%" PRIu64 " bytes, %s", id->chunk.size,
	         chunk_state_name(id->chunk.state));
}

static void by_frame(const struct identity *id, struct holder *h)
{
	const struct identity_frame *frame = id->frame;
	const char *function = frame->trampoline  ? "<signal handler called>"
	                       : *frame->function ? frame->function
	                                          : "??";

	h->kind = "frame";
	h->lo = frame->sp;
	snprintf(h->text, sizeof(h->text), "#%zu %.512s of thread %d", frame->number, function,
	         (int)id->tid);
}

static void by_stack(const struct identity *id, struct holder *h)
{
	bool is_main = id->owner.tp && id->tid == id->owner.tp->abi.pid;

	h->kind = "stack";
	h->lo = id->mapping.lo;
	h->hi = id->mapping.hi;
	snprintf(h->text, sizeof(h->text), "of %s %d", is_main ? "the main thread" : "thread",
	         (int)id->tid);
}

static void by_section(const struct identity *id, struct holder *h)
{
	h->kind = "section";
	h->lo = id->addr - (id->vaddr - id->section.addr);
	snprintf(h->text, sizeof(h->text), "%.100s of %.100s", id->section.name,
	         id->file ? text_base_name(id->file) : "?");
}

static void by_mapping(const struct identity *id, struct holder *h)
{
	char perms[5];

	h->kind = id->owner.kind == OWNER_TOOLKIT ? "toolkit" : "mapping";
	h->lo = id->mapped ? id->mapping.lo : id->addr;
	h->hi = id->mapped ? id->mapping.hi : 0;
	snprintf(h->text, sizeof(h->text), "%s%s%s%s%.100s", place_name(id->place),
	         id->mapped ? ", " : "", id->mapped ? mapping_perms(&id->mapping, perms) : "",
	         id->file ? ", " : "", id->file ? text_base_name(id->file) : "");
}

void holder_of(const struct identity *id, struct holder *ret_holder)
{
	ret_holder->hi = 0;
	if (id->symbol.name)
		by_symbol(id, ret_holder);
	else if (id->tls)
		by_tls(id, ret_holder);
	else if (id->has_chunk)
		by_chunk(id, ret_holder);
	else if (id->frame)
		by_frame(id, ret_holder);
	else if (id->place == PLACE_STACK)
		by_stack(id, ret_holder);
	else if (id->section.name)
		by_section(id, ret_holder);
	else
		by_mapping(id, ret_holder);
}

bool holder_same(const struct holder *a, const struct holder *b)
{
	return a->lo == b->lo && !strcmp(a->kind, b->kind) && !strcmp(a->text, b->text);
}

void holder_print_offset(FILE *out, const char *before, uint64_t addr, const struct holder *holder)
{
	bool below = addr < holder->lo;

	fprintf(out, "%s%c0x%" PRIx64, before, below ? '-' : '+',
	        below ? holder->lo - addr : addr - holder->lo);
}

json_t *holder_json(const struct holder *holder)
{
	return json_pack("{s:s, s:o, s:o}", "kind", holder->kind, "address",
	                 out_json_hex(holder->lo), "text", out_json_text(holder->text));
}

void holder_print(struct session *session, const struct holder *holder)
{
	FILE *out = session->out;

	fprintf(out, "%s 0x%" PRIx64 ", %s", holder->kind, holder->lo,
	        out_style(session->colour, OUT_CYAN));
	out_text(out, holder->text);
	fputs(out_style(session->colour, OUT_PLAIN), out);
}
