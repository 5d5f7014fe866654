/*
 * show.h - what several verbs show in the same way.
 */
#ifndef TPROC_INSPECT_SHOW_H
#define TPROC_INSPECT_SHOW_H

#include "inspect/session.h"

#define SHOW_TEXT_SIZE 64

/* "running", "exited 3", "killed SIGTERM", "crashed SIGSEGV". */
const char *show_state(const struct reg_threadproc *tp, char text[SHOW_TEXT_SIZE]);
enum out_style show_state_style(const struct reg_threadproc *tp);

/* "allocstr (id 1, pid 4711, running)"; the state only while it has not ended.  On out. */
void show_who(struct session *session, const struct reg_threadproc *tp);

/* Local time, "2026-01-31 12:00:00"; "" for 0. */
const char *show_time(uint64_t ns, char text[SHOW_TEXT_SIZE]);

/* CLOCK_REALTIME in nanoseconds, as times of the registry are. */
uint64_t show_now(void);

/* "12 s", "5 min", "3 h", "2 days". */
const char *show_duration(uint64_t ns, char text[SHOW_TEXT_SIZE]);

/* "0.2 s", "3.2 s", from 100 seconds on as show_duration. */
const char *show_seconds(uint64_t ns, char text[SHOW_TEXT_SIZE]);

/* "12 s ago", counted from now. */
const char *show_ago(uint64_t ns, char text[SHOW_TEXT_SIZE]);

/* "512 B", "1.2 MiB", "83 MiB". */
const char *show_bytes(uint64_t bytes, char text[SHOW_TEXT_SIZE]);

/* "SIGINT"; "signal 34" for one without a name. */
const char *show_signal(int number, char text[SHOW_TEXT_SIZE]);

/* What a descriptor is (enum tp_fd_kind): "file", "pipe". */
const char *show_fd_kind(uint32_t kind);

/* UTC, "2026-01-31T12:00:00.123456789Z"; null for 0. */
json_t *show_json_time(uint64_t ns);

/* {"id":, "name":, "pid":, "state":, "exit":, "end":}: who it is, for use within others. */
json_t *show_json_who(const struct reg_threadproc *tp);

/* The threadproc of that number; NULL when it is not on record (any more). */
const struct reg_threadproc *show_by_id(const struct snapshot *snapshot, uint32_t id);

/* null, or {"code": "exited", "status": 0}, or {"code": "killed", "signal": 15, ...}. */
json_t *show_json_exit(const struct reg_threadproc *tp);

/* Answers with the GDB command that shows the same (several: one a line). */
int show_gdb(struct session *session, const char *command, struct err *err);

/* Records of threadprocs, borrowed from the snapshot. */
struct show_selection {
	const struct reg_threadproc **list;
	size_t count;
};

/*
 * Those in use that word means (an id or a name; NULL: all), ascending by id.  ERR_NOT_FOUND
 * when word means none.  The caller frees list.
 */
int show_select(const struct snapshot *snapshot, const char *word,
                struct show_selection *ret_selection, struct err *err);

/* What is wrong with a record, on err_out: nothing with --json, where it is a field. */
void show_health(struct session *session, const char *what, uint32_t number,
                 const struct reg_health *health);
json_t *show_json_problem(const struct reg_health *health);

#endif
