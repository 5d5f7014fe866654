#include "lib/read/thread_info.h"

#include "lib/base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The text of a file of the thread's, terminated; false when it cannot be read. */
static bool read_text(pid_t pid, pid_t tid, const char *name, char *text, size_t size)
{
	AUTO_CLOSE int fd = -1;
	char path[80];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, size - 1);
	if (got < 0)
		return false;
	text[got] = '\0';
	return true;
}

/*
 * The file says "running", "-1 SP PC" (blocked, but in no system call), or
 * "NR ARG0 .. ARG5 SP PC".
 */
void thread_place_parse(const char *text, struct thread_place *ret_place)
{
	struct thread_place place = {0};
	uint64_t *a = place.args;

	*ret_place = place;
	if (!strncmp(text, "running", 7)) {
		ret_place->at = THREAD_RUNS;
		return;
	}
	if (sscanf(text, "-1 %" SCNx64 " %" SCNx64, &place.sp, &place.pc) == 2) {
		place.at = THREAD_IN_KERNEL;
		*ret_place = place;
		return;
	}
	if (sscanf(text,
	           "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
	           " %" SCNx64 " %" SCNx64,
	           &place.number, a, a + 1, a + 2, a + 3, a + 4, a + 5, &place.sp, &place.pc) != 9)
		return;
	place.at = THREAD_IN_CALL;
	*ret_place = place;
}

void thread_place_read(pid_t pid, pid_t tid, struct thread_place *ret_place)
{
	char text[256];

	*ret_place = (struct thread_place){0};
	if (read_text(pid, tid, "syscall", text, sizeof(text)))
		thread_place_parse(text, ret_place);
}

/* "TID (NAME) STATE ..."; a name may have anything in it, parentheses too. */
static bool read_stat(pid_t pid, pid_t tid, struct thread_info *info)
{
	const uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t user, system;
	char text[1024];
	const char *rest;

	if (!read_text(pid, tid, "stat", text, sizeof(text)))
		return false;
	rest = strrchr(text, ')');
	if (!rest ||
	    sscanf(rest, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
	           &info->state, &user, &system) != 3)
		return true;
	info->has_times = ticks > 0;
	if (info->has_times) {
		info->user_ns = user * (UINT64_C(1000000000) / ticks);
		info->system_ns = system * (UINT64_C(1000000000) / ticks);
	}
	return true;
}

static void read_name(pid_t pid, pid_t tid, struct thread_info *info)
{
	if (!read_text(pid, tid, "comm", info->name, sizeof(info->name)))
		info->name[0] = '\0';
	info->name[strcspn(info->name, "\n")] = '\0';
}

static void read_wchan(pid_t pid, pid_t tid, struct thread_info *info)
{
	/* "0" stands for nothing */
	if (!read_text(pid, tid, "wchan", info->wchan, sizeof(info->wchan)) ||
	    !strcmp(info->wchan, "0"))
		info->wchan[0] = '\0';
}

static bool find_set(const char *text, const char *label, uint64_t *ret_set)
{
	const char *line = strstr(text, label);

	return line && sscanf(line + strlen(label), " %" SCNx64, ret_set) == 1;
}

static void read_status(pid_t pid, pid_t tid, struct thread_info *info)
{
	char text[4096];
	const char *tracer;

	if (!read_text(pid, tid, "status", text, sizeof(text)))
		return;
	info->has_signals = find_set(text, "\nSigPnd:", &info->pending) &&
	                    find_set(text, "\nSigBlk:", &info->blocked);
	info->has_actions = find_set(text, "\nShdPnd:", &info->process_pending) &&
	                    find_set(text, "\nSigIgn:", &info->ignored) &&
	                    find_set(text, "\nSigCgt:", &info->caught);
	tracer = strstr(text, "\nTracerPid:");
	if (tracer)
		sscanf(tracer, " TracerPid: %d", &info->tracer);
}

int thread_info_read(pid_t pid, pid_t tid, struct thread_info *ret_info, struct err *err)
{
	struct thread_info info = {.tid = tid};

	if (!read_stat(pid, tid, &info))
		return err_set(err, ERR_NOT_FOUND, "thread %d is gone", (int)tid);
	read_name(pid, tid, &info);
	read_wchan(pid, tid, &info);
	read_status(pid, tid, &info);
	thread_place_read(pid, tid, &info.place);
	*ret_info = info;
	return 0;
}
