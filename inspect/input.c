#include "inspect/input.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

int input_open(struct input *input, struct session *session, struct err *err)
{
	*input = (struct input){.session = session, .fd = -1};
	if (!session->input)
		return err_set(err, ERR_USAGE, "there is no input to read addresses from");
	if (session->input_shared || fileno(session->input) < 0)
		return 0;
	input->fd = fileno(session->input);
	input->buffer = malloc(INPUT_SIZE);
	return input->buffer ? 0 : err_os(err, ENOMEM, "input");
}

void input_close(struct input *input)
{
	free(input->buffer);
	*input = (struct input){.fd = -1};
}

static int failed(struct input *input, struct err *err)
{
	if (session_interrupted(input->session))
		return session_stopped(err);
	return err_os(err, errno, "cannot read addresses");
}

/* ---- Line by line -------------------------------------------------------- */

static int wait_line(struct input *input, struct err *err)
{
	FILE *file = input->session->input;
	ssize_t len;

	errno = 0;
	len = getline(&input->buffer, &input->size, file);
	if (len < 0)
		return ferror(file) || session_interrupted(input->session) ? failed(input, err) : 0;
	input->session->line_number += input->session->line_number != 0;
	input->begin = 0;
	input->end = input->usable = (size_t)len;
	if (!input->session->input_shared)
		return 1;
	return strspn(input->buffer, " \t\r\n") < (size_t)len;
}

/* ---- By the block -------------------------------------------------------- */

/* What there is; 0 at the end. */
static ssize_t read_some(struct input *input)
{
	struct pollfd readable = {.fd = input->fd, .events = POLLIN};

	for (;;) {
		ssize_t got = read(input->fd, input->buffer + input->end, INPUT_SIZE - input->end);

		if (got >= 0 || session_interrupted(input->session))
			return got;
		if (errno == EAGAIN)
			poll(&readable, 1, -1);
		else if (errno != EINTR)
			return got;
	}
}

/* Whole lines only, but for the last, and for one that fills all there is. */
static size_t usable(const struct input *input)
{
	const char *last = memrchr(input->buffer, '\n', input->end);

	if (input->at_end || (!last && input->end == INPUT_SIZE))
		return input->end;
	return last ? (size_t)(last + 1 - input->buffer) : 0;
}

static int wait_block(struct input *input, struct err *err)
{
	memmove(input->buffer, input->buffer + input->begin, input->end - input->begin);
	input->end -= input->begin;
	input->begin = input->usable = 0;
	while (!input->usable && !input->at_end) {
		ssize_t got = read_some(input);

		if (got < 0)
			return failed(input, err);
		input->end += (size_t)got;
		input->at_end = !got;
		input->usable = usable(input);
	}
	return input->usable != 0;
}

int input_wait(struct input *input, struct err *err)
{
	return input->fd >= 0 ? wait_block(input, err) : wait_line(input, err);
}

bool input_line(struct input *input, char **ret_line, size_t *ret_len)
{
	char *line = input->buffer + input->begin;
	size_t left = input->usable - input->begin;
	const char *newline;

	if (!left)
		return false;
	newline = memchr(line, '\n', left);
	*ret_line = line;
	*ret_len = newline ? (size_t)(newline - line) : left;
	input->begin += *ret_len + (newline != NULL);
	return true;
}
