#include "lib/read/asleep.h"

#include "lib/base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
/* It is among the first lines. */
#define HEAD 1024

static bool read_head(const char *path, char text[HEAD])
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, HEAD - 1);

	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* "se.exec_start : 22638955.721736", in milliseconds since some moment of the processor's. */
static bool last_ran(const char *path, uint64_t *ret_ns)
{
	static const char label[] = "se.exec_start";
	char text[HEAD];
	const char *line;
	uint64_t ms;
	uint32_t below;

	if (!read_head(path, text))
		return false;
	line = strstr(text, label);
	if (!line || sscanf(line + strlen(label), " : %" SCNu64 ".%6" SCNu32, &ms, &below) != 2 ||
	    ms > UINT64_MAX / NS_PER_MS - 1)
		return false;
	*ret_ns = ms * NS_PER_MS + below;
	return true;
}

/* Field 39 of the line; a name may have anything in it, parentheses too. */
static bool processor_of(const char *path, int *ret_cpu)
{
	char text[HEAD];
	const char *at;

	if (!read_head(path, text))
		return false;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at && sscanf(at, "%d", ret_cpu) == 1 && *ret_cpu >= 0 && *ret_cpu < CPU_SETSIZE;
}

/* When we run there, that processor's clock stands at. */
static bool clock_of(int cpu, uint64_t *ret_ns)
{
	cpu_set_t before, there;
	bool known;

	CPU_ZERO(&there);
	CPU_SET(cpu, &there);
	if (sched_getaffinity(0, sizeof(before), &before) ||
	    sched_setaffinity(0, sizeof(there), &there))
		return false;
	known = last_ran("/proc/thread-self/sched", ret_ns);
	sched_setaffinity(0, sizeof(before), &before);
	return known;
}

int thread_asleep(pid_t pid, pid_t tid, uint64_t *ret_ns, struct err *err)
{
	char sched[64], stat[64];
	uint64_t then, again, now;
	int cpu;

	snprintf(sched, sizeof(sched), "/proc/%d/task/%d/sched", (int)pid, (int)tid);
	snprintf(stat, sizeof(stat), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	if (!last_ran(sched, &then) || !processor_of(stat, &cpu) || !clock_of(cpu, &now) ||
	    !last_ran(sched, &again))
		return err_set(err, ERR_NOT_FOUND, "when thread %d ran last is not known",
		               (int)tid);
	*ret_ns = then == again && now > then ? now - then : 0;
	return 0;
}
