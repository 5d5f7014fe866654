#include "loader/server/registry.h"

#include "loader/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t registry_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Puts a table at *off, and moves *off behind it. */
static struct tp_table table_at(uint64_t *off, uint32_t size, uint32_t count)
{
	struct tp_table table = { .off = *off, .size = size, .count = count };
	uint64_t bytes = (uint64_t)size * count;

	*off += (bytes + 4095) & ~UINT64_C(4095);
	return table;
}

static void lay_out(struct registry *registry)
{
	struct tp_registry *map = registry->map;
	uint8_t *base = (uint8_t *)map;
	uint64_t off = TP_REGISTRY_HEADER_SIZE;

	map->granules = table_at(&off, sizeof(struct tp_granule), TP_GRANULES);
	map->fixed = table_at(&off, sizeof(struct tp_fixed), TP_FIXED);
	map->threadprocs = table_at(&off, sizeof(struct tp_threadproc), TP_THREADPROCS);
	map->images = table_at(&off, sizeof(struct tp_image), TP_IMAGES);
	map->names = table_at(&off, sizeof(struct tp_name), TP_NAMES);
	map->cpuid = table_at(&off, sizeof(struct tp_cpuid), TP_CPUIDS);
	map->heap = table_at(&off, 1, (uint32_t)(TP_REGISTRY_SIZE - off));
	registry->granules = (void *)(base + map->granules.off);
	registry->fixed = (void *)(base + map->fixed.off);
	registry->threadprocs = (void *)(base + map->threadprocs.off);
	registry->images = (void *)(base + map->images.off);
	registry->names = (void *)(base + map->names.off);
	registry->cpuids = (void *)(base + map->cpuid.off);
	heap_init(&registry->heap, base + map->heap.off, map->heap.count);
}

