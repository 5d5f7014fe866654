#include "inspect/pick.h"

#include "inspect/show.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <string.h>

/* Splits "ID.TID"; false when there is no number behind the last dot. */
static bool split(const char *word, char *id, size_t size, pid_t *ret_tid)
{
	const char *dot = strrchr(word, '.');
	unsigned long tid;
	char *end;

	if (!dot || dot[1] < '1' || dot[1] > '9' || (size_t)(dot - word) >= size)
		return false;
	tid = strtoul(dot + 1, &end, 10);
	if (*end || tid > INT32_MAX)
		return false;
	memcpy(id, word, (size_t)(dot - word));
	id[dot - word] = '\0';
	*ret_tid = (pid_t)tid;
	return true;
}

/* A name may have a dot in it: the whole word comes first. */
static int select_word(const struct target *target, const char *word,
                       struct show_selection *ret_selection, pid_t *ret_tid, struct err *err)
{
	char id[TP_NAME_SIZE];
	struct err second;

	*ret_tid = 0;
	if (!word)
		return show_select(target->snapshot, NULL, ret_selection, err);
	if (!show_select(target->snapshot, word, ret_selection, err))
		return 0;
	if (!split(word, id, sizeof(id), ret_tid))
		return -1;
	return show_select(target->snapshot, id, ret_selection, &second);
}

static int add(struct picks *picks, const struct reg_threadproc *tp, const struct threads *threads,
               pid_t tid, struct err *err)
{
	struct pick *grown =
		reallocarray(picks->list, picks->count + threads->count + 1, sizeof(*grown));

	if (!grown)
		return err_os(err, ENOMEM, "threads");
	picks->list = grown;
	for (size_t i = 0; i < threads->count; i++) {
		if (!tid || threads->list[i].tid == tid)
			grown[picks->count++] = (struct pick){tp, threads->list[i]};
	}
	return 0;
}

/* One that is gone by now has no threads. */
static int add_threadproc(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                          struct picks *picks, struct err *err)
{
	struct threads threads;
	int ret;

	if (!reg_threadproc_lives(tp))
		return 0;
	if (target_threads(target, tp, &threads, err))
		return err->code == ERR_NOT_FOUND ? 0 : -1;
	ret = add(picks, tp, &threads, tid, err);
	threads_deinit(&threads);
	return ret;
}

static int none(const struct show_selection *selection, const char *word, pid_t tid,
                struct err *err)
{
	if (tid)
		return err_set(err, ERR_NOT_FOUND, "no thread %d in %s", (int)tid,
		               selection->list[0]->abi.name);
	if (selection->count == 1 && !reg_threadproc_lives(selection->list[0]))
		return err_set(err, ERR_NOT_FOUND, "%s has no threads: it has ended", word);
	if (selection->count == 1 && err->code == ERR_NOT_FOUND)
		return -1; /* what target_threads said: not in the core */
	return err_set(err, ERR_NOT_FOUND, "no threads are known");
}

int pick_threads(const struct target *target, const char *word, struct picks *ret_picks,
                 struct err *err)
{
	struct show_selection selection;
	struct picks picks = {0};
	pid_t tid;
	int ret = 0;

	if (word && !strcmp(word, "all"))
		word = NULL;
	err->code = ERR_NONE;
	if (select_word(target, word, &selection, &tid, err))
		return -1;
	for (size_t i = 0; i < selection.count && !ret; i++)
		ret = add_threadproc(target, selection.list[i], tid, &picks, err);
	if (!ret && !picks.count && word)
		ret = none(&selection, word, tid, err);
	free(selection.list);
	if (ret) {
		picks_deinit(&picks);
		return -1;
	}
	*ret_picks = picks;
	return 0;
}

void picks_deinit(struct picks *picks)
{
	free(picks->list);
	*picks = (struct picks){0};
}
