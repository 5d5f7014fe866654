#include "inspect/identities.h"

#include "inspect/brief.h"
#include "inspect/show.h"

#include <inttypes.h>
#include <string.h>

/* ---- Named pointer ------------------------------------------------------- */

static bool is_named(const struct identity *id)
{
	return id->name;
}

static json_t *name_json(const struct identity *id)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "name", out_json_text(id->name->abi.name), "type",
	                 out_json_text(id->name->abi.type), "offset",
	                 out_json_hex(id->addr - id->name->abi.addr), "publisher",
	                 id->name->owner ? show_json_who(id->name->owner) : json_null());
}

static void name_text(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	out_text(out, id->name->abi.name);
	fprintf(out, "+0x%" PRIx64 ", type ", id->addr - id->name->abi.addr);
	out_text(out, id->name->abi.type);
	if (id->name->owner) {
		fputs(", published by ", out);
		show_who(session, id->name->owner);
	}
}

/* ---- Symbol and section -------------------------------------------------- */

static bool has_symbol(const struct identity *id)
{
	return id->symbol.name;
}

static json_t *symbol_json(const struct identity *id)
{
	return json_pack("{s:o, s:o, s:o, s:I}", "name", out_json_text(id->symbol_name),
	                 "linkage_name", out_json_text(id->symbol.name), "offset",
	                 out_json_hex(id->vaddr - id->symbol.value), "size",
	                 (json_int_t)id->symbol.size);
}

static void symbol_text(struct session *session, const struct identity *id)
{
	fputs(out_style(session->colour, OUT_CYAN), session->out);
	out_text(session->out, id->symbol_name);
	fprintf(session->out, "%s+0x%" PRIx64, out_style(session->colour, OUT_PLAIN),
	        id->vaddr - id->symbol.value);
}

static bool has_section(const struct identity *id)
{
	return id->section.name;
}

static json_t *section_json(const struct identity *id)
{
	return json_pack("{s:o, s:o}", "name", out_json_text(id->section.name), "offset",
	                 out_json_hex(id->vaddr - id->section.addr));
}

static void section_text(struct session *session, const struct identity *id)
{
	out_text(session->out, id->section.name);
	fprintf(session->out, "+0x%" PRIx64, id->vaddr - id->section.addr);
}

/* ---- Source -------------------------------------------------------------- */

static bool has_lines(const struct identity *id)
{
	return id->line_count;
}

static json_t *line_json(const struct identity_line *line)
{
	return json_pack("{s:o, s:o, s:I, s:b}", "function", out_json_text(line->function), "file",
	                 out_json_text(line->file), "line", (json_int_t)line->line, "inlined",
	                 line->is_inlined);
}

static json_t *lines_json(const struct identity *id)
{
	json_t *all = json_array();

	for (size_t i = 0; i < id->line_count; i++) {
		if (json_array_append_new(all, line_json(&id->lines[i]))) {
			json_decref(all);
			return NULL;
		}
	}
	return json_pack("{s:o}", "lines", all);
}

/* "max at util.h:12, inlined at main.c:30" */
static void lines_text(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	for (size_t i = 0; i < id->line_count; i++) {
		const struct identity_line *line = &id->lines[i];

		if (i)
			fputs(", ", out);
		if (line->function && (line->is_inlined || i)) {
			out_text(out, line->function);
			fputs(line->is_inlined ? " (inlined) at " : " at ", out);
		}
		out_text(out, line->file);
		fprintf(out, ":%u", line->line);
	}
}

static bool has_variable(const struct identity *id)
{
	return *id->variable;
}

static json_t *variable_json(const struct identity *id)
{
	return json_pack("{s:o}", "path", out_json_text(id->variable));
}

static void variable_text(struct session *session, const struct identity *id)
{
	out_text(session->out, id->variable);
}

/* ---- Memory by its use --------------------------------------------------- */

static bool is_stack(const struct identity *id)
{
	return id->place == PLACE_STACK || id->place == PLACE_GUARD;
}

static bool is_main_thread(const struct identity *id)
{
	return id->owner.tp && id->tid == id->owner.tp->abi.pid;
}

static bool has_frame(const struct identity *id)
{
	return id->frame;
}

static json_t *frame_json(const struct identity *id)
{
	const struct identity_frame *frame = id->frame;

	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:b}", "number", (json_int_t)frame->number,
	                 "sp", out_json_hex(frame->sp), "offset",
	                 out_json_hex(id->addr - frame->sp), "pc", out_json_hex(frame->pc),
	                 "function",
	                 *frame->function ? out_json_text(frame->function) : json_null(),
	                 "signal_trampoline", frame->trampoline);
}