int registry_create(struct registry *registry, const char *space, struct err *err)
{
	const int seals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct tp_registry *map;

	*registry = (struct registry){.fresh_threadproc = 1, .tombstones = REGISTRY_TOMBSTONES};
	registry->fd = memfd_create("tproc-registry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (registry->fd < 0)
		return err_os(err, errno, "cannot make the registry");
	if (ftruncate(registry->fd, (off_t)TP_REGISTRY_SIZE)) {
		err_os(err, errno, "cannot size the registry");
		close(registry->fd);
		return -1;
	}
	map = mmap(NULL, TP_REGISTRY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, registry->fd, 0);
	if (map == MAP_FAILED || fcntl(registry->fd, F_ADD_SEALS, seals)) {
		err_os(err, errno, "cannot map and seal the registry");
		close(registry->fd);
		return -1;
	}
	registry->map = map;
	lay_out(registry);
	snprintf(map->space, sizeof(map->space), "%s", space);
	map->abi_version = TP_ABI_VERSION;
	map->size = TP_REGISTRY_SIZE;
	map->address = TP_REGISTRY_ADDR;
	map->server_pid = getpid();
	map->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	map->created_ns = registry_now_ns();
	map->mailbox_addr = TP_MAILBOX_ADDR;
	map->mailbox_size =
		TP_MAILBOX_HEADER_SIZE + (uint64_t)TP_THREADPROCS * TP_MAILBOX_STRIDE;
	map->granule_shift = TP_GRANULE_SHIFT;
	map->threadproc_high = 1;
	map->image_high = 1;
	map->name_high = 1;
	__atomic_store_n(&map->magic, TP_ABI_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

void registry_set_quarantine(struct registry *registry, uint32_t granules)
{
	registry->map->quarantine = granules == QUARANTINE_FOREVER
	                                    ? UINT64_MAX
	                                    : (uint64_t)granules << TP_GRANULE_SHIFT;
	/* Each of them has one granule or more. */
	if (granules >= REGISTRY_TOMBSTONES)
		registry->tombstones = granules < TP_THREADPROCS ? granules + 1 : TP_THREADPROCS;
}

void registry_destroy(struct registry *registry)
{
	heap_deinit(&registry->heap);
	munmap(registry->map, TP_REGISTRY_SIZE);
	close(registry->fd);
}

void registry_seq_begin(uint32_t *seq)
{
	__atomic_store_n(seq, *seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void registry_seq_end(uint32_t *seq)
{
	__atomic_store_n(seq, *seq + 1, __ATOMIC_RELEASE);
}

void registry_begin(struct registry *registry)
{
	registry_seq_begin(&registry->map->seq);
}

void registry_end(struct registry *registry)
{
	registry_seq_end(&registry->map->seq);
	registry->changed = true;
}

/* Who follows what happens waits at the counter; not knowing whether there is anybody costs
 * less than any way to find out. */
void registry_tell(struct registry *registry)
{
	if (!registry->changed)
		return;
	registry->changed = false;
	syscall(SYS_futex, &registry->map->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void registry_free_modules(struct registry *registry, struct tp_threadproc *record)
{
	struct heap *heap = &registry->heap;
	struct tp_module *modules = (struct tp_module *)(heap->base + record->modules.off);

	for (uint32_t i = 0; i < record->modules.len / sizeof(*modules); i++)
		heap_free(heap, &modules[i].path);
	heap_free(heap, &record->modules);
}

static void free_refs(struct registry *registry, struct tp_threadproc *record)
{
	struct heap *heap = &registry->heap;
	struct tp_fd *fds = (struct tp_fd *)(heap->base + record->fds.off);

	for (uint32_t i = 0; i < record->fds.len / sizeof(*fds); i++)
		heap_free(heap, &fds[i].target);
	heap_free(heap, &record->fds);
	registry_free_modules(registry, record);
	heap_free(heap, &record->exe);
	heap_free(heap, &record->argv);
	heap_free(heap, &record->cwd);
	heap_free(heap, &record->crash);
}

/* The longest dead record, or 0. */
static uint32_t take_dead(struct registry *registry)
{
	uint32_t index;

	if (!registry->dead_count)
		return 0;
	index = registry->dead[registry->dead_first];
	registry->dead_first = (registry->dead_first + 1) % TP_THREADPROCS;
	registry->dead_count--;
	return index;
}

static uint32_t take_fresh(struct registry *registry)
{
	if (registry->fresh_threadproc == TP_THREADPROCS)
		return 0;
	registry->map->threadproc_high = registry->fresh_threadproc + 1;
	return registry->fresh_threadproc++;
}

static void clear(struct registry *registry, struct tp_threadproc *record)
{
	struct tp_threadproc cleared = { 0 };

	registry_seq_begin(&record->seq);
	free_refs(registry, record);
	cleared.generation = record->generation + 1;
	cleared.seq = record->seq;
	*record = cleared;
	registry_seq_end(&record->seq);
}

uint32_t registry_new_threadproc(struct registry *registry)
{
	bool enough = registry->dead_count >= registry->tombstones;
	uint32_t index = enough ? take_dead(registry) : take_fresh(registry);

	if (!index)
		index = enough ? take_fresh(registry) : take_dead(registry);
	if (index)
		clear(registry, &registry->threadprocs[index]);
	return index;
}

bool registry_drop_crash(struct registry *registry)
{
	for (uint32_t i = 0; i < registry->dead_count; i++) {
		uint32_t index = registry->dead[(registry->dead_first + i) % TP_THREADPROCS];
		struct tp_threadproc *record = &registry->threadprocs[index];

		if (!record->crash.len)
			continue;
		registry_seq_begin(&record->seq);
		heap_free(&registry->heap, &record->crash);
		registry_seq_end(&record->seq);
		return true;
	}
	return false;
}

void registry_retire_threadproc(struct registry *registry, uint32_t index)
{
	uint32_t last = (registry->dead_first + registry->dead_count) % TP_THREADPROCS;

	registry->dead[last] = (uint16_t)index;
	registry->dead_count++;
}
