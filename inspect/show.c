#include "inspect/show.h"

#include "inspect/nearest.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

const char *show_signal(int number, char text[SHOW_TEXT_SIZE])
{
	const char *name = sigabbrev_np(number);

	if (name)
		snprintf(text, SHOW_TEXT_SIZE, "SIG%s", name);
	else
		snprintf(text, SHOW_TEXT_SIZE, "signal %d", number);
	return text;
}

const char *show_fd_kind(uint32_t kind)
{
	static const char *const names[] = {
		[TP_FD_OTHER] = "other",   [TP_FD_FILE] = "file",   [TP_FD_DIR] = "directory",
		[TP_FD_CHAR] = "char",     [TP_FD_BLOCK] = "block", [TP_FD_PIPE] = "pipe",
		[TP_FD_SOCKET] = "socket", [TP_FD_TTY] = "tty",     [TP_FD_ANON] = "anon",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

const char *show_state(const struct reg_threadproc *tp, char text[SHOW_TEXT_SIZE])
{
	char signal[SHOW_TEXT_SIZE];
	const char *verb;

	switch (tp->abi.exit_code) {
	case CLD_EXITED:
		snprintf(text, SHOW_TEXT_SIZE, "exited %" PRId32, tp->abi.exit_status);
		break;
	case CLD_KILLED:
	case CLD_DUMPED:
		verb = tp->abi.state == TP_STATE_CRASHED ? "crashed" : "killed";
		snprintf(text, SHOW_TEXT_SIZE, "%s %.40s", verb,
		         show_signal(tp->abi.exit_status, signal));
		break;
	default:
		snprintf(text, SHOW_TEXT_SIZE, "%s", reg_state_name(tp->abi.state));
		break;
	}
	return text;
}

enum out_style show_state_style(const struct reg_threadproc *tp)
{
	switch (tp->abi.state) {
	case TP_STATE_STARTING:
	case TP_STATE_RUNNING:
		return OUT_GREEN;
	case TP_STATE_STOPPED:
		return OUT_YELLOW;
	case TP_STATE_CRASHED:
		return OUT_RED;
	default:
		return OUT_DIM;
	}
}

void show_who(struct session *session, const struct reg_threadproc *tp)
{
	char state[SHOW_TEXT_SIZE];

	out_text(session->out, tp->abi.name);
	fprintf(session->out, " (id %" PRIu32 ", pid %" PRId32, tp->abi.id, tp->abi.pid);
	if (!tp->abi.end_ns)
		fprintf(session->out, ", %s", show_state(tp, state));
	fputc(')', session->out);
}

const char *show_time(uint64_t ns, char text[SHOW_TEXT_SIZE])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (!ns || !localtime_r(&seconds, &tm) ||
	    !strftime(text, SHOW_TEXT_SIZE, "%Y-%m-%d %H:%M:%S", &tm))
		text[0] = '\0';
	return text;
}

uint64_t show_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

const char *show_duration(uint64_t ns, char text[SHOW_TEXT_SIZE])
{
	uint64_t seconds = ns / NS_PER_S;

	if (seconds < 120)
		snprintf(text, SHOW_TEXT_SIZE, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		snprintf(text, SHOW_TEXT_SIZE, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 172800)
		snprintf(text, SHOW_TEXT_SIZE, "%" PRIu64 " h", seconds / 3600);
	else
		snprintf(text, SHOW_TEXT_SIZE, "%" PRIu64 " days", seconds / 86400);
	return text;
}

const char *show_seconds(uint64_t ns, char text[SHOW_TEXT_SIZE])
{
	if (ns >= 100 * NS_PER_S)
		return show_duration(ns, text);
	snprintf(text, SHOW_TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " s", ns / NS_PER_S,
	         ns / (NS_PER_S / 10) % 10);
	return text;
}

const char *show_ago(uint64_t ns, char text[SHOW_TEXT_SIZE])
{
	uint64_t now = show_now();

	show_duration(now > ns ? now - ns : 0, text);
	strncat(text, " ago", SHOW_TEXT_SIZE - strlen(text) - 1);
	return text;
}

const char *show_bytes(uint64_t bytes, char text[SHOW_TEXT_SIZE])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1024;
		unit++;
	}
	snprintf(text, SHOW_TEXT_SIZE, "%.*f %s", unit && value < 10 ? 1 : 0, value, units[unit]);
	return text;
}