static void frame_text(struct session *session, const struct identity *id)
{
	const struct identity_frame *frame = id->frame;

	fprintf(session->out, "#%zu ", frame->number);
	if (frame->trampoline)
		fputs("<signal handler called>", session->out);
	else if (*frame->function)
		out_text(session->out, frame->function);
	else
		fprintf(session->out, "0x%" PRIx64, frame->pc);
	fprintf(session->out, ", 0x%" PRIx64 " bytes above its stack pointer",
	        id->addr - frame->sp);
}

static json_t *stack_json(const struct identity *id)
{
	return json_pack("{s:i, s:b, s:b}", "thread", (int)id->tid, "main", is_main_thread(id),
	                 "guard", id->place == PLACE_GUARD);
}

static void stack_text(struct session *session, const struct identity *id)
{
	fprintf(session->out, "%s %s %d", id->place == PLACE_GUARD ? "guard below that of" : "of",
	        is_main_thread(id) ? "the main thread" : "thread", (int)id->tid);
}

static bool is_tls(const struct identity *id)
{
	return id->tls;
}

static json_t *tls_symbol_json(const struct identity *id)
{
	if (!id->tls_symbol.name)
		return json_null();
	return json_pack("{s:o, s:I}", "name", out_json_text(id->symbol_name), "offset",
	                 (json_int_t)(id->addr - id->tls->lo - id->tls_symbol.value));
}

static json_t *tls_json(const struct identity *id)
{
	const struct tls_block *tls = id->tls;

	return json_pack("{s:i, s:b, s:o, s:o, s:o, s:I, s:I}", "thread", (int)tls->tid,
	                 "control_block", !tls->module, "module",
	                 tls->module ? out_json_text(tls->module->path) : json_null(), "symbol",
	                 tls_symbol_json(id), "lo", out_json_hex(tls->lo), "offset",
	                 (json_int_t)(id->addr - tls->lo), "size", (json_int_t)(tls->hi - tls->lo));
}

/* "errno+0x0, 0x10 bytes into the block of libc.so.6 of thread 4711" */
static void tls_text(struct session *session, const struct identity *id)
{
	const struct tls_block *tls = id->tls;
	FILE *out = session->out;

	if (id->tls_symbol.name) {
		fputs(out_style(session->colour, OUT_CYAN), out);
		out_text(out, id->symbol_name);
		fprintf(out, "%s+0x%" PRIx64 ", ", out_style(session->colour, OUT_PLAIN),
		        id->addr - tls->lo - id->tls_symbol.value);
	}
	fprintf(out, "0x%" PRIx64 " bytes into ", id->addr - tls->lo);
	if (!tls->module) {
		fprintf(out, "the control block of thread %d", (int)tls->tid);
		return;
	}
	fputs("the block of ", out);
	out_text(out, tls->module->path);
	fprintf(out, " of thread %d", (int)tls->tid);
}

static bool has_chunk(const struct identity *id)
{
	return id->has_chunk;
}

static json_t *chunk_json(const struct identity *id)
{
	const struct heap_chunk *c = &id->chunk;

	return json_pack(
		"{s:s, s:s, s:o, s:o, s:I, s:I, s:o, s:b}", "allocator",
		c->allocator == HEAP_MUSL ? "musl" : "glibc", "state", chunk_state_word(c->state),
		"chunk", out_json_hex(c->lo), "user", out_json_hex(c->user), "size",
		(json_int_t)c->size, "offset", (json_int_t)(id->addr - c->user), "arena",
		c->arena ? out_json_hex(c->arena) : json_null(), "main_arena", c->main_arena);
}

/* "0x1018000002a0+0x8, 24 bytes, in use, main arena" */
static void chunk_text(struct session *session, const struct identity *id)
{
	const struct heap_chunk *c = &id->chunk;
	FILE *out = session->out;

	if (id->addr < c->user)
		fprintf(out, "header of 0x%" PRIx64, c->user);
	else
		fprintf(out, "0x%" PRIx64 "+0x%" PRIx64, c->user, id->addr - c->user);
	fprintf(out, ", %" PRIu64 " bytes, %s", c->size, chunk_state_name(c->state));
	if (c->main_arena)
		fputs(", main arena", out);
	else if (c->arena)
		fprintf(out, ", %s 0x%" PRIx64, c->allocator == HEAP_MUSL ? "group" : "arena",
		        c->arena);
	else
		fputs(", mapped by itself", out);
}

static bool is_heap(const struct identity *id)
{
	const struct reg_threadproc *tp = id->owner.tp;

	return id->place == PLACE_HEAP && tp && id->addr >= tp->abi.brk_lo &&
	       id->addr < tp->abi.brk_hi;
}

static json_t *heap_json(const struct identity *id)
{
	return json_pack("{s:o, s:o}", "lo", out_json_hex(id->owner.tp->abi.brk_lo), "offset",
	                 out_json_hex(id->addr - id->owner.tp->abi.brk_lo));
}

