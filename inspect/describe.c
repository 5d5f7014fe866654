/* show: everything about one threadproc. */
#include "inspect/show.h"
#include "inspect/threadproc.h"
#include "inspect/verbs.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* The names of a signal set, "HUP INT"; the kernel's own have no name. */
static void print_signals(FILE *out, uint64_t set)
{
	const char *between = "";

	for (int number = 1; number <= 64; number++) {
		const char *name = sigabbrev_np(number);

		if (!(set >> (number - 1) & 1))
			continue;
		if (name)
			fprintf(out, "%s%s", between, name);
		else
			fprintf(out, "%s%d", between, number);
		between = " ";
	}
	if (!*between)
		fputs("none", out);
}

/* ---- Text ---------------------------------------------------------------- */

static void label(FILE *out, const char *name)
{
	fprintf(out, "  %-12s ", name);
}

static void print_text(FILE *out, const char *name, const char *text)
{
	label(out, name);
	out_text(out, text ? text : "?");
	fputc('\n', out);
}

static void print_address(FILE *out, const char *name, uint64_t addr)
{
	label(out, name);
	if (addr)
		fprintf(out, "0x%" PRIx64 "\n", addr);
	else
		fputs("none\n", out);
}

static void print_range(FILE *out, const char *name, uint64_t lo, uint64_t hi)
{
	char size[SHOW_TEXT_SIZE];

	if (lo == hi)
		return;
	label(out, name);
	fprintf(out, "0x%" PRIx64 "-0x%" PRIx64 "  %s\n", lo, hi, show_bytes(hi - lo, size));
}

static void print_state(FILE *out, const struct reg_threadproc *tp)
{
	char text[SHOW_TEXT_SIZE], time[SHOW_TEXT_SIZE];

	label(out, "state");
	fprintf(out, "%s", show_state(tp, text));
	if (tp->abi.end_ns)
		fprintf(out, " at %s", show_time(tp->abi.end_ns, time));
	fputc('\n', out);
	label(out, "started");
	fprintf(out, "%s, lived %s%s\n", show_time(tp->abi.start_ns, time),
	        show_duration(threadproc_age(tp), text), tp->abi.end_ns ? "" : " so far");
}

static void print_arguments(FILE *out, const struct reg_threadproc *tp)
{
	label(out, "arguments");
	for (size_t i = 0; i < tp->argc; i++) {
		fputs(i ? " \"" : "\"", out);
		out_text(out, tp->argv[i]);
		fputc('"', out);
	}
	fputc('\n', out);
}

static void print_memory(FILE *out, const struct vitals *vitals)
{
	char mapped[SHOW_TEXT_SIZE], reserved[SHOW_TEXT_SIZE];
	char resident[SHOW_TEXT_SIZE], dirty[SHOW_TEXT_SIZE];
	const struct usage *usage = &vitals->usage;

	if (!vitals->has_usage)
		return;
	label(out, "memory");
	fprintf(out, "%s mapped, %s reserved", show_bytes(usage->mapped, mapped),
	        show_bytes(usage->reserved, reserved));
	if (vitals->has_pages)
		fprintf(out, ", %s resident, %s of it dirty", show_bytes(usage->resident, resident),
		        show_bytes(usage->dirty, dirty));
	fputc('\n', out);
}

static void print_places(FILE *out, const struct tp_threadproc *abi)
{
	for (uint32_t i = 0; i < abi->run_count; i++) {
		uint64_t lo = (uint64_t)abi->runs[i].first << TP_GRANULE_SHIFT;

		print_range(out, "slot", lo,
		            lo + ((uint64_t)abi->runs[i].count << TP_GRANULE_SHIFT));
	}
	print_range(out, "fixed image", abi->fixed_lo, abi->fixed_hi);
	print_range(out, "stack", abi->stack_lo, abi->stack_hi);
	print_range(out, "brk zone", abi->brk_lo, abi->brk_hi);
	print_address(out, "load bias", abi->load_bias);
	print_address(out, "entry", abi->entry);
	print_address(out, "headers", abi->phdr);
	print_address(out, "interpreter", abi->interp_bias);
	print_address(out, "link map", abi->r_debug);
	print_address(out, "self", abi->self_addr);
}

static void print_signal_sets(FILE *out, const struct tp_threadproc *abi)
{
	label(out, "forwarded");
	print_signals(out, abi->sig_forwarded);
	fputc('\n', out);
	label(out, "at launch");
	fputs("blocked: ", out);
	print_signals(out, abi->sig_blocked);
	fputs("; ignored: ", out);
	print_signals(out, abi->sig_ignored);
	fputc('\n', out);
}

