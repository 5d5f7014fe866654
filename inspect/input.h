/*
 * input.h - lines that a verb reads from where commands could come from too.
 */
#ifndef TPROC_INSPECT_INPUT_H
#define TPROC_INSPECT_INPUT_H

#include "inspect/session.h"

#include <stddef.h>

/* A longer line is taken for several. */
#define INPUT_SIZE ((size_t)256 << 10)

struct input {
	struct session *session;
	int fd;        /* read from directly; -1: line by line from session->input */
	char *buffer;  /* INPUT_SIZE bytes, or getline's */
	size_t size;   /* getline's */
	size_t begin;  /* of what was not handed out yet */
	size_t end;    /* of what was read */
	size_t usable; /* of what can be handed out: whole lines */
	bool at_end;
};

/* ERR_USAGE when there is nothing to read from. */
int input_open(struct input *input, struct session *session, struct err *err);
void input_close(struct input *input);

/*
 * Waits until there are lines.  Returns 1 then, 0 at the end (when commands come from there
 * too: at an empty line), -1 on failure and when the user wants the verb to stop.
 */
int input_wait(struct input *input, struct err *err);

/*
 * The next of the lines that are there, without its newline and not terminated; false when
 * there are no more.  Good until the next input_wait.
 */
bool input_line(struct input *input, char **ret_line, size_t *ret_len);

#endif
