/* threads: what each thread does, and what it waits for; nothing is stopped. */
#include "inspect/brief.h"
#include "inspect/identities.h"
#include "inspect/pick.h"
#include "inspect/show.h"
#include "inspect/syscalls.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/read/wait.h"

#include <errno.h>
#include <inttypes.h>

/* All that is known of one. */
struct seen {
	const struct pick *pick;
	struct thread_info info;
	struct wait wait;
	bool has_file;
	struct open_file file; /* WAIT_FD */
};

static void look(const struct target *target, const struct pick *pick, struct seen *ret_seen)
{
	struct seen seen = {.pick = pick};
	struct err err;

	if (target_thread_info(target, pick->tp, pick->thread.tid, &seen.info, &err))
		seen.info.tid = pick->thread.tid;
	wait_find(target, &seen.info, &seen.wait);
	if (seen.wait.kind == WAIT_FD)
		seen.has_file = !target_file(target, pick->tp, seen.wait.fd, &seen.file, &err);
	*ret_seen = seen;
}

static void forget(struct seen *seen)
{
	if (seen->has_file)
		open_file_deinit(&seen->file);
}

static const char *state_word(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "uninterruptible";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
	case 'X':
		return "ending";
	case 'I':
		return "idle";
	default:
		return "unknown";
	}
}

/* Name of a thread in the same answer or not; "" when it cannot be had. */
static void holder_name(const struct target *target, const struct wait *wait,
                        struct thread_info *ret_info)
{
	struct err err;

	if (target_thread_info(target, wait->holder, wait->holder_tid, ret_info, &err))
		*ret_info = (struct thread_info){0};
}

/* ---- Text ---------------------------------------------------------------- */

enum { ID, NAME, STATE, CPU, WAITS };

static const struct out_column columns[] = {
	[ID] = {"THREAD", true}, [NAME] = {"NAME", false},       [STATE] = {"STATE", false},
	[CPU] = {"CPU", true},   [WAITS] = {"WAITS FOR", false},
};

static void print_call(FILE *out, long number)
{
	const char *name = syscall_name(number);

	if (name)
		fputs(name, out);
	else
		fprintf(out, "system call %ld", number);
}

static void print_holder(FILE *out, const struct target *target, const struct wait *wait)
{
	struct thread_info holder;

	if (wait->how == HOLDER_NONE)
		return;
	holder_name(target, wait, &holder);
	fprintf(out,
	        wait->how == HOLDER_JOIN ? ", the end of %" PRIu32 ".%d"
	                                 : ", a mutex that %" PRIu32 ".%d holds",
	        wait->holder->abi.id, (int)wait->holder_tid);
	if (*holder.name)
		fprintf(out, " (%s)", holder.name);
}

static void print_wait(FILE *out, const struct target *target, const struct seen *seen)
{
	const struct wait *wait = &seen->wait;
	struct identity id;

	if (wait->kind == WAIT_NONE)
		return;
	print_call(out, wait->number);
	if (wait->kind == WAIT_FUTEX) {
		identify(target, wait->word, &id);
		fprintf(out, " 0x%" PRIx64 " ", wait->word);
		brief_text(out, &id);
		print_holder(out, target, wait);
	} else if (wait->kind == WAIT_FD) {
		fprintf(out, " %d", wait->fd);
		if (seen->has_file)
			fprintf(out, " %s", seen->file.target);
	}
}

static char *wait_text(const struct target *target, const struct seen *seen)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	print_wait(out, target, seen);
	fclose(out);
	return text;
}

static void add_row(struct out_table *table, const struct target *target, const struct seen *seen)
{
	AUTO_FREE char *waits = wait_text(target, seen);
	const struct thread_info *info = &seen->info;

	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32 ".%d", seen->pick->tp->abi.id, (int)info->tid);
	out_table_cell(table, NAME, "%s", info->name);
	out_table_cell(table, STATE, "%s", state_word(info->state));
	if (info->state == 'R')
		out_table_style(table, STATE, OUT_GREEN);
	if (info->has_times)
		out_table_cell(table, CPU, "%.2f s",
		               (double)(info->user_ns + info->system_ns) / 1e9);
	out_table_cell(table, WAITS, "%s", waits ? waits : "");
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *call_json(const struct thread_place *place)
{
	const char *name = syscall_name(place->number);
	json_t *args = json_array();

	if (place->at != THREAD_IN_CALL) {
		json_decref(args);
		return json_null();
	}
	for (size_t i = 0; i < sizeof(place->args) / sizeof(place->args[0]); i++)
		json_array_append_new(args, out_json_hex(place->args[i]));
	return json_pack("{s:I, s:o, s:o}", "number", (json_int_t)place->number, "name",
	                 name ? json_string(name) : json_null(), "args", args);
}

