/*
 * The mappings that a core file tells of: its segments, and the files of its notes, which gcore
 * names even when it dumps nothing of them.
 */
#include "lib/read/core_parts.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Where the memory of programs ends, and so the stack of one that is not randomised: the agent. */
#define TOP UINT64_C(0x7ffffffff000)
#define VSYSCALL UINT64_C(0xffffffffff600000)

struct sweep {
	struct core *core;
	struct maps_entry *list;
	size_t count;
};

/* ---- Names -------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* Files of the kernel's own, which are mapped to be shared. */
static bool is_shared(const char *path)
{
	return begins_with(path, "/memfd:") || begins_with(path, "/dev/zero") ||
	       begins_with(path, "/SYSV");
}

static bool is_vdso(const struct core *core, uint64_t lo)
{
	return core->snapshot && core->snapshot->header.vdso && core->snapshot->header.vdso == lo;
}

/* The kernel's own names for what no file is behind; "" when it has none. */
static const char *special_name(const struct core *core, const struct maps_entry *entry)
{
	if (is_vdso(core, entry->lo))
		return "[vdso]";
	if (entry->lo == VSYSCALL)
		return "[vsyscall]";
	if (entry->hi == TOP && (entry->prot & PROT_WRITE))
		return "[stack]";
	return "";
}

/* The kernel's data lies right below the vdso, in one mapping or several. */
static void name_vvar(struct sweep *sweep)
{
	size_t i = 0;

	while (i < sweep->count && strcmp(sweep->list[i].path, "[vdso]") != 0)
		i++;
	if (i == sweep->count)
		return;
	for (; i > 0 && sweep->list[i - 1].hi == sweep->list[i].lo; i--) {
		struct maps_entry *below = &sweep->list[i - 1];

		if (*below->path || (below->prot & ~PROT_READ))
			break;
		below->path = "[vvar]";
	}
}

/* ---- Mappings of which gcore dumped nothing ------------------------------------- */

/* Whether it is a module's text, by the registry. */
static bool is_text(const struct snapshot *s, uint64_t addr)
{
	const struct reg_threadproc *tp = s ? registry_owner(s, addr).tp : NULL;

	for (size_t i = 0; tp && i < tp->module_count; i++) {
		const struct reg_image *image = snapshot_image(s, tp->modules[i].abi.image);
		uint64_t vaddr = addr - tp->modules[i].abi.bias;

		if (image && vaddr >= image->abi.text_lo && vaddr < image->abi.text_hi)
			return true;
	}
	return false;
}

/* ---- The sweep ------------------------------------------------------------------ */

static void emit(struct sweep *sweep, uint64_t lo, uint64_t hi, const struct core_load *load,
                 const struct core_range *range)
{
	struct core *core = sweep->core;
	struct maps_entry *entry = &sweep->list[sweep->count++];

	*entry = (struct maps_entry){.lo = lo, .hi = hi, .partial = true, .path = ""};
	if (range) {
		entry->path = core->paths[range->path].name;
		entry->offset = range->offset + (lo - range->lo);
		entry->shared = is_shared(entry->path);
	}
	if (load)
		entry->prot = load->prot;
	else
		entry->prot = PROT_READ | (is_text(core->snapshot, lo) ? PROT_EXEC : 0);
	if (!range)
		entry->path = special_name(core, entry);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Each stretch that the same segment and the same file cover is a mapping. */
static void run(struct sweep *sweep)
{
	const struct core *core = sweep->core;
	uint64_t at = 0;
	size_t i = 0, j = 0;

	for (;;) {
		const struct core_load *load;
		const struct core_range *range;
		uint64_t load_lo, range_lo, hi;

		while (i < core->load_count && core->loads[i].hi <= at)
			i++;
		while (j < core->range_count && core->ranges[j].hi <= at)
			j++;
		load = i < core->load_count ? &core->loads[i] : NULL;
		range = j < core->range_count ? &core->ranges[j] : NULL;
		if (!load && !range)
			return;
		load_lo = load ? later(load->lo, at) : UINT64_MAX;
		range_lo = range ? later(range->lo, at) : UINT64_MAX;
		at = earlier(load_lo, range_lo);
		hi = UINT64_MAX;
		if (load)
			hi = earlier(hi, load_lo == at ? load->hi : load_lo);
		if (range)
			hi = earlier(hi, range_lo == at ? range->hi : range_lo);
		emit(sweep, at, hi, load && load_lo == at ? load : NULL,
		     range && range_lo == at ? range : NULL);
		at = hi;
	}
}

int core_maps(struct core *core, struct maps **ret_maps, struct err *err)
{
	/* A stretch begins where something begins or ends. */
	size_t room = 2 * (core->load_count + core->range_count) + 1;
	AUTO_FREE struct maps_entry *list = calloc(room, sizeof(*list));
	struct sweep sweep = {core, list, 0};

	if (!list)
		return err_os(err, ENOMEM, "mappings of a core file");
	run(&sweep);
	name_vvar(&sweep);
	return maps_open_list(list, sweep.count, ret_maps, err);
}
