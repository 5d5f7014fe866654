/*
 * One record of the registry: copied from memory that may change under the reader, then
 * checked.  Whatever does not hold is emptied and named; the rest of the record stays.
 */
#include "lib/read/registry_source.h"

#include "lib/base/cleanup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (64u << 10)
#define ARGV_MAX (16u << 20)
#define MODULES_MAX 65536u
#define FDS_MAX 1048576u

/* Remembers the first thing that is wrong. */
__attribute__((format(printf, 2, 3))) static void complain(struct reg_health *health,
                                                           const char *fmt, ...)
{
	va_list args;

	if (*health->problem)
		return;
	va_start(args, fmt);
	vsnprintf(health->problem, sizeof(health->problem), fmt, args);
	va_end(args);
}

/*
 * Copies what ref leads to: *ret_block is malloc'd, or NULL when there is nothing (an empty
 * ref) or the ref is bad, which is said in health.  Returns -1 when memory is short.
 */
static int copy_ref(struct reg_pass *pass, const struct tp_ref *ref, uint32_t max, const char *what,
                    struct reg_health *health, char **ret_block)
{
	const struct tp_table *heap = &pass->header->heap;
	char *block;

	*ret_block = NULL;
	if (!ref->len)
		return 0;
	if (ref->len > heap->count || ref->off > heap->count - ref->len) {
		complain(health, "%s: outside the heap", what);
		return 0;
	}
	if (ref->len > max || ref->len > pass->budget) {
		complain(health, "%s: %" PRIu32 " bytes are too many", what, ref->len);
		return 0;
	}
	pass->budget -= ref->len;
	block = malloc(ref->len);
	if (!block)
		return -1;
	memcpy(block, pass->base + heap->off + ref->off, ref->len);
	*ret_block = block;
	return 0;
}

/* The same for one string with its NUL. */
static int copy_text(struct reg_pass *pass, const struct tp_ref *ref, const char *what,
                     struct reg_health *health, char **ret_text)
{
	AUTO_FREE char *block = NULL;

	*ret_text = NULL;
	if (copy_ref(pass, ref, TEXT_MAX, what, health, &block))
		return -1;
	if (!block)
		return 0;
	if (memchr(block, '\0', ref->len) != block + ref->len - 1) {
		complain(health, "%s: not one string", what);
		return 0;
	}
	*ret_text = TAKE_PTR(block);
	return 0;
}

/* The same, but "" when there is none. */
static int copy_text_always(struct reg_pass *pass, const struct tp_ref *ref, const char *what,
                            struct reg_health *health, char **ret_text)
{
	if (copy_text(pass, ref, what, health, ret_text))
		return -1;
	if (!*ret_text)
		*ret_text = calloc(1, 1);
	return *ret_text ? 0 : -1;
}

static void check_range(struct reg_health *health, const char *what, uint64_t *lo, uint64_t *hi)
{
	if (*lo <= *hi)
		return;
	complain(health, "%s: ends before it begins", what);
	*lo = *hi = 0;
}

/* Ends a name of fixed size that has no end. */
static void check_name(struct reg_health *health, const char *what, char name[TP_NAME_SIZE])
{
	if (memchr(name, '\0', TP_NAME_SIZE))
		return;
	complain(health, "%s: has no end", what);
	name[TP_NAME_SIZE - 1] = '\0';
}

/* ---- Threadprocs --------------------------------------------------------- */

static bool run_sound(const struct tp_threadproc *abi, uint32_t i, uint32_t granules)
{
	const struct tp_run *run = &abi->runs[i];

	if (!run->first || !run->count || run->count > granules ||
	    run->first > granules - run->count)
		return false;
	for (uint32_t j = 0; j < i; j++) {
		const struct tp_run *other = &abi->runs[j];

		if (run->first < other->first + other->count &&
		    other->first < run->first + run->count)
			return false;
	}
	return true;
}

/* Runs are good up to the first bad one. */
static void check_runs(struct reg_pass *pass, struct reg_threadproc *tp)
{
	struct tp_threadproc *abi = &tp->abi;
	uint32_t wanted = abi->run_count;

	if (wanted > TP_RUNS) {
		complain(&tp->health, "%" PRIu32 " runs of granules", wanted);
		wanted = TP_RUNS;
	}
	for (abi->run_count = 0; abi->run_count < wanted; abi->run_count++) {
		if (!run_sound(abi, abi->run_count, pass->header->granules.count)) {
			complain(&tp->health, "run %" PRIu32 ": out of range or not disjoint",
			         abi->run_count);
			return;
		}
	}
}

static void check_image_index(struct reg_pass *pass, struct reg_health *health, const char *what,
                              uint32_t *index)
{
	if (!*index || snapshot_image(pass->snapshot, *index))
		return;
	complain(health, "%s: no image %" PRIu32, what, *index);
	*index = 0;
}

