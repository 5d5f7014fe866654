#include "inspect/pager.h"

#include "inspect/child.h"

#include "lib/base/cleanup.h"
#include "lib/base/out.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct pager {
	const char *command;
	FILE *terminal;
	FILE *stream;
	struct pager_position end; /* of what is held */
	size_t rows;               /* of the screen */
	char *held;
	size_t len;
	size_t size;
	bool direct;  /* nothing is held any more: it goes to reader, or the terminal */
	bool *shared; /* is cleared when the reader has the terminal */
	FILE *reader;
	pid_t pid;
};

/* ---- The screen ----------------------------------------------------------- */

void pager_move(struct pager_position *position, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (position->in_escape) {
			position->in_escape = !(c >= '@' && c <= '~' && c != '[');
		} else if (c == '\033') {
			position->in_escape = true;
		} else if (c == '\n') {
			position->row++;
			position->column = 0;
		} else if ((c & 0xc0) != 0x80) { /* not within a character */
			if (position->column == position->columns) {
				position->row++;
				position->column = 0;
			}
			position->column++;
		}
	}
}

static void measure(struct pager *pager)
{
	struct winsize window = {0};

	if (ioctl(fileno(pager->terminal), TIOCGWINSZ, &window))
		window.ws_row = 0;
	pager->rows = window.ws_row ? window.ws_row : 24;
	pager->end.columns = window.ws_col ? window.ws_col : 80;
}

/* ---- The pager ------------------------------------------------------------ */

/* As git does: with PAGER=less, colours are shown and a short text is left on the screen. */
static int start_command(struct pager *pager, struct err *err)
{
	AUTO_FREE char *command = NULL;

	if (asprintf(&command, "LESS=${LESS-FRX}; export LESS; %s", pager->command) < 0) {
		command = NULL; /* undefined after a failure */
		return err_os(err, ENOMEM, "pager");
	}
	return child_shell(command, &pager->pid, &pager->reader, err);
}

/* Without one, it all goes to the terminal. */
static void start(struct pager *pager)
{
	static char *const less[] = {"less", "-FRX", NULL};
	struct err ignored;
	int ret;

	fflush(pager->terminal);
	pager->direct = true;
	if (pager->command)
		ret = start_command(pager, &ignored);
	else
		ret = child_start(less, &pager->pid, &pager->reader, &ignored);
	*pager->shared = ret != 0;
}

static bool pass_on(struct pager *pager, const char *text, size_t len)
{
	return fwrite(text, 1, len, pager->reader ? pager->reader : pager->terminal) == len;
}

/* What was held has been shown, whether that went well or not. */
static bool pass_on_held(struct pager *pager)
{
	size_t len = pager->len;

	pager->len = 0;
	return !len || pass_on(pager, pager->held, len);
}

static bool hold(struct pager *pager, const char *text, size_t len)
{
	if (pager->size - pager->len < len) {
		size_t size = (pager->len + len) * 2;
		char *grown = realloc(pager->held, size);

		if (!grown)
			return false;
		pager->held = grown;
		pager->size = size;
	}
	memcpy(pager->held + pager->len, text, len);
	pager->len += len;
	pager_move(&pager->end, text, len);
	/* one row is the prompt's */
	return pager->end.row + (pager->end.column > 0) < pager->rows;
}

static ssize_t on_write(void *cookie, const char *text, size_t len)
{
	struct pager *pager = cookie;
	size_t held = pager->len;

	if (pager->direct)
		return pass_on(pager, text, len) ? (ssize_t)len : 0;
	if (hold(pager, text, len))
		return (ssize_t)len;
	start(pager);
	if (pager->len == held) { /* there was no room for it */
		if (!pass_on_held(pager))
			return 0;
		return pass_on(pager, text, len) ? (ssize_t)len : 0;
	}
	return pass_on_held(pager) ? (ssize_t)len : 0;
}

int pager_open(const char *command, FILE *terminal, bool *shared, struct pager **ret_pager,
               FILE **ret_stream, struct err *err)
{
	const cookie_io_functions_t functions = {.write = on_write};
	AUTO_FREE struct pager *pager = calloc(1, sizeof(*pager));

	if (!pager)
		return err_os(err, ENOMEM, "pager");
	pager->command = command;
	pager->terminal = terminal;
	pager->shared = shared;
	measure(pager);
	pager->stream = fopencookie(pager, "w", functions);
	if (!pager->stream)
		return err_os(err, ENOMEM, "pager");
	*ret_stream = pager->stream;
	*ret_pager = TAKE_PTR(pager);
	return 0;
}

bool pager_close(struct pager *pager)
{
	bool whole = !ferror(pager->stream);

	whole &= !fclose(pager->stream);
	if (!pager->direct)
		whole &= pass_on_held(pager);
	if (pager->reader) {
		whole &= !fclose(pager->reader);
		child_wait(pager->pid);
	}
	free(pager->held);
	free(pager);
	return whole;
}

bool pager_wanted(const char **ret_command)
{
	const char *command = getenv("PAGER");

	if (!out_has_sequences(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return false;
	if (command && (!*command || !strcmp(command, "cat")))
		return false;
	*ret_command = command;
	return true;
}
