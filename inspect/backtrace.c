#include "inspect/backtrace.h"

#include "inspect/show.h"

#include "lib/base/text.h"
#include "lib/read/identify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int tracer_begin(struct tracer *tracer, struct session *session, struct err *err)
{
	*tracer = (struct tracer){.session = session, .target = session_target(session)};
	tracer->id = malloc(sizeof(*tracer->id));
	tracer->sources = calloc(SOURCE_FRAMES_MAX, sizeof(*tracer->sources));
	if (!tracer->id || !tracer->sources) {
		err_os(err, ENOMEM, "backtraces");
		goto failed;
	}
	if (unwinder_create(tracer->target, &tracer->unwinder, err))
		goto failed;
	if (debugging_begin(&tracer->debugging, session, err)) {
		unwinder_destroy(tracer->unwinder);
		goto failed;
	}
	return 0;
failed:
	free(tracer->id);
	free(tracer->sources);
	return -1;
}

void tracer_end(struct tracer *tracer)
{
	debugging_end(&tracer->debugging);
	unwinder_destroy(tracer->unwinder);
	free(tracer->id);
	free(tracer->sources);
}

int tracer_take(struct tracer *tracer, const struct reg_threadproc *tp, pid_t tid, size_t limit,
                struct trace *ret_trace, struct err *err)
{
	struct trace trace = {0};

	if (target_capture(tracer->target, tp, tid, &trace.capture, err))
		return -1;
	if (unwind(tracer->unwinder, &trace.capture, limit, &trace.backtrace, err)) {
		capture_deinit(&trace.capture);
		return -1;
	}
	*ret_trace = trace;
	return 0;
}

void trace_deinit(struct trace *trace)
{
	backtrace_deinit(&trace->backtrace);
	capture_deinit(&trace->capture);
}

/* ---- What a frame's code is ---------------------------------------------- */

/* Leaves it in tracer->id. */
static const struct identity *identify_frame(struct tracer *tracer, const struct frame *frame)
{
	identify(tracer->target, frame_lookup_address(frame), tracer->id);
	return tracer->id;
}

static uint64_t symbol_offset(const struct frame *frame, const struct identity *id)
{
	return id->vaddr - id->symbol.value + (frame->pc - id->addr);
}

/* Leaves them in tracer->sources; 0 when the file says nothing about its source. */
static size_t find_sources(struct tracer *tracer, const struct identity *id)
{
	struct debug *debug;
	struct err err;

	if (tracer->no_source || !id->module || !id->has_vaddr ||
	    catalog_debug(tracer->debugging.catalog, id->module, &debug, &err))
		return 0;
	return source_at(debug, id->vaddr, tracer->sources);
}

/* ---- Text ---------------------------------------------------------------- */

static void print_symbol(FILE *out, const struct frame *frame, const struct identity *id)
{
	if (!id->symbol.name) {
		fputs("??", out);
		return;
	}
	out_text(out, id->symbol_name);
	fprintf(out, "+0x%" PRIx64, symbol_offset(frame, id));
}

void backtrace_print_function(struct tracer *tracer, const struct frame *frame)
{
	if (frame->trampoline)
		fputs("<signal handler called>", tracer->session->out);
	else
		print_symbol(tracer->session->out, frame, identify_frame(tracer, frame));
}

void backtrace_name_function(struct tracer *tracer, const struct frame *frame, char *text,
                             size_t size)
{
	const struct identity *id = identify_frame(tracer, frame);

	text[0] = '\0';
	if (id->symbol.name)
		snprintf(text, size, "%.*s+0x%" PRIx64, (int)size - 20, id->symbol_name,
		         symbol_offset(frame, id));
}

static void print_place(FILE *out, const struct source_place *place)
{
	if (!place->file)
		return;
	fputs("  at ", out);
	out_text(out, text_base_name(place->file));
	fprintf(out, ":%u", place->line);
}

/* Whose code it is, when it is not the thread's own component's. */
static void print_foreign(struct session *session, const struct reg_threadproc *tp,
                          const struct identity *id)
{
	if (id->owner.tp == tp || id->place == PLACE_VDSO)
		return;
	fprintf(session->out, "  %s[", out_style(session->colour, OUT_YELLOW));
	if (id->owner.tp)
		out_text(session->out, id->owner.tp->abi.name);
	else
		fputs(id->owner.kind == OWNER_TOOLKIT ? "tproc" : "nobody's", session->out);
	fprintf(session->out, "]%s", out_style(session->colour, OUT_PLAIN));
}

