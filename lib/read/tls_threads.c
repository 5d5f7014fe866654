/*
 * Thread pointers.  glibc's struct pthread (x86-64, 2.28 to 2.41): its own address at 0 and 16,
 * its place in a list of threads at 0x2c0, the thread's number at 0x2d0, the head of the robust
 * list at 0x2e0.
 */
#include "lib/read/tls_parts.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/read/component.h"
#include "lib/read/module_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PTHREAD_LIST 0x2c0u
#define PTHREAD_TID 0x2d0u
/* The head of the robust list lies within so many bytes of the control block's beginning. */
#define ROBUST_REACH 1024u
#define DATA_MAX (UINT64_C(1) << 20)

static int add(struct tls_threads *threads, pid_t tid, uint64_t pointer, struct err *err)
{
	struct tls_thread *grown;

	for (size_t i = 0; i < threads->count; i++) {
		if (threads->list[i].pointer == pointer)
			return 0;
	}
	if (threads->count >= TLS_THREADS_MAX)
		return 0;
	grown = reallocarray(threads->list, threads->count + 1, sizeof(*grown));
	if (!grown)
		return err_os(err, ENOMEM, "threads");
	threads->list = grown;
	grown[threads->count++] = (struct tls_thread){tid, pointer};
	return 0;
}

/* ---- By the robust list ------------------------------------------------------------- */

/* The nearest word below the head that holds its own address; 0 for none. */
static uint64_t pointer_below(struct mem *mem, uint64_t head)
{
	uint64_t words[ROBUST_REACH / 8];
	struct err err;

	if (head % 8 || head < ROBUST_REACH)
		return 0;
	for (size_t i = ROBUST_REACH / 8; i-- > 0;) {
		uint64_t at = head - ROBUST_REACH + i * 8;

		/* a control block may begin with its mapping: go down a word at a time */
		if (mem_read(mem, at, &words[i], 8, &err))
			return 0;
		if (words[i] == at)
			return at;
	}
	return 0;
}

static int add_by_robust_lists(const struct target *target, const struct threads *threads,
                               struct tls_threads *found, struct err *err)
{
	for (size_t i = 0; i < threads->count; i++) {
		const struct thread *thread = &threads->list[i];
		uint64_t pointer = pointer_below(target->mem, thread->robust_head);

		if (pointer && add(found, thread->tid, pointer, err))
			return -1;
	}
	return 0;
}

/* ---- By the C library's lists ---------------------------------------------------------- */

static bool read_word(struct mem *mem, uint64_t addr, uint64_t *ret_word)
{
	struct err err;

	return !mem_read(mem, addr, ret_word, sizeof(*ret_word), &err);
}

/* Whether it is the list entry of a control block; its thread's number, if so. */
static bool is_entry(struct mem *mem, uint64_t entry, int32_t *ret_tid)
{
	uint64_t pointer = entry - PTHREAD_LIST, word;
	struct err err;

	return entry % 16 == 0 && entry > PTHREAD_LIST && read_word(mem, pointer, &word) &&
	       word == pointer && read_word(mem, pointer + 16, &word) && word == pointer &&
	       !mem_read(mem, pointer + PTHREAD_TID, ret_tid, sizeof(*ret_tid), &err);
}

static int add_list(struct mem *mem, uint64_t head, uint64_t entry, struct tls_threads *found,
                    struct err *err)
{
	/* every turn adds one or ends it, so that a ring without its head ends too */
	for (size_t before = found->count; entry != head; before = found->count) {
		int32_t tid;

		if (!is_entry(mem, entry, &tid))
			return 0;
		/* the stacks of threads that ended are kept in a list as well */
		if (tid <= 0)
			return 0;
		if (add(found, tid, entry - PTHREAD_LIST, err))
			return -1;
		if (found->count == before || !read_word(mem, entry, &entry))
			return 0;
	}
	return 0;
}

/* Two words that lead to an entry which leads back. */
static int search_data(struct mem *mem, uint64_t lo, const uint64_t *words, size_t count,
                       struct tls_threads *found, struct err *err)
{
	for (size_t i = 0; i + 1 < count; i++) {
		uint64_t head = lo + i * 8, back;
		int32_t tid;

		if (!words[i] || !words[i + 1] || words[i] == head ||
		    !is_entry(mem, words[i], &tid) || !read_word(mem, words[i] + 8, &back) ||
		    back != head)
			continue;
		if (add_list(mem, head, words[i], found, err))
			return -1;
	}
	return 0;
}

static int search_module(const struct target *target, const struct reg_module *module,
                         struct tls_threads *found, struct err *err)
{
	struct module_memory memory;
	struct err ignored;

	if (module_memory_read(target, module, &memory, &ignored))
		return 0;
	for (size_t i = 0; i < memory.count; i++) {
		const struct module_segment *segment = &memory.list[i];
		size_t want = segment->size < DATA_MAX ? segment->size : DATA_MAX, got;
		uint64_t lo = (segment->addr + 7) & ~UINT64_C(7);
		AUTO_FREE uint64_t *words = NULL;

		if (segment->type != PT_LOAD || !(segment->flags & PF_W) || !want)
			continue;
		words = malloc(want);
		if (!words)
			return err_os(err, ENOMEM, "data of a module");
		if (!mem_read_some(target->mem, lo, words, want, &got, &ignored) &&
		    search_data(target->mem, lo, words, got / 8, found, err))
			return -1;
	}
	return 0;
}

/* ld.so has the lists since glibc 2.34, before that libpthread, a static program its own. */
static bool may_have_lists(const struct reg_module *module)
{
	return module->abi.kind == TP_MODULE_INTERP || module->abi.kind == TP_MODULE_PROGRAM ||
	       !strncmp(text_base_name(module->path), "libpthread", 10);
}

int tls_find_threads(const struct target *target, const struct reg_threadproc *tp,
                     struct tls_threads *ret_threads, struct err *err)
{
	struct tls_threads found = {0};
	const struct threads *threads;
	struct err ignored;

	if (!component_threads(target, tp, &threads, &ignored) &&
	    add_by_robust_lists(target, threads, &found, err))
		goto fail;
	for (size_t i = 0; i < tp->module_count && !found.count; i++) {
		if (may_have_lists(&tp->modules[i]) &&
		    search_module(target, &tp->modules[i], &found, err))
			goto fail;
	}
	*ret_threads = found;
	return 0;
fail:
	free(found.list);
	return -1;
}
