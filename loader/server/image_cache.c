#include "loader/server/image_cache.h"

#include "lib/base/cleanup.h"
#include "loader/server/instructions.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Text larger than this is not scanned: no program comes near it. */
#define MAX_TEXT (UINT64_C(1) << 30)
/* Entries that nobody uses are dropped from here on. */
#define MAX_UNUSED 512

void image_cache_init(struct image_cache *cache, struct registry *registry)
{
	*cache = (struct image_cache){ .registry = registry };
}

static void free_entry(struct cached_image *entry)
{
	image_destroy(entry->image);
	for (uint32_t i = 0; i < entry->span_count; i++)
		free(entry->spans[i].text);
	free(entry->spans);
	free(entry->sites);
	free(entry);
}

void image_cache_deinit(struct image_cache *cache)
{
	struct cached_image *entry;
	struct cached_image *next;

	HASH_ITER(hh, cache->by_key, entry, next) {
		HASH_DEL(cache->by_key, entry);
		free_entry(entry);
	}
}

static int read_all(int fd, void *to, size_t len, uint64_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(off + done));

		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

/* ---- sites ------------------------------------------------------------------------ */

static int add_sites(struct cached_image *entry, uint32_t segment, const uint8_t *text,
		     const struct tp_site *found, size_t count)
{
	const struct image_segment *s = &entry->image->segments[segment];
	uint32_t had = entry->image->site_count;
	struct image_site *grown;

	if (!count)
		return 0;
	grown = reallocarray(entry->sites, had + count, sizeof(*grown));
	if (!grown)
		return -1;
	entry->sites = grown;
	for (size_t i = 0; i < count; i++) {
		struct image_site *site = &grown[had + i];

		*site = (struct image_site){ .site = found[i], .segment = segment };
		memcpy(site->text, text + (found[i].off - s->offset), found[i].len);
	}
	entry->image->site_count += (uint32_t)count;
	return 0;
}

static size_t at_most(size_t count)
{
	return count < PATCH_MAX_SITES ? count : PATCH_MAX_SITES;
}

/* Of the sites that a pattern found, those that the disassembler sees too. */
static size_t keep_confirmed(const uint8_t *text, const struct image_segment *s,
			     struct tp_site *sites, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < at_most(count); i++)
		if (instructions_confirm(text, s->filesz, sites[i].off - s->offset, &sites[i]))
			sites[kept++] = sites[i];
	return kept;
}

/* True for an interpreter, and for a program that needs none. */
static bool starts_programs(const struct image *image)
{
	return image->dl_debug_state || (image->entry && !image->interp);
}

/* Reads one executable segment and looks for sites in it. */
static int scan_segment(struct cached_image *entry, int fd, uint32_t segment, struct err *err)
{
	const struct image_segment *s = &entry->image->segments[segment];
	struct tp_site found[PATCH_MAX_SITES];
	AUTO_FREE uint8_t *text = NULL;
	size_t count;

	if (!(s->prot & PROT_EXEC) || !s->filesz || s->filesz > MAX_TEXT ||
	    s->offset > UINT32_MAX - s->filesz)
		return 0;
	text = malloc(s->filesz);
	if (!text)
		return err_os(err, ENOMEM, "%s: cannot read its text", entry->image->path);
	if (read_all(fd, text, s->filesz, s->offset))
		return err_set(err, ERR_INVALID, "%s: its text cannot be read",
			       entry->image->path);
	count = keep_confirmed(text, s, found, patch_scan(text, s->filesz, (uint32_t)s->offset,
							 instructions_is_entered, found,
							 PATCH_MAX_SITES));
	if (add_sites(entry, segment, text, found, count))
		return err_os(err, ENOMEM, "%s: cannot note its sites", entry->image->path);
	if (!starts_programs(entry->image))
		return 0;
	count = at_most(instructions_scan_cpuid(text, s->filesz, (uint32_t)s->offset, found,
						PATCH_MAX_SITES));
	if (add_sites(entry, segment, text, found, count))
		return err_os(err, ENOMEM, "%s: cannot note its sites", entry->image->path);
	return 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct image_site *x = a;
	const struct image_site *y = b;

	return x->site.off < y->site.off ? -1 : x->site.off > y->site.off;
}

