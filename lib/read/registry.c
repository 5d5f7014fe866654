/*
 * Opening a registry, and what has to be true of its header before anything else is
 * looked at.
 */
#include "lib/read/registry.h"

#include "lib/base/cleanup.h"
#include "lib/base/space_dir.h"
#include "lib/read/registry_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A registry larger than this is not copied: nobody's is. */
#define COPY_MAX (UINT64_C(1) << 30)

/* No table has more elements than this, whatever a later version makes of it. */
#define TABLE_COUNT_MAX (1u << 20)

struct table_rule {
	const char *name;
	size_t header_at; /* offset of its struct tp_table in the header */
	size_t size_min;  /* of an element, as this version knows it */
	uint32_t count_max;
};

#define RULE(field, size_min, count_max)                                                           \
	{                                                                                          \
#field, offsetof(struct tp_registry, field), size_min, count_max                   \
	}

static const struct table_rule table_rules[] = {
	RULE(granules, sizeof(struct tp_granule), TABLE_COUNT_MAX),
	RULE(fixed, sizeof(struct tp_fixed), TABLE_COUNT_MAX),
	RULE(threadprocs, sizeof(struct tp_threadproc), TABLE_COUNT_MAX),
	RULE(images, sizeof(struct tp_image), TABLE_COUNT_MAX),
	RULE(names, sizeof(struct tp_name), TABLE_COUNT_MAX),
	RULE(heap, 1, UINT32_MAX),
};

#define TABLES (sizeof(table_rules) / sizeof(table_rules[0]))

static const struct tp_table *table_of(const struct tp_registry *h, size_t i)
{
	return (const struct tp_table *)((const char *)h + table_rules[i].header_at);
}

static uint64_t table_end(const struct tp_table *table)
{
	return table->off + (uint64_t)table->size * table->count;
}

static int check_table(const struct tp_registry *h, size_t i, struct err *err)
{
	const struct table_rule *rule = &table_rules[i];
	const struct tp_table *table = table_of(h, i);
	bool bytes = rule->size_min == 1;
	uint64_t length = (uint64_t)table->size * table->count; /* of 32 bits each: no overflow */

	if (bytes ? table->size != 1 : table->size < rule->size_min || table->size % 8)
		return err_set(err, ERR_REGISTRY, "registry: table %s: element size %" PRIu32,
		               rule->name, table->size);
	if (table->count > rule->count_max)
		return err_set(err, ERR_REGISTRY, "registry: table %s: %" PRIu32 " elements",
		               rule->name, table->count);
	if (table->off < sizeof(*h) || table->off % 8 || table->off > h->size ||
	    length > h->size - table->off)
		return err_set(err, ERR_REGISTRY,
		               "registry: table %s: offset 0x%" PRIx64 ", %" PRIu64
		               " bytes: not within the registry",
		               rule->name, table->off, length);
	for (size_t j = 0; j < i; j++) {
		const struct tp_table *other = table_of(h, j);

		if (table->off < table_end(other) && other->off < table_end(table))
			return err_set(err, ERR_REGISTRY, "registry: tables %s and %s overlap",
			               table_rules[j].name, rule->name);
	}
	return 0;
}

static bool range_wraps(uint64_t lo, uint64_t size)
{
	return lo + size < lo;
}

static int check_header(const struct tp_registry *h, uint64_t length, struct err *err)
{
	if (h->magic != TP_ABI_MAGIC)
		return err_set(err, ERR_REGISTRY, "not a registry (magic 0x%" PRIx64 ")", h->magic);
	if (h->abi_version != TP_ABI_VERSION)
		return err_set(err, ERR_REGISTRY,
		               "registry of ABI version %" PRIu32 "; this program knows version %u",
		               h->abi_version, TP_ABI_VERSION);
	if (h->size < sizeof(*h) || h->size > length)
		return err_set(err, ERR_REGISTRY,
		               "registry: says it has %" PRIu64 " bytes, has %" PRIu64, h->size,
		               length);
	if (!memchr(h->space, '\0', sizeof(h->space)))
		return err_set(err, ERR_REGISTRY, "registry: the space's name has no end");
	if (h->granule_shift != TP_GRANULE_SHIFT)
		return err_set(err, ERR_REGISTRY, "registry: granule shift %" PRIu32,
		               h->granule_shift);
	if (h->page_size < 4096 || h->page_size > (1u << 30) || (h->page_size & (h->page_size - 1)))
		return err_set(err, ERR_REGISTRY, "registry: page size %" PRIu32, h->page_size);
	if (h->agent_lo > h->agent_hi || range_wraps(h->address, h->size) ||
	    range_wraps(h->mailbox_addr, h->mailbox_size))
		return err_set(err, ERR_REGISTRY, "registry: a range of the toolkit is reversed");
	for (size_t i = 0; i < TABLES; i++) {
		if (check_table(h, i, err))
			return -1;
	}
	if (h->threadproc_high > h->threadprocs.count || h->image_high > h->images.count ||
	    h->name_high > h->names.count)
		return err_set(err, ERR_REGISTRY, "registry: a table is used past its end");
	return 0;
}

