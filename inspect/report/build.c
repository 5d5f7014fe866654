#include "inspect/report/parts.h"

#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/show.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_FORMAT 1
/* As long as an instruction can be. */
#define CODE_BYTES 15

/* ---- Places --------------------------------------------------------------------------------- */

static char *brief_of(const struct identity *id)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	brief_text(out, id);
	fclose(out);
	return text;
}

/* All identities, and "brief": the line that stands for them. */
static json_t *place_json(const struct report *report, const struct identity *id)
{
	AUTO_FREE char *brief = brief_of(id);
	json_t *place = identities_json(report->target, id);

	if (place && brief)
		json_object_set_new(place, "brief", json_string(brief));
	return place;
}

static json_t *registers_json(const struct tp_crash *crash)
{
	json_t *all = json_object();

	for (unsigned i = 0; i < crash->reg_count && access_register_name(i); i++)
		json_object_set_new(all, access_register_name(i), out_json_hex(crash->regs[i]));
	return all;
}

/* Those registers that hold what is, or was, somebody's address. */
static json_t *pointers_json(const struct report *report)
{
	const struct tp_crash *crash = report->crash;
	AUTO_FREE struct identity *id = malloc(sizeof(*id));
	json_t *list = json_array();

	for (unsigned i = 0; id && i < crash->reg_count && access_register_name(i); i++) {
		json_t *place;

		identify(report->target, crash->regs[i], id);
		if (!identify_found(report->target, id))
			continue;
		place = place_json(report, id);
		if (!place)
			continue;
		json_object_set_new(place, "register", json_string(access_register_name(i)));
		json_array_append_new(list, place);
	}
	return list;
}

/* ---- The document ------------------------------------------------------------------------------
 */

static const char *access_word(enum access_kind kind)
{
	static const char *const words[] = {
		[ACCESS_UNKNOWN] = "unknown",
		[ACCESS_READ] = "read",
		[ACCESS_WRITE] = "write",
		[ACCESS_EXECUTE] = "execute",
	};

	return words[kind];
}

static bool has_address(const struct tp_crash *crash)
{
	return crash->code > 0 && (crash->sig == SIGSEGV || crash->sig == SIGBUS);
}

static json_t *access_json(const struct report *report)
{
	if (!has_address(report->crash))
		return json_null();
	return json_pack("{s:s, s:i}", "kind", access_word(report->access.kind), "size",
	                 (int)report->access.size);
}

static void add_record(struct report *report, json_t *doc)
{
	const struct tp_crash *crash = report->crash;
	char signal[SHOW_TEXT_SIZE];
	AUTO_FREE struct identity *sp = malloc(sizeof(*sp));

	if (sp)
		identify(report->target, crash->sp, sp);
	json_object_set_new(doc, "complete", json_boolean(crash->state == TP_CRASH_TAKEN));
	json_object_set_new(doc, "held", json_boolean(report->held));
	json_object_set_new(doc, "tid", json_integer(crash->tid));
	json_object_set_new(doc, "signal", json_string(show_signal(crash->sig, signal)));
	json_object_set_new(doc, "number", json_integer(crash->sig));
	json_object_set_new(doc, "code", json_integer(crash->code));
	json_object_set_new(
		doc, "time",
		show_json_time(crash->time_ns ? crash->time_ns : report->tp->abi.end_ns));
	json_object_set_new(doc, "access", access_json(report));
	json_object_set_new(doc, "address",
	                    has_address(crash) || report_guarded(crash)
	                            ? place_json(report, report->fault)
	                            : json_null());
	json_object_set_new(doc, "pc", place_json(report, report->pc));
	json_object_set_new(doc, "sp", sp ? place_json(report, sp) : json_null());
	json_object_set_new(doc, "registers", registers_json(crash));
	json_object_set_new(doc, "pointers", pointers_json(report));
}