/* Ascending, and none that overlaps the one before it. */
static void sort_sites(struct cached_image *entry)
{
	uint32_t kept = 0;

	if (!entry->image->site_count)
		return;
	qsort(entry->sites, entry->image->site_count, sizeof(*entry->sites), by_offset);
	for (uint32_t i = 0; i < entry->image->site_count; i++) {
		const struct tp_site *last = kept ? &entry->sites[kept - 1].site : NULL;

		if (!last || entry->sites[i].site.off >= last->off + last->len)
			entry->sites[kept++] = entry->sites[i];
	}
	entry->image->site_count = kept;
}

/* How many sites follow `first` without a page of the file between two of them. */
static uint32_t span_sites(const struct cached_image *entry, uint32_t first)
{
	const struct image_site *sites = entry->sites;
	uint32_t i = first + 1;

	while (i < entry->image->site_count && sites[i].segment == sites[first].segment &&
	       sites[i].site.off / 4096 <= sites[i - 1].site.off / 4096 + 1)
		i++;
	return i - first;
}

static int make_spans(struct cached_image *entry, int fd)
{
	uint32_t next = 0;

	if (!entry->image->site_count)
		return 0;
	entry->spans = calloc(entry->image->site_count, sizeof(*entry->spans));
	if (!entry->spans)
		return -1;
	while (next < entry->image->site_count) {
		struct image_span *span = &entry->spans[entry->span_count];
		const struct tp_site *last;

		span->segment = entry->sites[next].segment;
		span->off = entry->sites[next].site.off;
		span->first_site = next;
		span->site_count = span_sites(entry, next);
		next += span->site_count;
		last = &entry->sites[next - 1].site;
		span->len = last->off + last->len - span->off;
		span->text = malloc(span->len);
		if (!span->text)
			return -1;
		entry->span_count++;
		if (read_all(fd, span->text, span->len, span->off))
			return -1;
	}
	return 0;
}

/* The first bytes of _dl_debug_state, which a hook replaces. */
static void read_debug_state(struct cached_image *entry, int fd)
{
	const struct image *image = entry->image;
	uint64_t vaddr = image->dl_debug_state;

	for (uint32_t i = 0; vaddr && i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (!(s->prot & PROT_EXEC) || vaddr < s->vaddr || vaddr - s->vaddr >= s->filesz ||
		    s->filesz - (vaddr - s->vaddr) < PATCH_HOOK_BYTES)
			continue;
		entry->has_debug_state_text =
			!read_all(fd, entry->debug_state_text, PATCH_HOOK_BYTES,
				  s->offset + (vaddr - s->vaddr));
		return;
	}
}

/* ---- the registry's record ---------------------------------------------------------- */

static uint32_t free_index(const struct registry *registry, const struct image_key *key)
{
	uint32_t start = tp_image_hash(key->dev, key->ino);

	for (uint32_t probe = 0; probe < TP_IMAGE_PROBES; probe++) {
		uint32_t index = (start + probe) % TP_IMAGES;

		if (index && !registry->images[index].ino)
			return index;
	}
	return 0;
}

static void publish(struct image_cache *cache, struct cached_image *entry)
{
	struct registry *registry = cache->registry;
	const struct image *image = entry->image;
	uint32_t index = free_index(registry, &entry->key);
	struct tp_image *record = &registry->images[index];
	struct tp_site sites[2 * PATCH_MAX_SITES];
	uint32_t count = image->site_count;

	if (!index)
		return;
	if (count > sizeof(sites) / sizeof(sites[0]))
		count = sizeof(sites) / sizeof(sites[0]);
	for (uint32_t i = 0; i < count; i++)
		sites[i] = entry->sites[i].site;
	registry_begin(registry);
	registry_seq_begin(&record->seq);
	record->generation++;
	record->flags = (image->fixed ? TP_IMAGE_EXEC : 0) |
			(image->has_symtab ? TP_IMAGE_SYMTAB : 0) |
			(image->has_debug_info ? TP_IMAGE_DEBUG : 0) |
			(image->has_tls ? TP_IMAGE_TLS : 0);
	record->users = 0;
	record->dev = entry->key.dev;
	record->ino = entry->key.ino;
	record->size = entry->key.size;
	record->mtime_sec = entry->key.mtime_sec;
	record->mtime_nsec = (uint32_t)entry->key.mtime_nsec;
	record->build_id_len = image->build_id_len;
	memcpy(record->build_id, image->build_id, sizeof(record->build_id));
	record->vaddr_lo = image->vaddr_lo;
	record->vaddr_hi = image->vaddr_hi;
	record->text_lo = image->text_lo;
	record->text_hi = image->text_hi;
	record->dynamic = image->dynamic;
	record->dynsym = image->dynsym;
	record->dynstr = image->dynstr;
	record->dynstr_size = image->dynstr_size;
	record->gnu_hash = image->gnu_hash;
	record->sysv_hash = image->sysv_hash;
	record->tls_size = image->tls_size;
	record->dynsym_count = image->dynsym_count;
	record->path = heap_put_string(&registry->heap, image->path);
	record->sites = heap_put(&registry->heap, sites, count * (uint32_t)sizeof(sites[0]));
	record->site_count = record->sites.len / (uint32_t)sizeof(sites[0]);
	/* With no room for its sites, in-space code must not take "none" for an answer. */
	if (record->site_count != image->site_count)
		record->site_count = UINT32_MAX;
	registry_seq_end(&record->seq);
	if (index >= registry->map->image_high)
		registry->map->image_high = index + 1;
	registry_end(registry);
	entry->index = index;
}