int registry_header(const struct registry *registry, struct tp_registry *ret_header,
                    struct err *err)
{
	struct tp_registry header;

	if (registry->length < sizeof(header))
		return err_set(err, ERR_REGISTRY, "not a registry (%" PRIu64 " bytes)",
		               registry->length);
	memcpy(&header, registry->base, sizeof(header));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (check_header(&header, registry->length, err))
		return -1;
	*ret_header = header;
	return 0;
}

/* ---- Where it comes from ------------------------------------------------- */

static int registry_create(struct registry **ret_registry, struct err *err)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return err_os(err, ENOMEM, "registry");
	*ret_registry = registry;
	return 0;
}

void registry_close(struct registry *registry)
{
	if (!registry)
		return;
	if (registry->mapped)
		munmap(registry->base, registry->length);
	else
		free(registry->base);
	free(registry);
}

/* Hands on a registry whose header is sound, closes it otherwise. */
static int finish(struct registry *registry, struct registry **ret_registry, struct err *err)
{
	struct tp_registry header;

	if (registry_header(registry, &header, err)) {
		registry_close(registry);
		return -1;
	}
	*ret_registry = registry;
	return 0;
}

static int allocate(struct registry *registry, uint64_t length, struct err *err)
{
	if (length > COPY_MAX)
		return err_set(err, ERR_REGISTRY, "not a registry (%" PRIu64 " bytes)", length);
	registry->base = malloc(length ? length : 1);
	if (!registry->base)
		return err_os(err, ENOMEM, "registry of %" PRIu64 " bytes", length);
	registry->length = length;
	return 0;
}

int registry_from_bytes(const void *bytes, size_t len, struct registry **ret_registry,
                        struct err *err)
{
	struct registry *registry = NULL;

	if (registry_create(&registry, err))
		return -1;
	if (allocate(registry, len, err)) {
		registry_close(registry);
		return -1;
	}
	if (len)
		memcpy(registry->base, bytes, len);
	return finish(registry, ret_registry, err);
}

int registry_take_bytes(void *bytes, size_t len, struct registry **ret_registry, struct err *err)
{
	struct registry *registry = NULL;

	if (registry_create(&registry, err)) {
		free(bytes);
		return -1;
	}
	registry->base = bytes;
	registry->length = len;
	return finish(registry, ret_registry, err);
}

static int map_file(struct registry *registry, int fd, uint64_t length, struct err *err)
{
	void *base = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);

	if (base == MAP_FAILED)
		return err_os(err, errno, "cannot map the registry");
	registry->base = base;
	registry->length = length;
	registry->mapped = true;
	return 0;
}

static int copy_file(struct registry *registry, int fd, uint64_t length, struct err *err)
{
	uint64_t done = 0;

	if (allocate(registry, length, err))
		return -1;
	while (done < length) {
		ssize_t got = pread(fd, registry->base + done, length - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, errno, "cannot read the registry");
		if (!got)
			break;
		done += (uint64_t)got;
	}
	registry->length = done;
	return 0;
}

int registry_open_fd(int fd, struct registry **ret_registry, struct err *err)
{
	struct registry *registry = NULL;
	struct stat st;
	int seals;
	int failed;

	if (fstat(fd, &st))
		return err_os(err, errno, "cannot stat the registry");
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct tp_registry))
		return err_set(err, ERR_REGISTRY, "not a registry (no file of that kind)");
	if (registry_create(&registry, err))
		return -1;
	/* A mapping of a file that can shrink could raise SIGBUS. */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & F_SEAL_SHRINK))
		failed = map_file(registry, fd, (uint64_t)st.st_size, err);
	else
		failed = copy_file(registry, fd, (uint64_t)st.st_size, err);
	if (failed) {
		registry_close(registry);
		return -1;
	}
	return finish(registry, ret_registry, err);
}

int registry_open_file(const char *space, int *ret_fd, struct err *err)
{
	AUTO_CLOSE int dir = -1;
	int fd;

	if (space_dir_open(space, 0, &dir, err))
		return -1;
	/* The link leads to a descriptor of the server: not to be waited for, whatever it is. */
	fd = openat(dir, "registry", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return err_set(err, ERR_NO_SPACE, "no such space: %s (it has no server)", space);
	if (fd < 0)
		return err_os(err, errno, "cannot open the registry of the space %s", space);
	*ret_fd = fd;
	return 0;
}

int registry_open_space(const char *space, struct registry **ret_registry, struct err *err)
{
	AUTO_CLOSE int fd = -1;

	if (registry_open_file(space, &fd, err))
		return -1;
	if (registry_open_fd(fd, ret_registry, err))
		return err_prefix(err, "space %s", space);
	return 0;
}
