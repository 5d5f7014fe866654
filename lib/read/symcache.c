#include "lib/read/symcache.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* No image in memory is read that is longer. */
#define MEMORY_MAX (UINT64_C(1) << 20)

struct entry {
	struct entry *next;
	char *path; /* NULL: in memory, at addr */
	uint64_t addr;
	struct file_version version; /* as it was asked for */
	struct symbols *symbols;     /* NULL: failure says why */
	struct err failure;
};

struct symcache {
	struct entry *entries;
};

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
	free(cache);
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
	if (!path)
		return !entry->path && entry->addr == addr;
	return entry->path && !strcmp(entry->path, path) && version_asked(&entry->version, version);
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
		entry->version = *version;
	}
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

static bool is_version(const struct symbols *symbols, const struct file_version *wanted)
{
	const struct file_version *has = symbols_version(symbols);

	if (wanted->size || wanted->build_id_len)
		return file_version_same(has, wanted);
	return has->ino == wanted->ino;
}

static void open_entry(struct entry *entry)
{
	struct symbols *symbols;

	if (symbols_open(entry->path, &symbols, &entry->failure))
		return;
	if (!is_version(symbols, &entry->version)) {
		symbols_close(symbols);
		err_set(&entry->failure, ERR_NOT_FOUND, "the file has changed since it was mapped");
		return;
	}
	entry->symbols = symbols;
}

int symcache_file(struct symcache *cache, const char *path, const struct file_version *version,
                  const struct symbols **ret_symbols, struct err *err)
{
	struct entry *entry = find(cache, path, 0, version);

	if (!entry) {
		entry = add(cache, path, 0, version);
		if (!entry)
			return err_os(err, ENOMEM, "cache of symbols");
		open_entry(entry);
	}
	return answer(entry, ret_symbols, err);
}

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
	struct entry *entry = find(cache, NULL, addr, NULL);

	if (!entry) {
		entry = add(cache, NULL, addr, NULL);
		if (!entry)
			return err_os(err, ENOMEM, "cache of symbols");
		read_entry(entry, mem, len);
	}
	return answer(entry, ret_symbols, err);
}
