#include "lib/read/threads.h"

#include "lib/read/thread_info.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u

uint64_t threads_robust_head(pid_t tid)
{
	struct robust_list_head *head = NULL;
	size_t len;

	if (syscall(SYS_get_robust_list, tid, &head, &len))
		return 0;
	return (uintptr_t)head;
}

static int by_tid(const void *a, const void *b)
{
	const struct thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int open_tasks(pid_t pid, DIR **ret_dir, struct err *err)
{
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "no process %d", (int)pid);
	if (!dir)
		return err_os(err, errno, "cannot open %s", path);
	*ret_dir = dir;
	return 0;
}

/* The next tid of the directory, 0 at its end. */
static pid_t next_tid(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			return (pid_t)strtol(entry->d_name, NULL, 10);
	}
	return 0;
}

int threads_count(pid_t pid, size_t *ret_count, struct err *err)
{
	size_t count = 0;
	DIR *dir;

	if (open_tasks(pid, &dir, err))
		return -1;
	while (next_tid(dir))
		count++;
	closedir(dir);
	*ret_count = count;
	return 0;
}

static int add_thread(struct threads *threads, pid_t pid, pid_t tid)
{
	struct thread *grown =
		reallocarray(threads->list, threads->count + 1, sizeof(*threads->list));
	struct thread_place place;

	if (!grown)
		return -1;
	threads->list = grown;
	thread_place_read(pid, tid, &place);
	grown[threads->count++] = (struct thread){tid, threads_robust_head(tid), place.sp};
	return 0;
}

int threads_read(pid_t pid, struct threads *ret_threads, struct err *err)
{
	struct threads threads = {0};
	DIR *dir;
	pid_t tid;

	if (open_tasks(pid, &dir, err))
		return -1;
	while ((tid = next_tid(dir))) {
		if (add_thread(&threads, pid, tid)) {
			closedir(dir);
			threads_deinit(&threads);
			return err_os(err, ENOMEM, "threads of process %d", (int)pid);
		}
	}
	closedir(dir);
	if (threads.count)
		qsort(threads.list, threads.count, sizeof(*threads.list), by_tid);
	*ret_threads = threads;
	return 0;
}

void threads_deinit(struct threads *threads)
{
	free(threads->list);
	*threads = (struct threads){0};
}

static uint64_t page_up(uint64_t addr)
{
	return (addr + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

bool threads_stack_at(const struct threads *threads, pid_t main_tid, uint64_t addr,
                      uint64_t mapping_lo, uint64_t mapping_hi, struct thread_stack *ret_stack)
{
	struct thread_stack best = {0};

	/* The kernel may have merged mappings: the nearest descriptor above addr counts. */
	for (size_t i = 0; i < threads->count; i++) {
		const struct thread *thread = &threads->list[i];
		uint64_t head = thread->robust_head;
		uint64_t top;

		if (thread->tid == main_tid || head < mapping_lo || head >= mapping_hi)
			continue;
		top = page_up(head + sizeof(struct robust_list_head));
		if (addr < top && (!best.tid || top < best.hi))
			best = (struct thread_stack){thread->tid, mapping_lo, top};
	}
	for (size_t i = 0; i < threads->count && !best.tid; i++) {
		const struct thread *thread = &threads->list[i];

		if (thread->tid != main_tid && thread->sp >= mapping_lo && thread->sp < mapping_hi)
			best = (struct thread_stack){thread->tid, mapping_lo, mapping_hi};
	}
	if (!best.tid)
		return false;
	*ret_stack = best;
	return true;
}
