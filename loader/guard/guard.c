/*
 * guard.c - libtproc-guard.so: nobody frees what another program allocated.
 *
 * "tprun --guard-foreign-free" preloads it.  Its free and realloc look whose the pointer is, which
 * takes two loads and two comparisons, before they pass it on to those of the program's own
 * allocator, whichever that is.  What belongs to another program ends this one by SIGABRT, before
 * anything is damaged; the crash report makes words of it.
 *
 * Legal here: what runs in the middle of any program's calls, and with any C library, so nothing
 * but the functions declared below.  No allocation, no thread-local storage.  Outside of spaces,
 * and in children that were forked, it does nothing.
 */
#include "tproc/abi.h"

#include <asm/unistd.h>
#include <linux/signal.h>
#include <stdbool.h>

#define EXPORTED __attribute__((visibility("default")))
#define RTLD_NEXT ((void *)-1L)

/* Of the C library. */
extern void *dlsym(void *handle, const char *name);
extern unsigned long getauxval(unsigned long type);
extern long syscall(long number, ...);
extern void abort(void) __attribute__((noreturn));

EXPORTED void free(void *block);
EXPORTED void cfree(void *block);
EXPORTED void free_sized(void *block, size_t size);
EXPORTED void free_aligned_sized(void *block, size_t alignment, size_t size);
EXPORTED void *realloc(void *block, size_t size);
EXPORTED void *reallocarray(void *block, size_t count, size_t size);

typedef uint64_t __attribute__((may_alias)) word;

/* The allocator's own; NULL: not looked for yet. */
static void (*next_free)(void *);
static void *(*next_realloc)(void *, size_t);

static struct {
	const struct tp_self *self; /* NULL: in no space */
	const word *granules;
	uint64_t own; /* what is in the table for what is ours */
} space;

/* Where it has to be, and of this version; the rest of it only the server can write. */
static const struct tp_registry *registry_of(const struct tp_self *self)
{
	const struct tp_registry *registry = (const struct tp_registry *)TP_REGISTRY_ADDR;

	if (!self || self->magic != TP_SELF_MAGIC || self->abi_version != TP_ABI_VERSION ||
	    self->registry != TP_REGISTRY_ADDR || registry->magic != TP_ABI_MAGIC ||
	    registry->abi_version != TP_ABI_VERSION)
		return NULL;
	return registry;
}

static void find_space(void)
{
	const struct tp_self *self = (const struct tp_self *)getauxval(AT_TPROC);
	const struct tp_registry *registry = registry_of(self);
	const struct tp_granule own = {
		.state = TP_GRANULE_LIVE,
		.owner = registry ? (uint16_t)self->index : 0,
		.generation = registry ? self->generation : 0,
	};

	if (!registry)
		return;
	space.own = *(const word *)&own;
	space.granules = (const word *)(TP_REGISTRY_ADDR + registry->granules.off);
	space.self = self;
}

/*
 * Before the program's first thread: a constructor, or an even earlier call.  dlsym may free what
 * an earlier error of its left, so free comes first.
 */
static __attribute__((constructor, noinline)) void set_up(void)
{
	static bool begun;

	if (begun)
		return;
	begun = true;
	*(void **)&next_free = dlsym(RTLD_NEXT, "free");
	*(void **)&next_realloc = dlsym(RTLD_NEXT, "realloc");
	find_space();
}

/* It is in a slot that is not ours, or is nobody's any more. */
static __attribute__((noinline)) bool is_others(uint64_t found)
{
	const struct tp_granule *granule = (const struct tp_granule *)&found;

	return granule->state != TP_GRANULE_FREE &&
	       __atomic_load_n(&space.self->magic, __ATOMIC_RELAXED) == TP_SELF_MAGIC;
}

static inline bool is_foreign(const void *block)
{
	const uint64_t number = (uint64_t)block >> TP_GRANULE_SHIFT;
	uint64_t found;

	if (!space.self || number >= TP_GRANULES)
		return false;
	found = __atomic_load_n(&space.granules[number], __ATOMIC_RELAXED);
	return __builtin_expect(found != space.own, 0) && is_others(found);
}

/* As abort, but with a word on why. */
static __attribute__((noinline, noreturn)) void refuse(void *block, enum tp_guard_code code)
{
	const long pid = syscall(__NR_getpid);
	siginfo_t info = {.si_signo = SIGABRT, .si_code = code};

	info.si_pid = (int)pid;
	info.si_uid = (unsigned)syscall(__NR_getuid);
	info.si_ptr = block;
	syscall(__NR_rt_tgsigqueueinfo, pid, syscall(__NR_gettid), SIGABRT, &info);
	/* It is blocked, or was handled. */
	abort();
}

static inline void check(void *block, enum tp_guard_code code)
{
	if (__builtin_expect(!next_realloc, 0))
		set_up();
	if (is_foreign(block))
		refuse(block, code);
}

void free(void *block)
{
	check(block, TP_GUARD_FREE);
	/* NULL within dlsym, when it is called for the first time: then it is lost */
	if (next_free)
		next_free(block);
}

void cfree(void *block)
{
	free(block);
}

void free_sized(void *block, size_t size)
{
	(void)size;
	free(block);
}

void free_aligned_sized(void *block, size_t alignment, size_t size)
{
	(void)alignment;
	(void)size;
	free(block);
}

void *realloc(void *block, size_t size)
{
	check(block, TP_GUARD_REALLOC);
	return next_realloc ? next_realloc(block, size) : NULL;
}

/* One that does not overflow is a realloc in every C library. */
void *reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;

	check(block, TP_GUARD_REALLOC);
	/* the allocator's own error, errno and all */
	if (__builtin_mul_overflow(count, size, &bytes))
		bytes = SIZE_MAX;
	return next_realloc ? next_realloc(block, bytes) : NULL;
}