static void check_threadproc(struct reg_pass *pass, struct reg_threadproc *tp)
{
	struct tp_threadproc *abi = &tp->abi;

	if (abi->state > TP_STATE_EXECED)
		complain(&tp->health, "unknown state %" PRIu32, abi->state);
	if (!abi->generation || !abi->id)
		complain(&tp->health, "generation %" PRIu32 ", id %" PRIu32, abi->generation,
		         abi->id);
	if (abi->pid < 0) {
		complain(&tp->health, "pid %" PRId32, abi->pid);
		abi->pid = 0;
	}
	check_name(&tp->health, "name", abi->name);
	check_range(&tp->health, "stack", &abi->stack_lo, &abi->stack_hi);
	check_range(&tp->health, "brk zone", &abi->brk_lo, &abi->brk_hi);
	check_range(&tp->health, "fixed image", &abi->fixed_lo, &abi->fixed_hi);
	check_image_index(pass, &tp->health, "program", &abi->program_image);
	check_image_index(pass, &tp->health, "interpreter", &abi->interp_image);
	check_runs(pass, tp);
}

/* One block: the vector, then the strings it points into. */
static int fill_argv(struct reg_pass *pass, struct reg_threadproc *tp)
{
	AUTO_FREE char *block = NULL;
	uint32_t len = tp->abi.argv.len;
	size_t argc = 0;
	char **argv;
	char *strings;

	if (copy_ref(pass, &tp->abi.argv, ARGV_MAX, "argv", &tp->health, &block))
		return -1;
	if (!block)
		return 0;
	if (block[len - 1]) {
		complain(&tp->health, "argv: has no end");
		return 0;
	}
	for (uint32_t i = 0; i < len; i++)
		argc += !block[i];
	/* The vector is longer than what it was made of, when that is NULs alone. */
	if (argc * sizeof(*argv) > pass->budget) {
		complain(&tp->health, "argv: %zu arguments are too many", argc);
		return 0;
	}
	pass->budget -= argc * sizeof(*argv);
	argv = malloc((argc + 1) * sizeof(*argv) + len);
	if (!argv)
		return -1;
	strings = (char *)(argv + argc + 1);
	memcpy(strings, block, len);
	for (size_t i = 0; i < argc; i++) {
		argv[i] = strings;
		strings += strlen(strings) + 1;
	}
	argv[argc] = NULL;
	tp->argv = argv;
	tp->argc = argc;
	return 0;
}

/* Copies an array of fixed-width elements; *ret_count is 0 when it cannot be had. */
static int copy_array(struct reg_pass *pass, struct reg_threadproc *tp, const struct tp_ref *ref,
                      uint32_t size, uint32_t count_max, const char *what, char **ret_block,
                      size_t *ret_count)
{
	*ret_block = NULL;
	*ret_count = 0;
	if (ref->len % size) {
		complain(&tp->health, "%s: %" PRIu32 " bytes are no whole number of them", what,
		         ref->len);
		return 0;
	}
	if (copy_ref(pass, ref, size * count_max, what, &tp->health, ret_block))
		return -1;
	if (*ret_block)
		*ret_count = ref->len / size;
	return 0;
}

static int fill_modules(struct reg_pass *pass, struct reg_threadproc *tp)
{
	AUTO_FREE char *block = NULL;
	size_t count;

	if (copy_array(pass, tp, &tp->abi.modules, sizeof(struct tp_module), MODULES_MAX, "modules",
	               &block, &count))
		return -1;
	if (!count)
		return 0;
	tp->modules = calloc(count, sizeof(*tp->modules));
	if (!tp->modules)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct reg_module *module = &tp->modules[i];

		memcpy(&module->abi, block + i * sizeof(module->abi), sizeof(module->abi));
		tp->module_count = i + 1; /* what deinit has to look at */
		check_image_index(pass, &tp->health, "module", &module->abi.image);
		if (module->abi.kind < TP_MODULE_PROGRAM || module->abi.kind > TP_MODULE_VDSO)
			complain(&tp->health, "module: unknown kind %" PRIu32, module->abi.kind);
		if (copy_text_always(pass, &module->abi.path, "path of a module", &tp->health,
		                     &module->path))
			return -1;
	}
	return 0;
}

static int fill_fds(struct reg_pass *pass, struct reg_threadproc *tp)
{
	AUTO_FREE char *block = NULL;
	size_t count;

	if (copy_array(pass, tp, &tp->abi.fds, sizeof(struct tp_fd), FDS_MAX, "fds", &block,
	               &count))
		return -1;
	if (!count)
		return 0;
	tp->fds = calloc(count, sizeof(*tp->fds));
	if (!tp->fds)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct reg_fd *fd = &tp->fds[i];

		memcpy(&fd->abi, block + i * sizeof(fd->abi), sizeof(fd->abi));
		tp->fd_count = i + 1;
		if (fd->abi.kind > TP_FD_ANON)
			complain(&tp->health, "fd: unknown kind %" PRIu32, fd->abi.kind);
		if (fd->abi.fd < 0 || fd->abi.launcher_fd < -1)
			complain(&tp->health, "fd: %" PRId32 " of the launcher's %" PRId32,
			         fd->abi.fd, fd->abi.launcher_fd);
		if (copy_text_always(pass, &fd->abi.target, "target of a descriptor", &tp->health,
		                     &fd->target))
			return -1;
	}
	return 0;
}

