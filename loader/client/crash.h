/*
 * crash.h - what tprun does when its program crashes.
 *
 * The thread that crashed is held meanwhile (WIRE_HOLD_CRASH).  tprun knows nothing of memory and
 * symbols: it runs tpinspect, which does, and gives it so much time and no more.
 */
#ifndef TPROC_CLIENT_CRASH_H
#define TPROC_CLIENT_CRASH_H

#include "loader/client/launch.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum crash_report {
	CRASH_REPORT_NONE = 0,
	CRASH_REPORT_SHORT,
	CRASH_REPORT_FULL,
};

/* After the report. */
enum crash_then {
	CRASH_THEN_END = 0,
	CRASH_THEN_CORE,       /* a core of the component is written, then it ends */
	CRASH_THEN_WAIT,       /* it is held until somebody lets go of it */
	CRASH_THEN_STOP_SPACE, /* likewise, and all others in the space are stopped */
	CRASH_THEN_RESTART,    /* it ends, and is launched again */
};

struct crash_policy {
	enum crash_report report;
	enum crash_then then;
};

/* Of the word behind --on-crash=; false when there is none such.  "report" leaves then alone. */
bool crash_policy_parse(const char *word, struct crash_policy *policy);

/* The flags (enum wire_launch_flags) of a launch with that policy. */
uint32_t crash_policy_flags(const struct crash_policy *policy);

/* One crash, from WIRE_CRASHED on. */
struct crash {
	const struct crash_policy *policy;
	const char *space;
	const struct launched *launched;
	int sock;         /* borrowed */
	bool seen;        /* the server told of it */
	bool held;        /* the thread stands where it crashed */
	pid_t looker;     /* tpinspect; 0: none */
	int looker_fd;    /* its pidfd; -1: none */
	int64_t until_ns; /* it gets no more time */
};

void crash_init(struct crash *crash, const struct crash_policy *policy, const char *space,
                const struct launched *launched, int sock);

/* It crashed: starts what is to be done about it.  Without tpinspect that is less. */
void crash_begin(struct crash *crash);

/* Milliseconds until crash_step has to be called, as poll(2) takes them. */
int crash_patience(const struct crash *crash);

/* looker_fd is readable, or patience is over: goes on. */
void crash_step(struct crash *crash);

/*
 * A signal came that tprun would pass on.  True when it was meant for us: one that ends programs
 * ends the wait.
 */
bool crash_takes_signal(struct crash *crash, int signo);

/*
 * That signal ended the program.  Says so when a report was asked for and there was none: it was
 * not in the space any more (execve), or left itself no way to record anything.
 */
void crash_tell_missing(const struct crash *crash, int signo);

/* The program has ended.  tpinspect may take what is left of its time to say what it found. */
void crash_finish(struct crash *crash);

/* The end, whatever goes on still. */
void crash_deinit(struct crash *crash);

#endif
