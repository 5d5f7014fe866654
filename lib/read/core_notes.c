/*
 * The notes of a core file: NT_FILE says which files were mapped where, NT_PRSTATUS what the
 * registers of a thread were, NT_PRPSINFO which process that was.
 */
#include "lib/read/core_parts.h"

#include "lib/base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/procfs.h>

_Static_assert(sizeof(elf_gregset_t) == sizeof(struct user_regs_struct), "general registers");

/* ---- Mapped files --------------------------------------------------------- */

/* How NT_FILE begins; then come count entries, then count names. */
struct file_head {
	uint64_t count;
	uint64_t unit; /* of the offsets, bytes */
};

struct file_entry {
	uint64_t lo;
	uint64_t hi;
	uint64_t offset;
};

/* Adds an entry, unless it is impossible.  Paths are shared by neighbours, as they come. */
static void take_range(struct core *core, const struct file_entry *entry, uint64_t unit,
                       const char *name)
{
	struct core_range range = {.lo = entry->lo, .hi = entry->hi};

	if (range.lo >= range.hi || !*name ||
	    __builtin_mul_overflow(entry->offset, unit, &range.offset) ||
	    range.offset > INT64_MAX - (range.hi - range.lo) || range.hi - range.lo > INT64_MAX) {
		core->notes_wrong = true;
		return;
	}
	if (!core->path_count || strcmp(core->paths[core->path_count - 1].name, name) != 0)
		core->paths[core->path_count++] = (struct core_path){.name = name, .fd = -1};
	range.path = core->path_count - 1;
	core->ranges[core->range_count++] = range;
}

static int take_files(struct core *core, const char *desc, size_t len, struct err *err)
{
	struct file_head head;
	struct file_entry entry;
	const char *name, *end;
	size_t names_at;

	if (core->names) /* there is one for the whole memory */
		return 0;
	if (len < sizeof(head)) {
		core->notes_wrong = true;
		return 0;
	}
	memcpy(&head, desc, sizeof(head));
	if (!head.count)
		return 0;
	if (head.count > (len - sizeof(head)) / (sizeof(entry) + 1)) {
		core->notes_wrong = true;
		return 0;
	}
	names_at = sizeof(head) + (size_t)head.count * sizeof(entry);
	core->ranges = calloc((size_t)head.count, sizeof(*core->ranges));
	core->paths = calloc((size_t)head.count, sizeof(*core->paths));
	core->names = malloc(len - names_at + 1);
	if (!core->names || !core->ranges || !core->paths)
		return err_os(err, ENOMEM, "mapped files of %s", core->name);
	memcpy(core->names, desc + names_at, len - names_at);
	core->names[len - names_at] = '\0';
	name = core->names;
	end = name + (len - names_at);
	for (uint64_t i = 0; i < head.count && name < end; i++, name += strlen(name) + 1) {
		memcpy(&entry, desc + sizeof(head) + i * sizeof(entry), sizeof(entry));
		take_range(core, &entry, head.unit, name);
	}
	return 0;
}

/* ---- Threads -------------------------------------------------------------- */

static int take_thread(struct core *core, pid_t pid, const char *desc, size_t len, struct err *err)
{
	struct elf_prstatus status;
	struct core_thread *grown;

	if (len != sizeof(status)) {
		core->notes_wrong = true;
		return 0;
	}
	memcpy(&status, desc, sizeof(status));
	if (status.pr_pid <= 0) {
		core->notes_wrong = true;
		return 0;
	}
	/* room doubles: the count is a power of two whenever it is used up */
	if (!(core->thread_count & (core->thread_count - 1))) {
		size_t room = core->thread_count ? core->thread_count * 2 : 1;

		grown = reallocarray(core->threads, room, sizeof(*grown));
		if (!grown)
			return err_os(err, ENOMEM, "threads of %s", core->name);
		core->threads = grown;
	}
	grown = &core->threads[core->thread_count++];
	*grown = (struct core_thread){
		.pid = pid,
		.tid = status.pr_pid,
		.pending = status.pr_sigpend,
		.blocked = status.pr_sighold,
		.user = {status.pr_utime.tv_sec, status.pr_utime.tv_usec},
		.system = {status.pr_stime.tv_sec, status.pr_stime.tv_usec},
	};
	memcpy(&grown->regs, &status.pr_reg, sizeof(grown->regs));
	return 0;
}

