/*
 * restart.h - whether a program that crashed is launched again, and when.
 *
 * It waits a tenth of a second first, twice as long each time, half a minute at most; a program
 * that ran for longer than that has earned a fresh start.
 */
#ifndef TPROC_CLIENT_RESTART_H
#define TPROC_CLIENT_RESTART_H

#include <stdbool.h>
#include <stdint.h>

/* Zeros at first. */
struct restart {
	int64_t launched_ns;
	int64_t pause_ms;
};

void restart_launched(struct restart *restart);

/*
 * Waits, then says whether to go on: when *signo, which ended the program, is that of a crash.  A
 * signal that ends programs and comes meanwhile ends this one: then *signo is that.
 */
bool restart_wanted(struct restart *restart, int signal_fd, const char *program, int *signo);

#endif
