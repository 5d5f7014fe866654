/*
 * The parent.  To the kernel it is the server; to the program it is whoever started tprun, as it
 * would be without tprun: getppid says so, and a signal that is to come at the parent's death
 * comes at the death of that process.
 */
#include "inspace.h"

#include <linux/fcntl.h>
#include <linux/prctl.h>

#define STAT_SIZE 128 /* more than goes before the number of the parent */
#define MAX_SIGNAL 64

/* A vfork child shares this memory, a forked one has a copy; both have parents of their own. */
static bool is_program(const struct slot *slot)
{
	return report_is_live(slot) && (uint32_t)sys0(__NR_getpid) == slot->pid;
}

/* "/proc/PID/stat" */
static void name_stat(uint32_t pid, char name[32])
{
	char digits[12];
	int count = 0;
	char *to = name;

	for (const char *from = "/proc/"; *from; from++)
		*to++ = *from;
	for (; pid; pid /= 10)
		digits[count++] = (char)('0' + pid % 10);
	while (count)
		*to++ = digits[--count];
	for (const char *from = "/stat"; *from; from++)
		*to++ = *from;
	*to = '\0';
}

/* The fourth field, behind the name in its parentheses; 0 when it is not there. */
static long parse_parent(const char *text)
{
	const char *at = 0;
	long pid = 0;

	for (; *text; text++)
		if (*text == ')')
			at = text;
	if (!at || at[1] != ' ' || !at[2] || at[3] != ' ')
		return 0;
	for (at += 4; *at >= '0' && *at <= '9'; at++)
		pid = pid * 10 + (*at - '0');
	return pid;
}

/* The launcher's parent, which can change; 0 when it cannot be known. */
static long launchers_parent(uint32_t launcher)
{
	char path[32];
	char text[STAT_SIZE];
	long fd;
	long n;

	name_stat(launcher, path);
	fd = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
	if (sys_failed(fd))
		return 0;
	n = sys3(__NR_read, fd, text, sizeof(text) - 1);
	sys1(__NR_close, fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return parse_parent(text);
}

long parent_pid(struct slot *slot, struct arch_call *call)
{
	/* The call is made in any case: a filter of the program's may have something to say. */
	long pid = arch_pass(call);
	long launchers;

	if (!slot->launcher || !is_program(slot))
		return pid;
	launchers = launchers_parent(slot->launcher);
	return launchers ? launchers : pid;
}

/*
 * The kernel's own signal at the parent's death stays what it is: it ties the program to its
 * server.  The launcher has it sent to itself and passes it on.
 */
long parent_prctl(struct slot *slot, struct arch_call *call)
{
	unsigned long signo = call->arg[1];

	if ((call->arg[0] != PR_SET_PDEATHSIG && call->arg[0] != PR_GET_PDEATHSIG) ||
	    !is_program(slot))
		return arch_pass(call);
	if (call->arg[0] == PR_GET_PDEATHSIG) {
		/* The kernel's way to say whether the pointer is one. */
		long result = arch_pass(call);

		if (!result)
			*(int32_t *)call->arg[1] = (int32_t)slot->death_signal;
		return result;
	}
	if (signo > MAX_SIGNAL)
		return -EINVAL;
	slot->death_signal = (uint32_t)signo;
	report_death_signal(slot);
	return 0;
}