/*
 * The kernel has the process after its first thread, gcore before; with several processes
 * each comes before its threads.
 */
static void take_process(struct core *core, const char *desc, size_t len, pid_t *pid)
{
	struct elf_prpsinfo info;

	if (len != sizeof(info)) {
		core->notes_wrong = true;
		return;
	}
	memcpy(&info, desc, sizeof(info));
	if (!core->thread_count)
		core->by_gcore = true;
	/* only those before the first have none */
	for (size_t i = 0; i < core->thread_count && !*pid; i++)
		core->threads[i].pid = info.pr_pid;
	*pid = info.pr_pid;
}

/* -------------------------------------------------------------------------- */

static int take_note(struct core *core, const GElf_Nhdr *note, const char *name, const char *desc,
                     pid_t *pid, struct err *err)
{
	if (note->n_namesz != sizeof("CORE") || memcmp(name, "CORE", sizeof("CORE")) != 0)
		return 0;
	switch (note->n_type) {
	case NT_FILE:
		return take_files(core, desc, note->n_descsz, err);
	case NT_PRSTATUS:
		return take_thread(core, *pid, desc, note->n_descsz, err);
	case NT_PRPSINFO:
		take_process(core, desc, note->n_descsz, pid);
		return 0;
	default:
		return 0;
	}
}

int core_take_notes(struct core *core, Elf_Data *data, struct err *err)
{
	const char *bytes = data->d_buf;
	size_t at = 0, name_at, desc_at;
	GElf_Nhdr note;
	pid_t pid = 0;

	while (at < data->d_size) {
		size_t next = gelf_getnote(data, at, &note, &name_at, &desc_at);

		if (!next) {
			core->notes_wrong = true;
			break;
		}
		if (take_note(core, &note, bytes + name_at, bytes + desc_at, &pid, err))
			return -1;
		at = next;
	}
	return 0;
}

static int range_by_lo(const void *a, const void *b)
{
	const struct core_range *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static int thread_by_tid(const void *a, const void *b)
{
	const struct core_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* An index of paths, for finding those that are the same. */
static int path_by_name(const void *a, const void *b, void *paths)
{
	const struct core_path *list = paths;

	return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

/* Files that are mapped in several places have one path. */
static int share_paths(struct core *core, struct err *err)
{
	AUTO_FREE size_t *order = calloc(core->path_count + 1, sizeof(*order));
	AUTO_FREE size_t *same = calloc(core->path_count + 1, sizeof(*same));

	if (!order || !same)
		return err_os(err, ENOMEM, "mapped files of %s", core->name);
	for (size_t i = 0; i < core->path_count; i++)
		order[i] = i;
	qsort_r(order, core->path_count, sizeof(*order), path_by_name, core->paths);
	for (size_t i = 0; i < core->path_count; i++) {
		bool first = !i || strcmp(core->paths[order[i]].name,
		                          core->paths[order[i - 1]].name) != 0;

		same[order[i]] = first ? order[i] : same[order[i - 1]];
	}
	for (size_t i = 0; i < core->range_count; i++)
		core->ranges[i].path = same[core->ranges[i].path];
	return 0;
}

int core_finish_notes(struct core *core, struct err *err)
{
	size_t kept = 0;

	if (core->range_count)
		qsort(core->ranges, core->range_count, sizeof(*core->ranges), range_by_lo);
	for (size_t i = 0; i < core->range_count; i++) {
		if (kept && core->ranges[i].lo < core->ranges[kept - 1].hi)
			core->notes_wrong = true;
		else
			core->ranges[kept++] = core->ranges[i];
	}
	core->range_count = kept;
	if (core->thread_count)
		qsort(core->threads, core->thread_count, sizeof(*core->threads), thread_by_tid);
	return core->path_count ? share_paths(core, err) : 0;
}

const struct core_range *core_range_at(const struct core *core, uint64_t addr)
{
	size_t lo = 0, hi = core->range_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (core->ranges[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == core->range_count || addr < core->ranges[lo].lo)
		return NULL;
	return &core->ranges[lo];
}

uint64_t core_next_range(const struct core *core, uint64_t addr)
{
	size_t lo = 0, hi = core->range_count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (core->ranges[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < core->range_count ? core->ranges[lo].lo : UINT64_MAX;
}