static void unpublish(struct image_cache *cache, struct cached_image *entry)
{
	struct registry *registry = cache->registry;
	struct tp_image *record = &registry->images[entry->index];
	struct tp_image cleared = { 0 };

	if (!entry->index)
		return;
	registry_begin(registry);
	registry_seq_begin(&record->seq);
	heap_free(&registry->heap, &record->path);
	heap_free(&registry->heap, &record->sites);
	cleared.seq = record->seq;
	cleared.generation = record->generation;
	*record = cleared;
	registry_seq_end(&record->seq);
	registry_end(registry);
}

/* ---- the cache ------------------------------------------------------------------------ */

/* Drops the entry that was not used for the longest time, when there are too many. */
static void make_room(struct image_cache *cache)
{
	struct cached_image *oldest = NULL;
	struct cached_image *entry;
	struct cached_image *next;
	unsigned unused = 0;

	HASH_ITER(hh, cache->by_key, entry, next) {
		if (entry->users)
			continue;
		unused++;
		if (!oldest || entry->last_use < oldest->last_use)
			oldest = entry;
	}
	if (!oldest || unused < MAX_UNUSED)
		return;
	HASH_DEL(cache->by_key, oldest);
	unpublish(cache, oldest);
	free_entry(oldest);
}

static int create_entry(struct image_cache *cache, int fd, const char *path,
			const struct image_key *key, struct cached_image **ret_image,
			struct err *err)
{
	struct cached_image *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return err_os(err, ENOMEM, "%s", path);
	entry->key = *key;
	if (image_create(fd, path, &entry->image, err)) {
		free(entry);
		return -1;
	}
	for (uint32_t i = 0; i < entry->image->segment_count; i++) {
		if (scan_segment(entry, fd, i, err)) {
			free_entry(entry);
			return -1;
		}
	}
	sort_sites(entry);
	if (make_spans(entry, fd)) {
		err_set(err, ERR_INVALID, "%s: its text cannot be read", path);
		free_entry(entry);
		return -1;
	}
	read_debug_state(entry, fd);
	make_room(cache);
	publish(cache, entry);
	HASH_ADD(hh, cache->by_key, key, sizeof(entry->key), entry);
	*ret_image = entry;
	return 0;
}

int image_cache_get(struct image_cache *cache, int fd, const char *path,
		    struct cached_image **ret_image, struct err *err)
{
	struct cached_image *entry = NULL;
	struct image_key key;
	struct stat st;

	if (fstat(fd, &st))
		return err_os(err, errno, "%s", path);
	memset(&key, 0, sizeof(key));
	key.dev = st.st_dev;
	key.ino = st.st_ino;
	key.size = (uint64_t)st.st_size;
	key.mtime_sec = st.st_mtim.tv_sec;
	key.mtime_nsec = (uint64_t)st.st_mtim.tv_nsec;
	HASH_FIND(hh, cache->by_key, &key, sizeof(key), entry);
	if (!entry && create_entry(cache, fd, path, &key, &entry, err))
		return -1;
	entry->users++;
	entry->last_use = ++cache->clock;
	if (entry->index)
		cache->registry->images[entry->index].users = entry->users;
	*ret_image = entry;
	return 0;
}

void image_cache_put(struct image_cache *cache, struct cached_image *image)
{
	image->users--;
	if (image->index)
		cache->registry->images[image->index].users = image->users;
}
