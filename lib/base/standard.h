/*
 * standard.h - the three standard descriptors of a command.
 */
#ifndef TPROC_BASE_STANDARD_H
#define TPROC_BASE_STANDARD_H

/*
 * What is closed of them is taken, so that no file that is opened later gets its place, and with it what
 * was meant for the user.  Using it fails as before, with EBADF.
 */
void standard_fill(void);

/*
 * From here on exit() fails with that status, and says why, when what was written to standard output
 * did not arrive: for --help and the like, at which argp ends the program.  program is kept.
 */
void standard_watch_output(const char *program, int status);

/* Whoever calls this sees to it himself. */
void standard_unwatch_output(void);

#endif