static json_t *holder_json(const struct target *target, const struct wait *wait)
{
	struct thread_info holder;

	if (wait->how == HOLDER_NONE)
		return json_null();
	holder_name(target, wait, &holder);
	return json_pack("{s:s, s:o, s:i, s:o}", "how", wait->how == HOLDER_JOIN ? "join" : "mutex",
	                 "threadproc", show_json_who(wait->holder), "tid", (int)wait->holder_tid,
	                 "name", out_json_text(holder.name));
}

static json_t *wait_json(const struct target *target, const struct seen *seen)
{
	const struct wait *wait = &seen->wait;
	struct identity id;

	switch (wait->kind) {
	case WAIT_FUTEX:
		identify(target, wait->word, &id);
		return json_pack("{s:s, s:o, s:o, s:o}", "kind", "futex", "value",
		                 wait->has_value ? out_json_hex(wait->value) : json_null(), "word",
		                 identities_json_brief(&id), "holder", holder_json(target, wait));
	case WAIT_FD:
		return json_pack("{s:s, s:i, s:o}", "kind", "descriptor", "fd", wait->fd, "target",
		                 seen->has_file ? out_json_text(seen->file.target) : json_null());
	default:
		return json_null();
	}
}

static json_t *times_json(const struct thread_info *info)
{
	if (!info->has_times)
		return json_null();
	return json_pack("{s:I, s:I}", "user_ns", (json_int_t)info->user_ns, "system_ns",
	                 (json_int_t)info->system_ns);
}

static json_t *address_json(uint64_t addr)
{
	return addr ? out_json_hex(addr) : json_null();
}

static json_t *thread_json(const struct target *target, const struct seen *seen)
{
	const struct thread_info *info = &seen->info;

	return json_pack("{s:o, s:i, s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	                 "threadproc", show_json_who(seen->pick->tp), "tid", (int)info->tid, "name",
	                 *info->name ? out_json_text(info->name) : json_null(), "main",
	                 info->tid == seen->pick->tp->abi.pid, "state", state_word(info->state),
	                 "cpu", times_json(info), "kernel_function",
	                 *info->wchan ? out_json_text(info->wchan) : json_null(), "sp",
	                 address_json(info->place.sp), "pc", address_json(info->place.pc),
	                 "system_call", call_json(&info->place), "waits_for",
	                 wait_json(target, seen), "tracer",
	                 info->tracer ? json_integer(info->tracer) : json_null());
}

/* ---- The verb ------------------------------------------------------------ */

static int answer_json(struct session *session, const struct picks *picks, struct err *err)
{
	const struct target *target = session_target(session);
	json_t *all = json_array();

	for (size_t i = 0; i < picks->count; i++) {
		struct seen seen;
		int failed;

		look(target, &picks->list[i], &seen);
		failed = json_array_append_new(all, thread_json(target, &seen));
		forget(&seen);
		if (failed) {
			json_decref(all);
			return session_print_json(session, NULL, err);
		}
	}
	return session_print_json(session, json_pack("{s:o}", "threads", all), err);
}

static int answer_text(struct session *session, const struct picks *picks, struct err *err)
{
	const struct target *target = session_target(session);
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < picks->count; i++) {
		struct seen seen;

		look(target, &picks->list[i], &seen);
		add_row(table, target, &seen);
		forget(&seen);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct picks picks;
	int ret;

	if (pick_threads(session_target(session), args->words[0], &picks, err))
		return -1;
	ret = session->json ? answer_json(session, &picks, err) : answer_text(session, &picks, err);
	picks_deinit(&picks);
	return ret;
}

const struct verb verb_threads = {
	.name = "threads",
	.usage = "[ID[.TID]]",
	.help = "threads, their state and what they wait for",
	.details = "A thread that waits at a lock shows whose memory the lock is in, and which\n"
		   "thread holds it if it is a mutex of the C library.\n"
		   "One that waits for a descriptor shows what that is.\n"
		   "Nothing is stopped: each is as it was when it was looked at.\n",
	.example = "threads allocstr",
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
