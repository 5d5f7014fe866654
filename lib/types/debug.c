#include "lib/types/debug.h"

#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "lib/read/regular_file.h"
#include "lib/types/index.h"
#include "lib/types/type.h"
#include "lib/types/units.h"

#include <errno.h>
#include <string.h>

/* Sections of entries of the main file, its alternate file and split ones. */
#define SPANS_MAX 4096

struct span {
	Dwarf *dwarf;
	const char *lo;
	const char *hi;
};

struct debug {
	int fd; /* -1: bytes */
	void *bytes;
	char *path;
	Elf *elf;
	Dwarf *dwarf;
	struct span *spans;
	size_t span_count;
	struct debug_index *index;
	struct debug_units *units;
	struct type_store *types;
	debug_progress *progress;
	void *progress_context;
};

/* ---- Sections ------------------------------------------------------------ */

static bool holds_entries(const char *name)
{
	static const char *const names[] = {
		".debug_info",     ".debug_types",     ".zdebug_info",     ".zdebug_types",
		".debug_info.dwo", ".debug_types.dwo", ".zdebug_info.dwo", ".zdebug_types.dwo",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return false;
}

static void add_span(struct debug *debug, Dwarf *dwarf, Elf_Data *data)
{
	struct span *grown;

	if (debug->span_count == SPANS_MAX)
		return;
	grown = reallocarray(debug->spans, debug->span_count + 1, sizeof(*grown));
	if (!grown)
		return;
	debug->spans = grown;
	grown[debug->span_count++] = (struct span){
		dwarf,
		data ? data->d_buf : NULL,
		data ? (const char *)data->d_buf + data->d_size : NULL,
	};
}

/* Where libdw has its entries; at least one span, which is empty when there is nothing. */
static void find_spans(struct debug *debug, Dwarf *dwarf)
{
	Elf *elf = dwarf_getelf(dwarf);
	Elf_Scn *scn = NULL;
	size_t names;

	add_span(debug, dwarf, NULL);
	if (!elf || elf_getshdrstrndx(elf, &names))
		return;
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr shdr;
		Elf_Data *data;
		const char *name;

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(elf, names, shdr.sh_name);
		data = name && holds_entries(name) ? elf_getdata(scn, NULL) : NULL;
		if (data && data->d_buf && data->d_size)
			add_span(debug, dwarf, data);
	}
}

/* With NULL for text: the size of all sections. */
size_t debug_bytes_from(struct debug *debug, Dwarf *dwarf, const char *text)
{
	bool known = false;
	size_t total = 0;

	for (int pass = 0; pass < 2 && !known; pass++) {
		if (pass)
			find_spans(debug, dwarf);
		for (size_t i = 0; i < debug->span_count; i++) {
			const struct span *span = &debug->spans[i];

			if (span->dwarf != dwarf)
				continue;
			known = true;
			total += (size_t)(span->hi - span->lo);
			if (text && text >= span->lo && text < span->hi)
				return (size_t)(span->hi - text);
		}
	}
	return text ? 0 : total;
}

/* ---- Opening ------------------------------------------------------------- */

void debug_close(struct debug *debug)
{
	if (!debug)
		return;
	type_store_destroy(debug->types);
	debug_index_destroy(debug->index);
	debug_units_destroy(debug->units);
	dwarf_end(debug->dwarf);
	elf_end(debug->elf);
	if (debug->fd >= 0)
		close(debug->fd);
	free(debug->bytes);
	free(debug->spans);
	free(debug->path);
	free(debug);
}

/* Takes over fd and, if that succeeds, elf. */
static int begin(struct debug *debug, Elf *elf, struct err *err)
{
	debug->dwarf = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
	if (debug->dwarf && debug_bytes_from(debug, debug->dwarf, NULL)) {
		debug->elf = elf;
		return 0;
	}
	dwarf_end(debug->dwarf);
	debug->dwarf = NULL;
	debug->span_count = 0;
	return err_set(err, ERR_NOT_FOUND, "no debugging information");
}

static struct debug *allocate(const char *path, struct err *err)
{
	struct debug *debug = calloc(1, sizeof(*debug));

	if (debug) {
		debug->fd = -1;
		debug->path = strdup(path);
	}
	if (debug && debug->path)
		return debug;
	free(debug);
	err_os(err, ENOMEM, "debugging information");
	return NULL;
}

/* Looks for the separate file of a stripped one. */
static int begin_separate(struct debug *debug, Elf *stripped, struct err *err)
{
	struct debug_query query = {.path = debug->path};
	uint8_t build_id[TP_BUILD_ID_SIZE];
	AUTO_CLOSE int fd = -1;
	char *path;
	Elf *elf;

	query.build_id = build_id;
	query.build_id_len = debug_file_build_id(stripped, build_id);
	query.debuglink = debug_file_link(stripped);
	if (debug_file_find(&query, &fd, &path, err))
		return err_prefix(err, "no debugging information");
	free(debug->path);
	debug->path = path;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (begin(debug, elf, err)) {
		elf_end(elf);
		return -1;
	}
	close(debug->fd);
	debug->fd = TAKE_FD(fd);
	return 0;
}

static int check_version(Elf *elf, const struct stat *st, const struct file_version *wanted,
                         struct err *err)
{
	struct file_version has = {
		.size = (uint64_t)st->st_size,
		.mtime_sec = st->st_mtim.tv_sec,
		.mtime_nsec = (uint32_t)st->st_mtim.tv_nsec,
	};
	bool same;