json_t *show_json_time(uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	char text[SHOW_TEXT_SIZE];
	struct tm tm;

	if (!ns || !gmtime_r(&seconds, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		return json_null();
	return json_sprintf("%s.%09uZ", text, (unsigned)(ns % NS_PER_S));
}

const struct reg_threadproc *show_by_id(const struct snapshot *snapshot, uint32_t id)
{
	for (size_t i = 1; id && i < snapshot->threadproc_count; i++) {
		const struct reg_threadproc *tp = &snapshot->threadprocs[i];

		if (tp->abi.state != TP_STATE_NONE && tp->abi.id == id)
			return tp;
	}
	return NULL;
}

json_t *show_json_exit(const struct reg_threadproc *tp)
{
	char signal[SHOW_TEXT_SIZE];

	switch (tp->abi.exit_code) {
	case CLD_EXITED:
		return json_pack("{s:s, s:i}", "code", "exited", "status",
		                 (int)tp->abi.exit_status);
	case CLD_KILLED:
	case CLD_DUMPED:
		return json_pack("{s:s, s:i, s:s, s:b}", "code", "killed", "signal",
		                 (int)tp->abi.exit_status, "signal_name",
		                 show_signal(tp->abi.exit_status, signal), "core_dumped",
		                 tp->abi.exit_code == CLD_DUMPED);
	default:
		return json_null();
	}
}

json_t *show_json_who(const struct reg_threadproc *tp)
{
	return json_pack("{s:I, s:o, s:i, s:s, s:o, s:o}", "id", (json_int_t)tp->abi.id, "name",
	                 out_json_text(tp->abi.name), "pid", (int)tp->abi.pid, "state",
	                 reg_state_name(tp->abi.state), "exit", show_json_exit(tp), "end",
	                 show_json_time(tp->abi.end_ns));
}

/* Escaped, but for backslashes and ends of lines: as it is to be typed. */
static int print_command(FILE *out, const char *command, struct err *err)
{
	while (*command) {
		size_t len = strcspn(command, "\\\n");
		AUTO_FREE char *piece = strndup(command, len);

		if (!piece)
			return err_os(err, ENOMEM, "answer");
		out_text(out, piece);
		command += len;
		if (*command)
			fputc(*command++, out);
	}
	fputc('\n', out);
	return 0;
}

int show_gdb(struct session *session, const char *command, struct err *err)
{
	json_t *text;

	if (!session->json)
		return print_command(session->out, command, err);
	text = json_string(command); /* NULL when it is no UTF-8 */
	return session_print_json(
		session, json_pack("{s:o}", "gdb", text ? text : out_json_text(command)), err);
}

static bool is_meant(const struct reg_threadproc *tp, const char *word)
{
	char id[16];

	if (tp->abi.state == TP_STATE_NONE)
		return false;
	if (!word || !strcmp(word, tp->abi.name))
		return true;
	snprintf(id, sizeof(id), "%" PRIu32, tp->abi.id);
	return !strcmp(word, id);
}

static int nobody(const struct snapshot *snapshot, const char *word, struct err *err)
{
	struct nearest nearest;

	nearest_init(&nearest, word);
	for (size_t i = 0; i < snapshot->threadproc_count; i++) {
		if (snapshot->threadprocs[i].abi.state != TP_STATE_NONE)
			nearest_consider(&nearest, snapshot->threadprocs[i].abi.name);
	}
	if (nearest_found(&nearest))
		return err_set(err, ERR_NOT_FOUND, "no threadproc %s; did you mean '%s'?", word,
		               nearest_found(&nearest));
	return err_set(err, ERR_NOT_FOUND, "no threadproc %s; 'list' shows them", word);
}

static int by_id(const void *a, const void *b)
{
	const struct reg_threadproc *x = *(const struct reg_threadproc *const *)a;
	const struct reg_threadproc *y = *(const struct reg_threadproc *const *)b;

	return (x->abi.id > y->abi.id) - (x->abi.id < y->abi.id);
}

int show_select(const struct snapshot *snapshot, const char *word,
                struct show_selection *ret_selection, struct err *err)
{
	const struct reg_threadproc **list;
	size_t count = 0;

	list = calloc(snapshot->threadproc_count + 1, sizeof(*list));
	if (!list)
		return err_os(err, ENOMEM, "list of threadprocs");
	for (size_t i = 0; i < snapshot->threadproc_count; i++) {
		if (is_meant(&snapshot->threadprocs[i], word))
			list[count++] = &snapshot->threadprocs[i];
	}
	if (word && !count) {
		free(list);
		return nobody(snapshot, word, err);
	}
	qsort(list, count, sizeof(*list), by_id);
	*ret_selection = (struct show_selection){list, count};
	return 0;
}

void show_health(struct session *session, const char *what, uint32_t number,
                 const struct reg_health *health)
{
	if (session->json)
		return;
	if (*health->problem) {
		fprintf(session->err_out, "tpinspect: %s %" PRIu32 ": ", what, number);
		out_text(session->err_out, health->problem);
		fputc('\n', session->err_out);
	}
	if (health->unstable)
		fprintf(session->err_out,
		        "tpinspect: %s %" PRIu32 ": was being written; may be inconsistent\n", what,
		        number);
}

json_t *show_json_problem(const struct reg_health *health)
{
	if (*health->problem)
		return out_json_text(health->problem);
	return health->unstable ? json_string("was being written") : json_null();
}