static void heap_text(struct session *session, const struct identity *id)
{
	fprintf(session->out, "brk, 0x%" PRIx64 " bytes into it",
	        id->addr - id->owner.tp->abi.brk_lo);
}

static bool is_mailbox(const struct identity *id)
{
	return id->mailbox_of;
}

static json_t *mailbox_json(const struct identity *id)
{
	return json_pack("{s:o}", "of", show_json_who(id->mailbox_of));
}

static void mailbox_text(struct session *session, const struct identity *id)
{
	fputs("of ", session->out);
	show_who(session, id->mailbox_of);
}

static bool is_toolkit(const struct identity *id)
{
	return id->owner.kind == OWNER_TOOLKIT;
}

static json_t *toolkit_json(const struct identity *id)
{
	return json_pack("{s:s, s:o, s:o}", "part", place_name(id->place), "lo",
	                 out_json_hex(id->owner.lo), "hi", out_json_hex(id->owner.hi));
}

/* ---- File and mapping ---------------------------------------------------- */

static bool is_module(const struct identity *id)
{
	return id->file;
}

static json_t *module_json(const struct identity *id)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o}", "path", out_json_text(id->file), "use",
	                 place_name(id->place), "build_id",
	                 out_json_bytes(id->build_id, id->build_id_len), "bias",
	                 id->has_vaddr ? out_json_hex(id->addr - id->vaddr) : json_null(),
	                 "address_in_file", id->has_vaddr ? out_json_hex(id->vaddr) : json_null());
}

static void module_text(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	out_text(out, id->file);
	if (id->build_id_len)
		fputs(", build-id ", out);
	for (uint32_t i = 0; i < id->build_id_len; i++)
		fprintf(out, "%02x", id->build_id[i]);
}

static bool has_mapping(const struct identity *id)
{
	return id->mapped;
}

static json_t *mapping_json(const struct identity *id)
{
	const struct mapping *m = &id->mapping;
	char perms[5];

	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "lo", out_json_hex(m->lo),
	                 "hi", out_json_hex(m->hi), "perms", mapping_perms(m, perms), "file_offset",
	                 out_json_hex(m->offset), "device",
	                 m->partial ? json_null()
	                            : json_sprintf("%02x:%02x", m->dev_major, m->dev_minor),
	                 "inode", m->partial ? json_null() : json_integer((json_int_t)m->ino),
	                 "path", out_json_text(m->path), "offset", out_json_hex(id->addr - m->lo));
}

/* As /proc/PID/maps has it. */
static void kernel_line(FILE *out, const struct mapping *m)
{
	char perms[5];

	fprintf(out, "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64 " ", m->lo,
	        m->hi, mapping_perms(m, perms), m->offset, m->dev_major, m->dev_minor, m->ino);
	out_text(out, m->path);
}

static void mapping_text(struct session *session, const struct identity *id)
{
	const struct mapping *m = &id->mapping;
	FILE *out = session->out;
	char perms[5];

	if (id->owner.kind == OWNER_NONE) {
		kernel_line(out, m);
		return;
	}
	if (id->place == PLACE_ANON && !m->prot)
		fputs("reserved, ", out);
	else if (id->place == PLACE_ANON)
		fprintf(out, "anonymous%s, ", m->shared ? ", shared" : "");
	else if (id->file)
		fprintf(out, "%s, ", place_name(id->place));
	fprintf(out, "%s, 0x%" PRIx64 " bytes into 0x%" PRIx64 "-0x%" PRIx64,
	        mapping_perms(m, perms), id->addr - m->lo, m->lo, m->hi);
}

/* ---- Component ----------------------------------------------------------- */

static bool is_owned(const struct identity *id)
{
	return id->owner.tp && id->owner.kind == OWNER_LIVE;
}

static bool is_tombstone(const struct identity *id)
{
	return id->owner.kind == OWNER_EXITED;
}

static json_t *component_json(const struct identity *id)
{
	return json_pack("{s:o, s:o, s:o}", "threadproc",
	                 id->owner.tp ? show_json_who(id->owner.tp) : json_null(), "lo",
	                 out_json_hex(id->owner.lo), "hi", out_json_hex(id->owner.hi));
}

/* ---- All of them --------------------------------------------------------- */