/* One record, whose lengths and states are made to be in range. */
static int fill_crash(struct reg_pass *pass, struct reg_threadproc *tp)
{
	AUTO_FREE char *block = NULL;
	struct tp_crash *crash;
	size_t count;

	if (copy_array(pass, tp, &tp->abi.crash, sizeof(*crash), 1, "crash", &block, &count))
		return -1;
	if (!count)
		return 0;
	crash = (struct tp_crash *)TAKE_PTR(block);
	tp->crash = crash;
	if (crash->reg_count > TP_CRASH_REGS || crash->stack_len > TP_CRASH_STACK ||
	    crash->stack_lo > UINT64_MAX - TP_CRASH_STACK) {
		complain(&tp->health, "crash: %" PRIu32 " registers, %" PRIu32 " bytes of stack",
		         crash->reg_count, crash->stack_len);
		crash->reg_count = 0;
		crash->stack_len = 0;
	}
	if (crash->sig < 1 || crash->sig > 64) {
		complain(&tp->health, "crash: no signal %" PRId32, crash->sig);
		crash->sig = 0;
	}
	return 0;
}

int record_threadproc_fill(struct reg_pass *pass, const struct tp_threadproc *raw,
                           struct reg_threadproc *tp)
{
	memcpy(&tp->abi, raw, sizeof(tp->abi));
	if (tp->abi.state == TP_STATE_NONE) {
		memset(&tp->abi, 0, sizeof(tp->abi)); /* nobody's, whatever it has in it */
		return 0;
	}
	check_threadproc(pass, tp);
	if (copy_text(pass, &tp->abi.exe, "exe", &tp->health, &tp->exe) ||
	    copy_text(pass, &tp->abi.cwd, "cwd", &tp->health, &tp->cwd) || fill_argv(pass, tp) ||
	    fill_modules(pass, tp) || fill_fds(pass, tp) || fill_crash(pass, tp))
		return -1;
	return 0;
}

void record_threadproc_deinit(struct reg_threadproc *tp)
{
	for (size_t i = 0; i < tp->module_count; i++)
		free(tp->modules[i].path);
	for (size_t i = 0; i < tp->fd_count; i++)
		free(tp->fds[i].target);
	free(tp->modules);
	free(tp->fds);
	free(tp->crash);
	free(tp->argv);
	free(tp->exe);
	free(tp->cwd);
	memset(tp, 0, sizeof(*tp));
}

/* ---- Images -------------------------------------------------------------- */

int record_image_fill(struct reg_pass *pass, const struct tp_image *raw, struct reg_image *image)
{
	struct tp_image *abi = &image->abi;

	memcpy(abi, raw, sizeof(*abi));
	if (!abi->path.len) {
		memset(abi, 0, sizeof(*abi));
		return 0;
	}
	if (abi->build_id_len > TP_BUILD_ID_SIZE) {
		complain(&image->health, "build-id of %" PRIu32 " bytes", abi->build_id_len);
		abi->build_id_len = 0;
	}
	check_range(&image->health, "segments", &abi->vaddr_lo, &abi->vaddr_hi);
	check_range(&image->health, "text", &abi->text_lo, &abi->text_hi);
	return copy_text(pass, &abi->path, "path", &image->health, &image->path);
}

void record_image_deinit(struct reg_image *image)
{
	free(image->path);
	memset(image, 0, sizeof(*image));
}

/* ---- Names --------------------------------------------------------------- */

void record_name_fill(struct reg_pass *pass, const struct tp_name *raw, struct reg_name *name)
{
	const struct snapshot *snapshot = pass->snapshot;
	struct tp_name *abi = &name->abi;
	const struct reg_threadproc *owner;

	memcpy(abi, raw, sizeof(*abi));
	if (!abi->live)
		return;
	check_name(&name->health, "name", abi->name);
	check_name(&name->health, "type", abi->type);
	if (abi->addr + abi->size < abi->addr) {
		complain(&name->health, "size 0x%" PRIx64 " goes past the last address", abi->size);
		abi->size = 0;
	}
	if (abi->owner >= snapshot->threadproc_count) {
		complain(&name->health, "no owner %" PRIu32, abi->owner);
		return;
	}
	owner = &snapshot->threadprocs[abi->owner];
	if (owner->abi.state != TP_STATE_NONE && owner->abi.generation == abi->owner_generation)
		name->owner = owner;
}
