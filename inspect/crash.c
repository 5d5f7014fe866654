#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* x86-64: struct sigcontext; its last words are no registers that could point anywhere. */
static const char *const register_names[] = {
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rdi",
	"rsi", "rbp", "rbx", "rdx", "rax", "rcx", "rsp", "rip", "eflags",
};

#define REGISTERS (sizeof(register_names) / sizeof(register_names[0]))

/* Those that name an address: not the flags. */
static bool may_point(size_t reg)
{
	return reg < REGISTERS - 1;
}

static size_t registers_of(const struct tp_crash *crash)
{
	return crash->reg_count < REGISTERS ? crash->reg_count : REGISTERS;
}

static const char *signal_name(int sig, char text[SHOW_TEXT_SIZE])
{
	const char *name = sigabbrev_np(sig);

	if (name)
		snprintf(text, SHOW_TEXT_SIZE, "SIG%s", name);
	else
		snprintf(text, SHOW_TEXT_SIZE, "signal %d", sig);
	return text;
}

static bool has_address(const struct tp_crash *crash)
{
	return crash->code > 0 && crash->sig != SIGABRT;
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *place_json(const struct target *target, uint64_t addr)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	if (!id)
		return NULL;
	identify(target, addr, id);
	return identities_json(target, id);
}

static json_t *registers_json(const struct tp_crash *crash)
{
	json_t *all = json_object();

	for (size_t i = 0; i < registers_of(crash); i++)
		json_object_set_new(all, register_names[i], out_json_hex(crash->regs[i]));
	return all;
}

static json_t *crash_json(const struct target *target, const struct reg_threadproc *tp)
{
	const struct tp_crash *crash = tp->crash;
	char name[SHOW_TEXT_SIZE];

	return json_pack("{s:o, s:b, s:i, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "threadproc",
	                 show_json_who(tp), "complete", crash->state == TP_CRASH_TAKEN, "tid",
	                 (int)crash->tid, "signal", signal_name(crash->sig, name), "number",
	                 (int)crash->sig, "code", (int)crash->code, "time",
	                 show_json_time(crash->time_ns), "address",
	                 has_address(crash) ? place_json(target, crash->addr) : json_null(), "pc",
	                 place_json(target, crash->pc), "sp", place_json(target, crash->sp),
	                 "registers", registers_json(crash));
}

/* ---- Text ---------------------------------------------------------------- */

static void print_place(struct session *session, const char *label, uint64_t addr)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	if (!id)
		return;
	identify(session_target(session), addr, id);
	fprintf(session->out, "  %-8s 0x%016" PRIx64 "  ", label, addr);
	brief_text(session->out, id);
	fputc('\n', session->out);
}

static void print_crash(struct session *session, const struct reg_threadproc *tp)
{
	const struct tp_crash *crash = tp->crash;
	char name[SHOW_TEXT_SIZE], time[SHOW_TEXT_SIZE];

	out_text(session->out, tp->abi.name);
	fprintf(session->out,
	        " (id %" PRIu32 ", pid %" PRId32 "): %s in thread %" PRId32 " at %s\n", tp->abi.id,
	        tp->abi.pid, signal_name(crash->sig, name), crash->tid,
	        show_time(crash->time_ns, time));
	if (crash->state != TP_CRASH_TAKEN)
		fputs("  the thread died while it wrote this\n", session->out);
	if (has_address(crash))
		print_place(session, "address", crash->addr);
	for (size_t i = 0; i < registers_of(crash); i++) {
		if (may_point(i))
			print_place(session, register_names[i], crash->regs[i]);
	}
}

/* ---- The verb ------------------------------------------------------------ */

/* Keeps those that crashed. */
static void pick_crashed(struct show_selection *selection)
{
	size_t kept = 0;

	for (size_t i = 0; i < selection->count; i++) {
		if (selection->list[i]->crash)
			selection->list[kept++] = selection->list[i];
	}
	selection->count = kept;
}

static int answer_json(struct session *session, const struct show_selection *selection,
                       struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		if (json_array_append_new(
			    all, crash_json(session_target(session), selection->list[i]))) {
			json_decref(all);
			return err_os(err, ENOMEM, "answer");
		}
	}
	return session_print_json(session, json_pack("{s:o}", "crashes", all), err);
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	int ret = 0;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	pick_crashed(&selection);
	if (session->json)
		ret = answer_json(session, &selection, err);
	for (size_t i = 0; !session->json && i < selection.count; i++)
		print_crash(session, selection.list[i]);
	if (!ret && !selection.count) {
		ret = args->count
		              ? err_set(err, ERR_NOT_FOUND, "%s has not crashed", args->words[0])
		              : 0;
		if (!args->count && !session->json)
			fputs("no crash on record\n", session->out);
	}
	free(selection.list);
	return ret;
}

const struct verb verb_crash = {
	.name = "crash",
	.usage = "[ID]",
	.help = "crashes on record: what happened where, and whose the registers' addresses are",
	.details = "Of all threadprocs, or of the one with that id or name.\n"
		   "A record stays until the addresses of its threadproc are used again.\n",
	.example = "crash 2",
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