/* The most specific first. */
static const struct identity_row rows[] = {
	{"named_pointer", "named", is_named, name_json, name_text},
	{"variable", "variable", has_variable, variable_json, variable_text},
	{"source", "source", has_lines, lines_json, lines_text},
	{"symbol", "symbol", has_symbol, symbol_json, symbol_text},
	{"section", "section", has_section, section_json, section_text},
	{"tls", "tls", is_tls, tls_json, tls_text},
	{"chunk", "chunk", has_chunk, chunk_json, chunk_text},
	{"frame", "frame", has_frame, frame_json, frame_text},
	{"stack", "stack", is_stack, stack_json, stack_text},
	{"heap", "heap", is_heap, heap_json, heap_text},
	{"mailbox", "mailbox", is_mailbox, mailbox_json, mailbox_text},
	{"module", "file", is_module, module_json, module_text},
	{"mapping", "mapping", has_mapping, mapping_json, mapping_text},
	{"toolkit", NULL, is_toolkit, toolkit_json, NULL},
	{"threadproc", NULL, is_owned, component_json, NULL},
	{"tombstone", NULL, is_tombstone, component_json, NULL},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static json_t *row_json(const struct identity_row *row, const struct identity *id)
{
	json_t *kind = json_pack("{s:s}", "kind", row->kind);
	json_t *rest = row->json(id);

	if (!kind || !rest || json_object_update(kind, rest)) {
		json_decref(kind);
		kind = NULL;
	}
	json_decref(rest);
	return kind;
}

static json_t *rows_json(const struct identity *id)
{
	json_t *all = json_array();

	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].applies(id) && json_array_append_new(all, row_json(&rows[i], id))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

json_t *identities_json(const struct target *target, const struct identity *id)
{
	const struct reg_threadproc *who = id->owner.tp ? id->owner.tp : id->mailbox_of;

	return json_pack("{s:o, s:b, s:s, s:o, s:s, s:o, s:o}", "address", out_json_hex(id->addr),
	                 "found", identify_found(target, id), "owner", brief_owner(id),
	                 "threadproc", who ? show_json_who(who) : json_null(), "place",
	                 place_name(id->place), "identities", rows_json(id), "note",
	                 *id->note ? out_json_text(id->note) : json_null());
}

static void print_exited(struct session *session, const struct reg_threadproc *tp)
{
	char state[SHOW_TEXT_SIZE], time[SHOW_TEXT_SIZE], ago[SHOW_TEXT_SIZE];

	if (!tp) {
		fputs("an exited threadproc that is no longer on record", session->out);
		return;
	}
	show_who(session, tp);
	if (tp->abi.end_ns)
		fprintf(session->out, ", %s at %s (%s)", show_state(tp, state),
		        show_time(tp->abi.end_ns, time), show_ago(tp->abi.end_ns, ago));
}

static void print_toolkit(struct session *session, const struct identity *id)
{
	static const char *const texts[] = {
		[PLACE_REGISTRY] = "the registry",
		[PLACE_AGENT] = "the agent",
		[PLACE_MAILBOX] = "the mailboxes",
	};

	fprintf(session->out, "%s of the space", texts[id->place]);
}

/* The first line: whose it is. */
static void print_headline(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	fprintf(out, "%s0x%" PRIx64 "%s: ", out_style(session->colour, OUT_BOLD), id->addr,
	        out_style(session->colour, OUT_PLAIN));
	switch (id->owner.kind) {
	case OWNER_LIVE:
		if (id->owner.tp)
			show_who(session, id->owner.tp);
		else
			fputs("a threadproc that is not on record", out);
		break;
	case OWNER_EXITED:
		fputs(out_style(session->colour, OUT_YELLOW), out);
		print_exited(session, id->owner.tp);
		fputs(out_style(session->colour, OUT_PLAIN), out);
		break;
	case OWNER_TOOLKIT:
		print_toolkit(session, id);
		break;
	case OWNER_NONE:
		if (id->place == PLACE_VDSO)
			fputs("the kernel", out);
		else
			fputs(id->mapped ? "unowned" : "not mapped", out);
		break;
	}
	fputc('\n', out);
}

void identities_print(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	print_headline(session, id);
	for (size_t i = 0; i < ROWS; i++) {
		if (!rows[i].label || !rows[i].applies(id))
			continue;
		fprintf(out, "  %-8s ", rows[i].label);
		rows[i].text(session, id);
		fputc('\n', out);
	}
	if (!id->mapped && id->owner.kind == OWNER_LIVE && !*id->note)
		fputs("  not mapped\n", out);
	if (*id->note) {
		fputs("  note     ", out);
		out_text(out, id->note);
		fputc('\n', out);
	}
}

/* ---- In short ------------------------------------------------------------ */

static const struct identity_row *most_specific(const struct identity *id)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].applies(id))
			return &rows[i];
	}
	return NULL;
}

json_t *identities_json_brief(const struct identity *id)
{
	const struct identity_row *row = most_specific(id);

	return json_pack("{s:o, s:s, s:o, s:o}", "address", out_json_hex(id->addr), "owner",
	                 brief_owner(id), "threadproc",
	                 id->owner.tp ? show_json_who(id->owner.tp) : json_null(), "identity",
	                 row ? row_json(row, id) : json_null());
}
