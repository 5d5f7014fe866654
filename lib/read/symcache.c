#include "lib/read/symcache.h"

#include "lib/base/cleanup.h"
#include "lib/read/debug_file.h"
#include "lib/read/dynsym_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* No image in memory is read that is longer. */
#define MEMORY_MAX (UINT64_C(1) << 20)

struct entry {
	struct entry *next;
	char *path; /* NULL: in memory, at addr */
	uint64_t addr;
	struct file_version version; /* as it was asked for */
	struct symbols *symbols;     /* NULL: failure says why */
	struct err failure;
	enum file_state state;
};

struct symcache {
	struct entry *entries;
	struct symstore *store; /* NULL: nothing is kept on disk */
};

struct file_version file_version_of_image(const struct reg_image *image)
{
	struct file_version version = {
		.dev = image->abi.dev,
		.ino = image->abi.ino,
		.size = image->abi.size,
		.mtime_sec = image->abi.mtime_sec,
		.mtime_nsec = image->abi.mtime_nsec,
		.build_id_len = image->abi.build_id_len,
	};

	memcpy(version.build_id, image->abi.build_id, sizeof(version.build_id));
	return version;
}

int symcache_create(struct symcache **ret_cache, struct err *err)
{
	struct symcache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return err_os(err, ENOMEM, "cache of symbols");
	*ret_cache = cache;
	return 0;
}

void symcache_destroy(struct symcache *cache)
{
	if (!cache)
		return;
	while (cache->entries) {
		struct entry *entry = cache->entries;

		cache->entries = entry->next;
		symbols_close(entry->symbols);
		free(entry->path);
		free(entry);
	}
	symstore_close(cache->store);
	free(cache);
}

void symcache_use_store(struct symcache *cache, struct symstore *store)
{
	symstore_close(cache->store);
	cache->store = store;
}

static bool version_asked(const struct file_version *a, const struct file_version *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_sec == b->mtime_sec && a->mtime_nsec == b->mtime_nsec &&
	       a->build_id_len == b->build_id_len &&
	       !memcmp(a->build_id, b->build_id, a->build_id_len);
}

static bool entry_is(const struct entry *entry, const char *path, uint64_t addr,
                     const struct file_version *version)
{
	if (!path ? entry->path || entry->addr != addr
	          : !entry->path || strcmp(entry->path, path) != 0)
		return false;
	return version_asked(&entry->version, version);
}

/* The entry asked for, moved to the front; NULL when there is none yet. */
static struct entry *find(struct symcache *cache, const char *path, uint64_t addr,
                          const struct file_version *version)
{
	for (struct entry **link = &cache->entries; *link; link = &(*link)->next) {
		struct entry *entry = *link;

		if (!entry_is(entry, path, addr, version))
			continue;
		*link = entry->next;
		entry->next = cache->entries;
		cache->entries = entry;
		return entry;
	}
	return NULL;
}

static struct entry *add(struct symcache *cache, const char *path, uint64_t addr,
                         const struct file_version *version)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	if (path) {
		entry->path = strdup(path);
		if (!entry->path) {
			free(entry);
			return NULL;
		}
	}
	entry->version = *version;
	entry->addr = addr;
	entry->next = cache->entries;
	cache->entries = entry;
	return entry;
}

static int answer(const struct entry *entry, const struct symbols **ret_symbols, struct err *err)
{
	if (!entry->symbols) {
		*err = entry->failure;
		return -1;
	}
	*ret_symbols = entry->symbols;
	return 0;
}

/* ---- Files --------------------------------------------------------------- */

static bool is_version(const struct symbols *symbols, const struct file_version *wanted)
{
	const struct file_version *has = symbols_version(symbols);

	if (wanted->size || wanted->build_id_len)
		return file_version_same(has, wanted);
	return has->ino == wanted->ino;
}

/* Whether the file is, for all that can be seen from outside, the very one that was mapped. */
static bool is_untouched(const struct entry *entry)
{
	const struct file_version *v = &entry->version;
	struct stat st;

	return v->size && !stat(entry->path, &st) && st.st_dev == v->dev && st.st_ino == v->ino &&
	       (uint64_t)st.st_size == v->size && st.st_mtim.tv_sec == v->mtime_sec &&
	       st.st_mtim.tv_nsec == (long)v->mtime_nsec;
}

/* Whether there is a debug file now that was not there when the symbols were kept. */
static bool is_outdated(const struct entry *entry, const struct symbols *symbols)
{
	const struct symtab *table = symbols_table(symbols);
	const struct debug_query query = {
		.path = entry->path,
		.build_id = entry->version.build_id,
		.build_id_len = entry->version.build_id_len,
		.debuglink =
			table->header->debuglink ? table->names + table->header->debuglink : NULL,
	};
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct err err;

	if (table->header->source >= SYMTAB_FROM_DEBUG_FILE)
		return false;
	return !debug_file_find(&query, &fd, &path, &err);
}

static bool take_kept(struct symcache *cache, struct entry *entry)
{
	const struct file_version *v = &entry->version;
	AUTO_FREE void *block = NULL;
	struct symbols *symbols;
	struct err err;
	size_t size;

	if (!cache->store || !v->build_id_len ||
	    symstore_load(cache->store, v->build_id, v->build_id_len, &block, &size, &err) ||
	    symbols_from_block(block, size, v, &symbols, &err))
		return false;
	block = NULL;
	if (is_outdated(entry, symbols)) {
		symbols_close(symbols);
		return false;
	}
	entry->symbols = symbols;
	return true;
}

