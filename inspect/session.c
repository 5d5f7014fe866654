#include "inspect/session.h"

#include "inspect/diff.h"

#include "lib/read/watch.h"
#include "lib/types/debug.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static uint64_t monotonic_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

int session_init(struct session *session, const char *space, FILE *out, FILE *err_out,
                 struct err *err)
{
	memset(session, 0, sizeof(*session));
	session->space = space;
	session->out = out;
	session->err_out = err_out;
	session->clock = monotonic_clock;
	session->examine.last = EXAMINE_FORMAT_FIRST;
	return symcache_create(&session->symbols, err);
}

static void close_target(struct session *session)
{
	if (session->has_target)
		target_close(&session->target);
	session->has_target = false;
}

void session_deinit(struct session *session)
{
	diff_bases_destroy(session);
	close_target(session);
	snapshot_destroy(session->snapshot);
	registry_close(session->registry);
	symcache_destroy(session->symbols);
	debug_cache_destroy(session->debug);
	core_close(session->core);
}

/* Leaves all of it open, or nothing. */
static int open_core(struct session *session, struct err *err)
{
	struct snapshot *snapshot = NULL;
	struct registry *registry = NULL;
	struct core *core = NULL;
	int ret = -1;

	if (core_open(session->core_path, &core, err))
		return -1;
	if (!core_registry(core, &registry, err) && !registry_snapshot(registry, &snapshot, err))
		ret = target_open_core(core, snapshot, session->symbols, &session->target, err);
	registry_close(registry);
	if (ret) {
		snapshot_destroy(snapshot);
		core_close(core);
		return -1;
	}
	session->core = core;
	session->snapshot = snapshot;
	session->space = snapshot->header.space;
	session->has_target = true;
	return 0;
}

void session_notices(struct session *session)
{
	while (session->core) {
		const char *notice = core_notice(session->core);

		if (!*notice)
			return;
		fflush(session->out);
		fputs("tpinspect: ", session->err_out);
		out_text(session->err_out, notice);
		fputc('\n', session->err_out);
	}
}

/* Longer than that it takes no server that runs to look at a new threadproc. */
#define YOUNG_SECONDS 1u

/* Whether something was launched just now, of which the server has not all on record yet. */
static bool is_young(const struct snapshot *snapshot)
{
	struct timespec now;
	uint64_t now_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	now_ns = (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
	for (size_t i = 0; i < snapshot->threadproc_count; i++) {
		const struct tp_threadproc *abi = &snapshot->threadprocs[i].abi;

		if ((abi->state == TP_STATE_STARTING || abi->state == TP_STATE_RUNNING) &&
		    !(abi->flags & TP_THREADPROC_LOOKED) &&
		    now_ns - abi->start_ns < YOUNG_SECONDS * NS_PER_SECOND)
			return true;
	}
	return false;
}

/* Takes a snapshot that has everything of what was there when it was asked for. */
static int take_snapshot(struct session *session, struct snapshot **ret_snapshot, struct err *err)
{
	enum watch_result result = WATCH_CHANGED;
	struct snapshot *snapshot;
	struct watch *watch;
	struct err ignored;

	if (registry_snapshot(session->registry, &snapshot, err))
		return -1;
	if (is_young(snapshot) && !watch_open(session->registry, &watch, &ignored)) {
		while (result == WATCH_CHANGED && is_young(snapshot) &&
		       !watch_wait(watch, snapshot, YOUNG_SECONDS, &result, &ignored)) {
			snapshot_destroy(snapshot);
			if (registry_snapshot(session->registry, &snapshot, err)) {
				watch_close(watch);
				return -1;
			}
		}
		watch_close(watch);
	}
	*ret_snapshot = snapshot;
	return 0;
}

int session_refresh(struct session *session, struct err *err)
{
	struct snapshot *snapshot;

	if (session->core_path)
		return session->core ? 0 : open_core(session, err);

	if (!session->registry && registry_open_space(session->space, &session->registry, err))
		return -1;
	if (take_snapshot(session, &snapshot, err))
		return -1;
	close_target(session);
	snapshot_destroy(session->snapshot);
	session->snapshot = snapshot;
	return 0;
}

void session_forget(struct session *session)
{
	registry_close(session->registry);
	session->registry = NULL;
}

const struct target *session_target(struct session *session)
{
	if (!session->has_target)
		target_open_live(session->snapshot, session->symbols, &session->target);
	session->has_target = true;
	return &session->target;
}

int session_stopped(struct err *err)
{
	return err_set(err, ERR_STOPPED, "stopped");
}

uint64_t session_clock(const struct session *session)
{
	return session->clock();
}

int session_print_json(struct session *session, json_t *document, struct err *err)
{
	int ret;

	if (!document)
		return err_os(err, ENOMEM, "answer");
	ret = out_json_print(document, session->out, err);
	json_decref(document);
	return ret;
}

int status_of(const struct err *err)
{
	switch (err->code) {
	case ERR_USAGE:
		return STATUS_USAGE;
	case ERR_NO_SPACE:
		return STATUS_NO_SPACE;
	case ERR_REGISTRY:
		return STATUS_BAD_REGISTRY;
	case ERR_STOPPED:
		return STATUS_STOPPED;
	default:
		return STATUS_NOT_FOUND;
	}
}

void session_report(struct session *session, const struct err *err)
{
	struct err ignored;

	fflush(session->out);
	/* the terminal has shown ^C, and is still on that line */
	if (err->code == ERR_STOPPED && session->interactive)
		fputc('\n', session->err_out);
	fputs("tpinspect: ", session->err_out);
	if (session->line_number)
		fprintf(session->err_out, "line %lu: ", session->line_number);
	out_text(session->err_out, err->text);
	fputc('\n', session->err_out);
	if (session->json)
		session_print_json(session,
		                   json_pack("{s:o, s:i}", "error", out_json_text(err->text),
		                             "status", status_of(err)),
		                   &ignored);
}