static size_t count_names(const struct snapshot *snapshot, const struct reg_threadproc *tp)
{
	size_t count = 0;

	for (size_t i = 0; i < snapshot->name_count; i++)
		count += snapshot->names[i].owner == tp;
	return count;
}

static void show_text(struct session *session, const struct reg_threadproc *tp)
{
	const struct target *target = session_target(session);
	char build_id[2 * TP_BUILD_ID_SIZE + 1];
	struct vitals vitals;
	FILE *out = session->out;

	threadproc_vitals(target, tp, &vitals);
	fputs(out_style(session->colour, OUT_BOLD), out);
	out_text(out, tp->abi.name);
	fprintf(out, "%s (id %" PRIu32 ", pid %" PRId32 ", launched by %" PRId32 ")\n",
	        out_style(session->colour, OUT_PLAIN), tp->abi.id, tp->abi.pid,
	        tp->abi.launcher_pid);
	print_state(out, tp);
	print_text(out, "program", tp->exe);
	threadproc_build_id(target->snapshot, tp, build_id);
	print_text(out, "build-id", *build_id ? build_id : "none");
	print_arguments(out, tp);
	print_text(out, "directory", tp->cwd);
	if (vitals.threads) {
		label(out, "threads");
		fprintf(out, "%zu\n", vitals.threads);
	}
	print_memory(out, &vitals);
	print_places(out, &tp->abi);
	label(out, "has");
	fprintf(out, "%zu modules, %zu descriptors at launch, %zu names\n", tp->module_count,
	        tp->fd_count, count_names(target->snapshot, tp));
	print_signal_sets(out, &tp->abi);
	show_health(session, "threadproc", tp->abi.id, &tp->health);
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *range_json(uint64_t lo, uint64_t hi)
{
	if (lo == hi)
		return json_null();
	return json_pack("{s:o, s:o}", "lo", out_json_hex(lo), "hi", out_json_hex(hi));
}

static json_t *address_json(uint64_t addr)
{
	return addr ? out_json_hex(addr) : json_null();
}

static json_t *places_json(const struct tp_threadproc *abi)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o}", "fixed_image",
	                 range_json(abi->fixed_lo, abi->fixed_hi), "stack",
	                 range_json(abi->stack_lo, abi->stack_hi), "brk",
	                 range_json(abi->brk_lo, abi->brk_hi), "load_bias",
	                 out_json_hex(abi->load_bias), "entry", address_json(abi->entry),
	                 "program_headers", address_json(abi->phdr), "program_header_count",
	                 (int)abi->phnum, "interpreter_bias", address_json(abi->interp_bias),
	                 "interpreter_entry", address_json(abi->interp_entry), "r_debug",
	                 address_json(abi->r_debug), "self", address_json(abi->self_addr));
}

static json_t *show_json(const struct target *target, const struct reg_threadproc *tp)
{
	const struct tp_threadproc *abi = &tp->abi;
	json_t *all = threadproc_json(target, tp);
	json_t *more = json_pack(
		"{s:I, s:o, s:{s:o, s:o, s:o, s:o}, s:I, s:I, s:I}", "generation",
		(json_int_t)abi->generation, "places", places_json(abi), "signals", "blocked",
		out_json_hex(abi->sig_blocked), "ignored", out_json_hex(abi->sig_ignored), "caught",
		out_json_hex(abi->sig_caught), "forwarded", out_json_hex(abi->sig_forwarded),
		"modules", (json_int_t)tp->module_count, "fds", (json_int_t)tp->fd_count, "names",
		(json_int_t)count_names(target->snapshot, tp));

	if (all && (!more || json_object_update(all, more))) {
		json_decref(all);
		all = NULL;
	}
	json_decref(more);
	return all;
}

/* ---- The verb ------------------------------------------------------------ */

static int answer_json(struct session *session, const struct show_selection *selection,
                       struct err *err)
{
	const struct target *target = session_target(session);
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		if (json_array_append_new(all, show_json(target, selection->list[i]))) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "threadprocs", all), err);
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	int ret = 0;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	if (session->json) {
		ret = answer_json(session, &selection, err);
	} else {
		for (size_t i = 0; i < selection.count; i++)
			show_text(session, selection.list[i]);
	}
	free(selection.list);
	return ret;
}

const struct verb verb_show = {
	.name = "show",
	.usage = "ID",
	.help = "everything about one threadproc",
	.details = "How it was started and how it ended, what it uses, where its parts are.\n",
	.example = "show allocstr",
	.takes = TAKES_COMPONENT,
	.args_min = 1,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
