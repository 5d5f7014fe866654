#include "inspect/address.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/identify.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool is_found(const struct target *target, const struct identity *id)
{
	if (id->mapped || id->owner.kind == OWNER_EXITED)
		return true;
	return !target->maps && id->owner.kind != OWNER_NONE;
}

/* ---- JSON ---------------------------------------------------------------- */

static const char *owner_word(const struct identity *id)
{
	switch (id->owner.kind) {
	case OWNER_LIVE:
		return "threadproc";
	case OWNER_EXITED:
		return "exited";
	case OWNER_TOOLKIT:
		return "toolkit";
	case OWNER_NONE:
		break;
	}
	return id->place == PLACE_VDSO ? "kernel" : "unowned";
}

static json_t *mapping_json(const struct identity *id)
{
	const struct mapping *m = &id->mapping;
	char perms[5];

	if (!id->mapped)
		return json_null();
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:I, s:o, s:o}", "lo", out_json_hex(m->lo),
	                 "hi", out_json_hex(m->hi), "perms", mapping_perms(m, perms), "file_offset",
	                 out_json_hex(m->offset), "device",
	                 json_sprintf("%02x:%02x", m->dev_major, m->dev_minor), "inode",
	                 (json_int_t)m->ino, "path", out_json_text(m->path), "offset",
	                 out_json_hex(id->addr - m->lo));
}

static json_t *section_json(const struct identity *id)
{
	if (!id->section.name)
		return json_null();
	return json_pack("{s:o, s:o}", "name", out_json_text(id->section.name), "offset",
	                 out_json_hex(id->vaddr - id->section.addr));
}

static json_t *symbol_json(const struct identity *id)
{
	if (!id->symbol.name)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I}", "name", out_json_text(id->symbol_name),
	                 "linkage_name", out_json_text(id->symbol.name), "offset",
	                 out_json_hex(id->vaddr - id->symbol.value), "size",
	                 (json_int_t)id->symbol.size);
}

static json_t *name_json(const struct identity *id)
{
	if (!id->name)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "name", out_json_text(id->name->abi.name), "type",
	                 out_json_text(id->name->abi.type), "offset",
	                 out_json_hex(id->addr - id->name->abi.addr), "publisher",
	                 id->name->owner ? show_json_who(id->name->owner) : json_null());
}

static json_t *identity_json(const struct target *target, const struct identity *id)
{
	const struct reg_threadproc *who = id->owner.tp ? id->owner.tp : id->mailbox_of;

	return json_pack("{s:o, s:b, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	                 "address", out_json_hex(id->addr), "found", is_found(target, id), "owner",
	                 owner_word(id), "threadproc", who ? show_json_who(who) : json_null(),
	                 "place", place_name(id->place), "thread",
	                 id->tid ? json_integer(id->tid) : json_null(), "mapping", mapping_json(id),
	                 "file", out_json_text(id->file), "build_id",
	                 out_json_bytes(id->build_id, id->build_id_len), "file_address",
	                 id->has_vaddr ? out_json_hex(id->vaddr) : json_null(), "section",
	                 section_json(id), "symbol", symbol_json(id), "named_pointer",
	                 name_json(id), "note", *id->note ? out_json_text(id->note) : json_null());
}

/* ---- Text ---------------------------------------------------------------- */

static void print_who(struct session *session, const struct reg_threadproc *tp)
{
	char state[SHOW_TEXT_SIZE];

	out_text(session->out, tp->abi.name);
	fprintf(session->out, " (id %" PRIu32 ", pid %" PRId32, tp->abi.id, tp->abi.pid);
	if (!tp->abi.end_ns)
		fprintf(session->out, ", %s", show_state(tp, state));
	fputc(')', session->out);
}

