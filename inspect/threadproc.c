#include "inspect/threadproc.h"

#include "inspect/show.h"

#include "lib/read/component.h"

#include <stdio.h>

void threadproc_vitals(const struct target *target, const struct reg_threadproc *tp,
                       struct vitals *ret_vitals)
{
	const struct threads *threads;
	struct err err;

	*ret_vitals = (struct vitals){0};
	if (!reg_threadproc_lives(tp))
		return;
	if (!component_threads(target, tp, &threads, &err))
		ret_vitals->threads = threads->count;
	ret_vitals->has_usage =
		!usage_of(target, tp, &ret_vitals->usage, &ret_vitals->has_pages, &err);
}

uint64_t threadproc_age(const struct reg_threadproc *tp)
{
	uint64_t end = tp->abi.end_ns ? tp->abi.end_ns : show_now();

	return tp->abi.start_ns && end > tp->abi.start_ns ? end - tp->abi.start_ns : 0;
}

const char *threadproc_build_id(const struct snapshot *snapshot, const struct reg_threadproc *tp,
                                char text[2 * TP_BUILD_ID_SIZE + 1])
{
	const struct reg_image *image = snapshot_image(snapshot, tp->abi.program_image);

	text[0] = '\0';
	for (uint32_t i = 0; image && i < image->abi.build_id_len; i++)
		snprintf(text + 2 * i, 3, "%02x", image->abi.build_id[i]);
	return text;
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *runs_json(const struct reg_threadproc *tp)
{
	json_t *runs = json_array();

	for (uint32_t i = 0; i < tp->abi.run_count; i++) {
		uint64_t lo = (uint64_t)tp->abi.runs[i].first << TP_GRANULE_SHIFT;
		uint64_t size = (uint64_t)tp->abi.runs[i].count << TP_GRANULE_SHIFT;

		if (json_array_append_new(runs, json_pack("{s:o, s:o}", "lo", out_json_hex(lo),
		                                          "hi", out_json_hex(lo + size)))) {
			json_decref(runs);
			return NULL;
		}
	}
	return runs;
}

static json_t *argv_json(const struct reg_threadproc *tp)
{
	json_t *argv = json_array();

	for (size_t i = 0; i < tp->argc; i++) {
		if (json_array_append_new(argv, out_json_text(tp->argv[i]))) {
			json_decref(argv);
			return NULL;
		}
	}
	return argv;
}

static json_t *build_id_json(const struct snapshot *snapshot, const struct reg_threadproc *tp)
{
	char text[2 * TP_BUILD_ID_SIZE + 1];

	threadproc_build_id(snapshot, tp, text);
	return *text ? json_string(text) : json_null();
}

static json_t *page_json(const struct vitals *vitals, uint64_t bytes)
{
	return vitals->has_pages ? json_integer((json_int_t)bytes) : json_null();
}

static json_t *memory_json(const struct vitals *vitals)
{
	const struct usage *usage = &vitals->usage;

	if (!vitals->has_usage)
		return json_null();
	return json_pack("{s:I, s:I, s:o, s:o, s:o}", "mapped", (json_int_t)usage->mapped,
	                 "reserved", (json_int_t)usage->reserved, "resident",
	                 page_json(vitals, usage->resident), "dirty",
	                 page_json(vitals, usage->dirty), "swapped",
	                 page_json(vitals, usage->swapped));
}

json_t *threadproc_json(const struct target *target, const struct reg_threadproc *tp)
{
	struct vitals vitals;

	threadproc_vitals(target, tp, &vitals);
	return json_pack("{s:I, s:o, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
	                 "s:o, s:b, s:o}",
	                 "id", (json_int_t)tp->abi.id, "name", out_json_text(tp->abi.name), "pid",
	                 (int)tp->abi.pid, "launcher_pid", (int)tp->abi.launcher_pid, "state",
	                 reg_state_name(tp->abi.state), "exit", show_json_exit(tp), "threads",
	                 vitals.threads ? json_integer((json_int_t)vitals.threads) : json_null(),
	                 "memory", memory_json(&vitals), "slots", runs_json(tp), "program",
	                 out_json_text(tp->exe), "build_id", build_id_json(target->snapshot, tp),
	                 "argv", argv_json(tp), "cwd", out_json_text(tp->cwd), "start",
	                 show_json_time(tp->abi.start_ns), "end", show_json_time(tp->abi.end_ns),
	                 "unstable", tp->health.unstable, "problem",
	                 show_json_problem(&tp->health));
}