static void keep(struct symcache *cache, const struct symbols *symbols)
{
	const struct symtab_header *h = symbols_table(symbols)->header;

	if (cache->store && h->build_id_len)
		symstore_save(cache->store, h->build_id, h->build_id_len, h, h->size);
}

/* The file itself, if it is the one that was mapped. */
static bool take_file(struct symcache *cache, struct entry *entry)
{
	struct symbols *symbols;

	if (symbols_open(entry->path, &symbols, &entry->failure)) {
		entry->state = entry->failure.code == ERR_NOT_FOUND ? FILE_GONE : FILE_UNKNOWN;
		return false;
	}
	if (!is_version(symbols, &entry->version)) {
		symbols_close(symbols);
		entry->state = FILE_CHANGED;
		err_set(&entry->failure, ERR_NOT_FOUND, "the file has changed since it was mapped");
		return false;
	}
	keep(cache, symbols);
	entry->symbols = symbols;
	return true;
}

static void open_entry(struct symcache *cache, struct entry *entry)
{
	struct symbols *symbols;
	struct err err;

	if ((is_untouched(entry) && take_kept(cache, entry)) || take_file(cache, entry)) {
		entry->state = FILE_SAME;
		return;
	}
	/* What is known by build-id is right whatever became of the file. */
	if (!entry->version.build_id_len || take_kept(cache, entry))
		return;
	if (!symbols_open_debug(entry->path, &entry->version, &symbols, &err))
		entry->symbols = symbols;
}

static struct entry *entry_of(struct symcache *cache, const char *path,
                              const struct file_version *version)
{
	struct entry *entry = find(cache, path, 0, version);

	if (entry)
		return entry;
	entry = add(cache, path, 0, version);
	if (entry)
		open_entry(cache, entry);
	return entry;
}

int symcache_file(struct symcache *cache, const char *path, const struct file_version *version,
                  const struct symbols **ret_symbols, struct err *err)
{
	struct entry *entry = entry_of(cache, path, version);

	return entry ? answer(entry, ret_symbols, err) : err_os(err, ENOMEM, "cache of symbols");
}

enum file_state symcache_state(struct symcache *cache, const char *path,
                               const struct file_version *version)
{
	struct entry *entry = entry_of(cache, path, version);

	return entry ? entry->state : FILE_UNKNOWN;
}

int symcache_image(struct symcache *cache, const struct reg_image *image,
                   const struct symbols **ret_symbols, struct err *err)
{
	const struct file_version version = file_version_of_image(image);

	return symcache_file(cache, image->path, &version, ret_symbols, err);
}

enum file_state symcache_image_state(struct symcache *cache, const struct reg_image *image)
{
	const struct file_version version = file_version_of_image(image);

	return symcache_state(cache, image->path, &version);
}

/* ---- Memory -------------------------------------------------------------- */

static void read_entry(struct entry *entry, struct mem *mem, uint64_t len)
{
	AUTO_FREE void *bytes = NULL;

	if (len > MEMORY_MAX) {
		err_set(&entry->failure, ERR_LIMIT, "image of %" PRIu64 " bytes", len);
		return;
	}
	bytes = malloc(len ? len : 1);
	if (!bytes) {
		err_os(&entry->failure, ENOMEM, "image of %" PRIu64 " bytes", len);
		return;
	}
	if (mem_read(mem, entry->addr, bytes, len, &entry->failure))
		return;
	if (symbols_open_bytes(bytes, len, &entry->symbols, &entry->failure))
		entry->symbols = NULL;
}

int symcache_memory(struct symcache *cache, struct mem *mem, uint64_t addr, uint64_t len,
                    const struct symbols **ret_symbols, struct err *err)
{
	const struct file_version none = {0};
	struct entry *entry = find(cache, NULL, addr, &none);

	if (!entry) {
		entry = add(cache, NULL, addr, &none);
		if (!entry)
			return err_os(err, ENOMEM, "cache of symbols");
		read_entry(entry, mem, len);
	}
	return answer(entry, ret_symbols, err);
}

static void read_exported(struct entry *entry, struct mem *mem, const struct reg_image *image,
                          uint64_t bias)
{
	AUTO_FREE void *bytes = NULL;
	size_t size;

	if (dynsym_memory_read(mem, image, bias, &bytes, &size, &entry->failure))
		return;
	if (symbols_open_bytes(bytes, size, &entry->symbols, &entry->failure))
		entry->symbols = NULL;
}

int symcache_module(struct symcache *cache, struct mem *mem, const struct reg_image *image,
                    uint64_t bias, const struct symbols **ret_symbols, struct err *err)
{
	const struct file_version version = file_version_of_image(image);
	uint64_t addr = bias + image->abi.vaddr_lo;
	struct entry *entry;
	struct err ignored;

	if (!symcache_file(cache, image->path, &version, ret_symbols, err))
		return 0;
	if (!mem)
		return -1;
	entry = find(cache, NULL, addr, &version);
	if (!entry) {
		entry = add(cache, NULL, addr, &version);
		if (!entry)
			return err_os(err, ENOMEM, "cache of symbols");
		read_exported(entry, mem, image, bias);
	}
	return answer(entry, ret_symbols, &ignored); /* the file's failure says more */
}