static void print_exited(struct session *session, const struct reg_threadproc *tp)
{
	char state[SHOW_TEXT_SIZE], time[SHOW_TEXT_SIZE], ago[SHOW_TEXT_SIZE];

	if (!tp) {
		fputs("an exited threadproc that is no longer on record", session->out);
		return;
	}
	print_who(session, tp);
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
static void print_owner(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	fprintf(out, "%s0x%" PRIx64 "%s: ", out_style(session->colour, OUT_BOLD), id->addr,
	        out_style(session->colour, OUT_PLAIN));
	switch (id->owner.kind) {
	case OWNER_LIVE:
		if (id->owner.tp)
			print_who(session, id->owner.tp);
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

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* "libc.so.6 .text+0x1123, malloc+0x13" */
static void print_code(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	fputs("  ", out);
	out_text(out, base_name(id->file));
	if (id->section.name) {
		fputc(' ', out);
		out_text(out, id->section.name);
		fprintf(out, "+0x%" PRIx64, id->vaddr - id->section.addr);
	}
	if (id->symbol.name) {
		fprintf(out, ", %s", out_style(session->colour, OUT_CYAN));
		out_text(out, id->symbol_name);
		fprintf(out, "%s+0x%" PRIx64, out_style(session->colour, OUT_PLAIN),
		        id->vaddr - id->symbol.value);
	}
	fputc('\n', out);
}

static void print_file(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	if (id->file[0] != '/')
		return;
	fputs("  ", out);
	out_text(out, id->file);
	if (id->build_id_len)
		fputs(", build-id ", out);
	for (uint32_t i = 0; i < id->build_id_len; i++)
		fprintf(out, "%02x", id->build_id[i]);
	fputc('\n', out);
}

/* "heap (brk), " */
static void print_place(FILE *out, const struct identity *id)
{
	switch (id->place) {
	case PLACE_HEAP:
		fputs("heap (brk), ", out);
		break;
	case PLACE_STACK:
	case PLACE_GUARD:
		fprintf(out, "%s of %s %d, ",
		        id->place == PLACE_STACK ? "stack" : "guard below the stack",
		        id->owner.tp && id->tid == id->owner.tp->abi.pid ? "the main thread"
		                                                         : "thread",
		        (int)id->tid);
		break;
	case PLACE_MAILBOX:
		if (id->mailbox_of)
			fprintf(out, "mailbox of threadproc %" PRIu32 ", ", id->mailbox_of->abi.id);
		break;
	case PLACE_ANON:
		if (!id->mapping.prot)
			fputs("reserved memory, ", out);
		else
			fprintf(out, "anonymous %smemory, ", id->mapping.shared ? "shared " : "");
		break;
	case PLACE_PROGRAM:
	case PLACE_LIBRARY:
	case PLACE_FILE:
		fprintf(out, "%s, ", place_name(id->place));
		break;
	default:
		break;
	}
}

static void print_mapping(struct session *session, const struct identity *id)
{
	const struct mapping *m = &id->mapping;
	char perms[5];

	fputs("  ", session->out);
	print_place(session->out, id);
	fprintf(session->out, "%s, 0x%" PRIx64 " bytes into 0x%" PRIx64 "-0x%" PRIx64 "\n",
	        mapping_perms(m, perms), id->addr - m->lo, m->lo, m->hi);
}

/* As /proc/PID/maps has it. */
static void print_kernel_line(struct session *session, const struct mapping *m)
{
	char perms[5];

	fprintf(session->out,
	        "  %08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64 " ", m->lo,
	        m->hi, mapping_perms(m, perms), m->offset, m->dev_major, m->dev_minor, m->ino);
	out_text(session->out, m->path);
	fputc('\n', session->out);
}

static void print_name(struct session *session, const struct identity *id)
{
	FILE *out = session->out;

	fputs("  named pointer ", out);
	out_text(out, id->name->abi.name);
	fprintf(out, "+0x%" PRIx64 ", type ", id->addr - id->name->abi.addr);
	out_text(out, id->name->abi.type);
	if (id->name->owner) {
		fputs(", published by ", out);
		print_who(session, id->name->owner);
	}
	fputc('\n', out);
}

static void print_identity(struct session *session, const struct identity *id)
{
	bool unowned = id->owner.kind == OWNER_NONE;

	print_owner(session, id);
	if (id->section.name || id->symbol.name)
		print_code(session, id);
	if (id->mapped && unowned)
		print_kernel_line(session, &id->mapping);
	else if (id->mapped)
		print_mapping(session, id);
	else if (id->owner.kind == OWNER_LIVE && !*id->note)
		fputs("  not mapped\n", session->out);
	if (id->file && (!unowned || id->build_id_len))
		print_file(session, id);
	if (id->name)
		print_name(session, id);
	if (*id->note) {
		fputs("  note: ", session->out);
		out_text(session->out, id->note);
		fputc('\n', session->out);
	}
}

/* ---- The verb ------------------------------------------------------------ */

static int parse_all(const struct verb_args *args, uint64_t **ret_addrs, struct err *err)
{
	AUTO_FREE uint64_t *addrs = calloc((size_t)args->count, sizeof(*addrs));

	if (!addrs)
		return err_os(err, ENOMEM, "addresses");
	for (int i = 0; i < args->count; i++) {
		if (address_parse(args->words[i], &addrs[i], err))
			return -1;
	}
	*ret_addrs = TAKE_PTR(addrs);
	return 0;
}

/* Answers for each address; *ret_missing says whether one is not there. */
static int answer(struct session *session, const struct target *target, const uint64_t *addrs,
                  int count, bool *ret_missing, struct err *err)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));
	json_t *all = json_array();
	bool missing = false;

	if (!id || !all)
		goto no_memory;
	for (int i = 0; i < count; i++) {
		if (session_interrupted(session))
			goto stopped;
		identify(target, addrs[i], id);
		missing |= !is_found(target, id);
		if (!session->json)
			print_identity(session, id);
		else if (json_array_append_new(all, identity_json(target, id)))
			goto no_memory;
	}
	*ret_missing = missing;
	if (session->json)
		return session_print_json(session, json_pack("{s:o}", "addresses", all), err);
	json_decref(all);
	return 0;
no_memory:
	json_decref(all);
	return err_os(err, ENOMEM, "answer");
stopped:
	json_decref(all);
	return session_stopped(err);
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	AUTO_FREE uint64_t *addrs = NULL;
	bool missing = false;
	int ret;

	if (parse_all(args, &addrs, err))
		return -1;
	ret = answer(session, session_target(session), addrs, args->count, &missing, err);
	return ret ? ret : missing;
}

const struct verb verb_owner = {
	.name = "owner",
	.usage = "ADDR...",
	.help = "whose an address is, and what lies there",
	.details = "ADDR is hexadecimal, with or without 0x; sums are allowed.\n",
	.example = "owner 0x4014a7f2c0 4014a7f000+2c0",
	.args_min = 1,
	.args_max = -1,
	.needs_space = true,
	.run = run,
};