/* Functions that were inlined, the innermost first: they are where pc is, too. */
static void print_inlined(struct tracer *tracer, size_t number, uint64_t pc, size_t count)
{
	FILE *out = tracer->session->out;

	for (size_t i = 0; i < count; i++) {
		const struct source_frame *source = &tracer->sources[i];

		fprintf(out, "  #%-3zu 0x%012" PRIx64 "  ", number, pc);
		out_text(out, source->function ? source->function : "??");
		fputs("  inlined", out);
		print_place(out, &source->place);
		fputc('\n', out);
	}
}

void backtrace_print_frame(struct tracer *tracer, const struct reg_threadproc *tp, size_t number,
                           const struct frame *frame)
{
	FILE *out = tracer->session->out;
	const struct identity *id;
	size_t sources;

	if (frame->trampoline) {
		fprintf(out, "  #%-3zu <signal handler called>\n", number);
		return;
	}
	id = identify_frame(tracer, frame);
	sources = find_sources(tracer, id);
	debugging_rest(&tracer->debugging);
	if (sources > 1)
		print_inlined(tracer, number, frame->pc, sources - 1);
	fprintf(out, "  #%-3zu 0x%012" PRIx64 "  ", number, frame->pc);
	print_symbol(out, frame, id);
	if (id->file && id->place != PLACE_AGENT) {
		fputs("  ", out);
		out_text(out, text_base_name(id->file));
	}
	if (sources)
		print_place(out, &tracer->sources[sources - 1].place);
	print_foreign(tracer->session, tp, id);
	if (frame->guessed)
		fputs("  (a guess)", out);
	fputc('\n', out);
}

void backtrace_print(struct tracer *tracer, const struct reg_threadproc *tp,
                     const struct backtrace *backtrace)
{
	FILE *out = tracer->session->out;

	for (size_t i = 0; i < backtrace->count; i++)
		backtrace_print_frame(tracer, tp, i, &backtrace->frames[i]);
	if (backtrace->cut)
		fputs("  ... and more frames (--frames)\n", out);
	if (*backtrace->problem)
		fprintf(out, "  ends here: %s\n", backtrace->problem);
	if (backtrace->moved)
		fputs("  (the thread went on while parts of its stack were read)\n", out);
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *symbol_json(const struct frame *frame, const struct identity *id)
{
	if (!id->symbol.name)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "name", out_json_text(id->symbol_name), "linkage_name",
	                 out_json_text(id->symbol.name), "offset",
	                 out_json_hex(symbol_offset(frame, id)));
}

static json_t *place_json(const struct source_place *place)
{
	if (!place->file)
		return json_null();
	return json_pack("{s:o, s:i, s:i}", "file", out_json_text(place->file), "line",
	                 (int)place->line, "column", (int)place->column);
}

static json_t *inlined_json(const struct tracer *tracer, size_t sources)
{
	json_t *all = json_array();

	for (size_t i = 0; i + 1 < sources; i++) {
		const struct source_frame *source = &tracer->sources[i];

		if (json_array_append_new(all, json_pack("{s:o, s:o}", "function",
		                                         out_json_text(source->function), "source",
		                                         place_json(&source->place)))) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}

static json_t *frame_json(struct tracer *tracer, const struct frame *frame)
{
	const struct identity *id = identify_frame(tracer, frame);
	size_t sources = find_sources(tracer, id);

	return json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:b, s:b}", "pc",
		out_json_hex(frame->pc), "sp", frame->sp ? out_json_hex(frame->sp) : json_null(),
		"threadproc", id->owner.tp ? show_json_who(id->owner.tp) : json_null(), "toolkit",
		id->owner.kind == OWNER_TOOLKIT, "file", out_json_text(id->file), "file_address",
		id->has_vaddr ? out_json_hex(id->vaddr + (frame->pc - id->addr)) : json_null(),
		"symbol", symbol_json(frame, id), "source",
		sources ? place_json(&tracer->sources[sources - 1].place) : json_null(), "inlined",
		inlined_json(tracer, sources), "exact", frame->exact, "signal_trampoline",
		frame->trampoline, "stub", frame->stub, "guessed", frame->guessed);
}

json_t *backtrace_json(struct tracer *tracer, const struct backtrace *backtrace)
{
	json_t *frames = json_array();

	for (size_t i = 0; i < backtrace->count; i++) {
		if (json_array_append_new(frames, frame_json(tracer, &backtrace->frames[i]))) {
			json_decref(frames);
			return NULL;
		}
	}
	return frames;
}