	has.build_id_len = debug_file_build_id(elf, has.build_id);
	same = wanted->size || wanted->build_id_len ? file_version_same(&has, wanted)
	                                            : (uint64_t)st->st_ino == wanted->ino;
	if (!same)
		return err_set(err, ERR_NOT_FOUND, "the file has changed since it was mapped");
	return 0;
}

int debug_open(const char *path, const struct file_version *version, struct debug **ret_debug,
               struct err *err)
{
	struct debug *debug;
	struct stat st;
	Elf *elf = NULL;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ERR_INVALID, "libelf: %s", elf_errmsg(-1));
	debug = allocate(path, err);
	if (!debug)
		return -1;
	if (regular_file_open(path, &debug->fd, &st, err))
		goto fail;
	elf = elf_begin(debug->fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		err_set(err, ERR_INVALID, "not an ELF file");
		goto fail;
	}
	if (check_version(elf, &st, version, err))
		goto fail;
	if (begin(debug, elf, err)) {
		if (begin_separate(debug, elf, err))
			goto fail;
		elf_end(elf);
	}
	*ret_debug = debug;
	return 0;
fail:
	elf_end(elf);
	debug_close(debug);
	return -1;
}

int debug_open_bytes(const void *bytes, size_t len, struct debug **ret_debug, struct err *err)
{
	struct debug *debug = allocate("", err);
	Elf *elf = NULL;

	if (!debug)
		return -1;
	elf_version(EV_CURRENT);
	debug->bytes = malloc(len ? len : 1);
	if (!debug->bytes) {
		debug_close(debug);
		return err_os(err, ENOMEM, "image of %zu bytes", len);
	}
	if (len) {
		memcpy(debug->bytes, bytes, len);
		elf = elf_memory(debug->bytes, len);
	}
	if (begin(debug, elf, err)) {
		elf_end(elf);
		debug_close(debug);
		return -1;
	}
	*ret_debug = debug;
	return 0;
}

/* ---- What there is ------------------------------------------------------- */

Dwarf *debug_dwarf(const struct debug *debug)
{
	return debug->dwarf;
}

const char *debug_path(const struct debug *debug)
{
	return debug->path;
}

int debug_get_index(struct debug *debug, struct debug_index **ret_index, struct err *err)
{
	if (!debug->index &&
	    debug_index_create(debug, debug->progress, debug->progress_context, &debug->index, err))
		return -1;
	*ret_index = debug->index;
	return 0;
}

int debug_get_units(struct debug *debug, struct debug_units **ret_units, struct err *err)
{
	if (!debug->units && debug_units_create(debug, &debug->units, err))
		return -1;
	*ret_units = debug->units;
	return 0;
}

int debug_get_types(struct debug *debug, struct type_store **ret_types, struct err *err)
{
	if (!debug->types && type_store_create(debug, &debug->types, err))
		return -1;
	*ret_types = debug->types;
	return 0;
}

/* ---- Cache --------------------------------------------------------------- */

struct cached {
	struct cached *next;
	char *path;
	struct file_version version; /* as it was asked for */
	struct debug *debug;         /* NULL: failure says why */
	struct err failure;
};

struct debug_cache {
	struct cached *entries;
	debug_progress *progress;
	void *context;
};

int debug_cache_create(struct debug_cache **ret_cache, struct err *err)
{
	struct debug_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return err_os(err, ENOMEM, "cache of debugging information");
	*ret_cache = cache;
	return 0;
}

void debug_cache_destroy(struct debug_cache *cache)
{
	while (cache && cache->entries) {
		struct cached *entry = cache->entries;

		cache->entries = entry->next;
		debug_close(entry->debug);
		free(entry->path);
		free(entry);
	}
	free(cache);
}

void debug_cache_set_progress(struct debug_cache *cache, debug_progress *progress, void *context)
{
	cache->progress = progress;
	cache->context = context;
}

static bool is_asked(const struct cached *entry, const char *path, const struct file_version *v)
{
	const struct file_version *has = &entry->version;

	return !strcmp(entry->path, path) && has->dev == v->dev && has->ino == v->ino &&
	       has->size == v->size && has->mtime_sec == v->mtime_sec &&
	       has->mtime_nsec == v->mtime_nsec && has->build_id_len == v->build_id_len &&
	       !memcmp(has->build_id, v->build_id, v->build_id_len);
}

static struct cached *add_cached(struct debug_cache *cache, const char *path,
                                 const struct file_version *version)
{
	struct cached *entry = calloc(1, sizeof(*entry));

	if (entry)
		entry->path = strdup(path);
	if (!entry || !entry->path) {
		free(entry);
		return NULL;
	}
	entry->version = *version;
	if (debug_open(path, version, &entry->debug, &entry->failure))
		entry->debug = NULL;
	entry->next = cache->entries;
	cache->entries = entry;
	return entry;
}

int debug_cache_file(struct debug_cache *cache, const char *path,
                     const struct file_version *version, struct debug **ret_debug, struct err *err)
{
	struct cached *entry = cache->entries;

	while (entry && !is_asked(entry, path, version))
		entry = entry->next;
	if (!entry)
		entry = add_cached(cache, path, version);
	if (!entry)
		return err_os(err, ENOMEM, "cache of debugging information");
	if (!entry->debug) {
		*err = entry->failure;
		return -1;
	}
	entry->debug->progress = cache->progress;
	entry->debug->progress_context = cache->context;
	*ret_debug = entry->debug;
	return 0;
}
