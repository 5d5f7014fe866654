#include "inspect/repl.h"

#include "inspect/complete.h"
#include "inspect/history.h"
#include "inspect/interrupt.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <readline/history.h>
#include <readline/readline.h>

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Readline's hooks have no argument of ours: there is one prompt at a time. */
static struct {
	struct session *session;
	struct completion completion; /* of the word that is being completed */
	size_t next;                  /* of its candidates */
} prompt;

/* ---- Completion ---------------------------------------------------------- */

static void forget_completion(void)
{
	completion_deinit(&prompt.completion);
	prompt.completion = (struct completion){0};
}

/*
 * Asked first when something is to be completed.  Readline looks for the beginning of the word by
 * the characters that end one: here blanks, and what is before ours.
 */
static char *find_word(void)
{
	static char ends[4];
	AUTO_FREE char *line = strndup(rl_line_buffer, (size_t)rl_point);
	size_t start;

	forget_completion();
	strcpy(ends, " \t");
	if (!line)
		return ends;
	complete_line(prompt.session, line, &prompt.completion);
	start = prompt.completion.start;
	ends[2] = start ? line[start - 1] : '\0';
	ends[3] = '\0';
	return ends;
}

static char *next_candidate(const char *text, int state)
{
	const struct complete_list *list = &prompt.completion.list;

	if (!state)
		prompt.next = 0;
	return prompt.next < list->count ? strdup(list->words[prompt.next++]) : NULL;
}

static char **complete(const char *text, int start, int end)
{
	const struct completion *completion = &prompt.completion;
	const struct complete_list *list = &completion->list;

	rl_attempted_completion_over = !completion->file;
	/* A name that holds the character before it: readline would replace a part of it. */
	if (!list->count || (size_t)start != completion->start)
		return NULL;
	if (completion->within || (list->count == 1 && strchr(list->words[0], '=')))
		rl_completion_append_character = '\0';
	return rl_completion_matches(text, next_candidate);
}

/* ---- Signals ------------------------------------------------------------- */

static volatile sig_atomic_t continued;

static void on_continue(int signo)
{
	continued = 1;
}

/* Ctrl-C drops the line, as a shell does it; after Ctrl-Z and "fg" the line is shown again. */
static void see_to_signals(void)
{
	rl_check_signals();
	if (prompt.session->interrupted) {
		rl_replace_line("", 1);
		rl_crlf();
	}
	if (prompt.session->interrupted || continued) {
		rl_on_new_line();
		rl_redisplay();
	}
	prompt.session->interrupted = 0;
	continued = 0;
}

/*
 * Readline's own waits in a read that ends by a signal; one that comes just before would be
 * seen with the next key only.
 */
static int get_character(FILE *stream)
{
	struct pollfd input = {.fd = fileno(stream), .events = POLLIN};
	sigset_t all, before;
	int ready = 0;

	sigfillset(&all);
	while (ready <= 0) {
		see_to_signals();
		sigprocmask(SIG_BLOCK, &all, &before);
		if (!rl_pending_signal() && !prompt.session->interrupted && !continued)
			ready = ppoll(&input, 1, NULL, &before);
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	return rl_getc(stream);
}

static void catch_continue(void)
{
	struct sigaction action = {.sa_handler = on_continue};

	sigemptyset(&action.sa_mask);
	sigaction(SIGCONT, &action, NULL);
}

/* ---- The loop ------------------------------------------------------------ */

static void remember(const char *line)
{
	add_history(line);
}

static void read_commands(struct session *session, struct history *history, const char *text)
{
	while (!session->quit) {
		AUTO_FREE char *line = NULL;

		rl_reset_screen_size(); /* it may have changed while a verb ran */
		line = readline(text);
		if (!line) {
			fputc('\n', session->out);
			return;
		}
		if (history_append(history, line))
			remember(line);
		session_forget(session);
		verbs_run_line(session, line);
		session->interrupted = 0; /* that was the verb's */
		fflush(session->out);
		clearerr(session->out); /* of a write that was interrupted */
	}
}

static void set_up(struct session *session)
{
	prompt.session = session;
	session->interactive = true;
	rl_readline_name = "tpinspect";
	rl_change_environment = 0; /* LINES and COLUMNS would lie to a pager once they change */
	rl_completion_word_break_hook = find_word;
	rl_attempted_completion_function = complete;
	rl_getc_function = get_character;
	rl_initialize();
	using_history();
	stifle_history(HISTORY_LINES);
}

int repl_interactive(struct session *session)
{
	struct history *history = NULL;
	struct sigaction before;
	char text[128];
	struct err err;

	/* That there is no such space is told at once. */
	if (session_refresh(session, &err)) {
		session_report(session, &err);
		return status_of(&err);
	}
	session->input = stdin;
	session->input_shared = true;
	set_up(session);
	if (history_open(remember, &history, &err))
		session_report(session, &err);
	interrupt_catch(session, SIGINT, false, &before);
	catch_continue();
	snprintf(text, sizeof(text), "%s%s> ", session->space, session->core ? " (core)" : "");
	read_commands(session, history, text);
	interrupt_restore(SIGINT, &before);
	history_close(history);
	forget_completion();
	return STATUS_OK;
}