static void add_ties(struct report *report, json_t *doc)
{
	json_t *waiters, *pointers, *locks;

	if (report->depth == REPORT_FULL) {
		json_object_set_new(doc, "names", sharing_names(report));
		json_object_set_new(doc, "descriptors", sharing_descriptors(report));
	}
	if (locks_of_report(report))
		report->locks = (struct locks){0};
	locks = locks_json(report);
	waiters = waiters_json(report);
	pointers = sharing_pointers(report);
	json_object_set_new(doc, "suspects", verdict_json(report, locks, pointers, waiters));
	json_object_set_new(doc, "locks", locks);
	json_object_set_new(doc, "waiters", waiters);
	json_object_set_new(doc, "pointed_to_by", pointers);
}

static json_t *document(struct report *report)
{
	const char *kind = "";
	AUTO_FREE char *words = words_of(report, &kind);
	json_t *doc;

	if (!words)
		return NULL;
	doc = json_pack("{s:i, s:o, s:o, s:o, s:s, s:o}", "report", REPORT_FORMAT, "space",
	                out_json_text(report->target->snapshot->header.space), "threadproc",
	                show_json_who(report->tp), "what", out_json_text(words), "kind", kind,
	                "time", show_json_time(report->tp->abi.end_ns));
	if (!doc || !report->crash)
		return doc;
	add_record(report, doc);
	json_object_set_new(doc, "threads", stacks_json(report));
	add_ties(report, doc);
	return doc;
}

/* ---- What it takes ------------------------------------------------------------------------------
 */

static bool is_readable(const struct report *report, uint64_t addr)
{
	uint8_t byte;
	struct err err;

	return report->target->mem &&
	       !mem_read(report->target->mem, addr, &byte, sizeof(byte), &err);
}

/* Of one that is gone, even if only just now, what it executed is in the file still. */
static void find_access(struct report *report)
{
	uint8_t code[CODE_BYTES];
	struct mem_bytes run = {report->crash->pc, code, 0};
	struct mem *file = NULL;
	struct err err;

	if (report->unwinder && !(report->held && is_readable(report, run.addr)))
		run.len = unwinder_code(report->unwinder, run.addr, code, sizeof(code));
	if (run.len && mem_open_bytes(&run, 1, &file, &err))
		file = NULL;
	access_of_crash(report->crash, file ? file : report->target->mem, &report->access);
	if (file)
		mem_close(file);
	if (report_guarded(report->crash))
		report->access.addr = report_guarded(report->crash);
}

static int look_at_crash(struct report *report, struct err *err)
{
	struct err ignored;

	report->fault = malloc(sizeof(*report->fault));
	report->pc = malloc(sizeof(*report->pc));
	if (!report->fault || !report->pc)
		return err_os(err, ENOMEM, "report");
	/* without one of these, that much is not told */
	if (unwinder_create(report->target, &report->unwinder, &ignored))
		report->unwinder = NULL;
	find_access(report);
	identify(report->target, report->access.addr, report->fault);
	identify(report->target, report->crash->pc, report->pc);
	report->has_debugging = !debugging_begin(&report->debugging, report->session, &ignored);
	return stacks_crashed(report, err);
}

static void report_deinit(struct report *report)
{
	backtrace_deinit(&report->backtrace);
	locks_deinit(&report->locks);
	if (report->has_debugging)
		debugging_end(&report->debugging);
	unwinder_destroy(report->unwinder);
	free(report->fault);
	free(report->pc);
}

int report_build(struct session *session, const struct reg_threadproc *tp, enum report_depth depth,
                 json_t **ret_report, struct err *err)
{
	struct report report = {
		.session = session,
		.target = session_target(session),
		.tp = tp,
		.crash = tp->crash,
		.depth = depth,
		.held = tp->crash && reg_threadproc_lives(tp),
	};
	json_t *doc = NULL;

	if (!report.crash || !look_at_crash(&report, err)) {
		doc = document(&report);
		if (!doc)
			err_os(err, ENOMEM, "report");
	}
	report_deinit(&report);
	if (!doc)
		return -1;
	*ret_report = doc;
	return 0;
}
