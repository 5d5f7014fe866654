#include "tests/unit/fake_space.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMES 64u

struct fake_space fake;
unsigned long fake_auxval;

static pthread_t server;
static int stopping;

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
	return type == AT_TPROC ? fake_auxval : __real_getauxval(type);
}

static void *map_at(uint64_t address, size_t size)
{
	void *mapped =
		mmap((void *)address, size, PROT_READ | PROT_WRITE,
	             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

static void *add_table(struct tp_table *table, uint64_t *off, uint32_t size, uint32_t count)
{
	table->off = *off;
	table->size = size;
	table->count = count;
	*off += (uint64_t)size * count;
	return (char *)fake.registry + table->off;
}

static void fill_registry(void)
{
	struct tp_registry *registry = fake.registry;
	uint64_t off = TP_REGISTRY_HEADER_SIZE;

	registry->magic = TP_ABI_MAGIC;
	registry->abi_version = TP_ABI_VERSION;
	registry->size = TP_REGISTRY_SIZE;
	registry->address = TP_REGISTRY_ADDR;
	strcpy(registry->space, "fake");
	registry->server_pid = getpid();
	registry->granule_shift = TP_GRANULE_SHIFT;
	registry->mailbox_addr = TP_MAILBOX_ADDR;
	registry->mailbox_size =
		TP_MAILBOX_HEADER_SIZE + (uint64_t)TP_THREADPROCS * TP_MAILBOX_STRIDE;
	registry->threadproc_high = FAKE_GONE + 1;
	registry->name_high = NAMES;
	fake.granules =
		add_table(&registry->granules, &off, sizeof(struct tp_granule), TP_GRANULES);
	fake.fixed = add_table(&registry->fixed, &off, sizeof(struct tp_fixed), TP_FIXED);
	fake.threadprocs = add_table(&registry->threadprocs, &off, sizeof(struct tp_threadproc),
	                             TP_THREADPROCS);
	fake.names = add_table(&registry->names, &off, sizeof(struct tp_name), NAMES);
}

static void add_threadproc(uint32_t index, uint32_t id, enum tp_state state, const char *name)
{
	struct tp_threadproc *record = &fake.threadprocs[index];

	record->generation = 7;
	record->id = id;
	record->state = state;
	record->pid = (int32_t)(1000 + id);
	strcpy(record->name, name);
}

static void fill_self(void)
{
	fake.self->magic = TP_SELF_MAGIC;
	fake.self->abi_version = TP_ABI_VERSION;
	fake.self->index = FAKE_SELF;
	fake.self->generation = fake.threadprocs[FAKE_SELF].generation;
	fake.self->id = fake.threadprocs[FAKE_SELF].id;
	fake.self->registry = TP_REGISTRY_ADDR;
	fake.self->mailbox_header = TP_MAILBOX_ADDR;
	fake.self->mailbox =
		TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE + (uint64_t)FAKE_SELF * TP_MAILBOX_STRIDE;
}

int fake_space_create(void)
{
	size_t mailbox_size = TP_MAILBOX_HEADER_SIZE + (uint64_t)TP_THREADPROCS * TP_MAILBOX_STRIDE;

	fake.registry = map_at(TP_REGISTRY_ADDR, TP_REGISTRY_SIZE);
	fake.mailbox_header = map_at(TP_MAILBOX_ADDR, mailbox_size);
	fake.self = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!fake.registry || !fake.mailbox_header || fake.self == MAP_FAILED)
		return -1;
	if (madvise(fake.self, 4096, MADV_WIPEONFORK))
		return -1;
	fill_registry();
	add_threadproc(FAKE_SELF, 11, TP_STATE_RUNNING, "self");
	add_threadproc(FAKE_OTHER, 12, TP_STATE_STOPPED, "other");
	add_threadproc(FAKE_GONE, 13, TP_STATE_EXITED, "gone");
	fill_self();
	fake_auxval = (unsigned long)fake.self;
	return 0;
}

struct tp_request *fake_request(uint32_t index)
{
	char *mailbox = (char *)fake.mailbox_header + TP_MAILBOX_HEADER_SIZE +
	                (size_t)index * TP_MAILBOX_STRIDE;

	return &((struct tp_mailbox *)mailbox)->request;
}

/* Between these two nobody may read the entry. */
static void begin_write(uint32_t *seq)
{
	__atomic_fetch_add(seq, 1, __ATOMIC_SEQ_CST);
}

static void end_write(uint32_t *seq)
{
	__atomic_fetch_add(seq, 1, __ATOMIC_SEQ_CST);
}

void fake_publish(uint32_t slot, uint32_t owner, const char *name, const char *type, uint64_t addr)
{
	struct tp_name *entry = &fake.names[slot];

	begin_write(&fake.registry->seq);
	begin_write(&entry->seq);
	entry->live = 1;
	entry->owner = owner;
	entry->owner_generation = fake.threadprocs[owner].generation;
	entry->addr = addr;
	entry->size = 8;
	strncpy(entry->name, name, sizeof(entry->name) - 1);
	strncpy(entry->type, type, sizeof(entry->type) - 1);
	end_write(&entry->seq);
	end_write(&fake.registry->seq);
}

static uint32_t find_name(const char *name)
{
	uint32_t slot;

	for (slot = NAMES - 1; slot; slot--)
		if (fake.names[slot].live && !strcmp(fake.names[slot].name, name))
			break;
	return slot;
}

static int32_t publish(uint32_t owner, const struct tp_request *request)
{
	uint32_t slot = find_name(request->name);

	if (slot && fake.names[slot].owner != owner)
		return -EEXIST;
	for (slot = slot ? slot : 1; slot < NAMES && fake.names[slot].live; slot++)
		continue;
	if (slot == NAMES)
		return -ENOSPC;
	fake_publish(slot, owner, request->name, request->type, request->arg0);
	fake.names[slot].size = request->arg1;
	fake.names[slot].lock = request->arg2;
	fake.names[slot].suspect_ns = 0;
	return 0;
}

static int32_t mark(const struct tp_request *request, uint64_t since_ns)
{
	uint32_t slot = find_name(request->name);

	if (!slot)
		return -ENOENT;
	fake.names[slot].suspect_ns = since_ns;
	fake.names[slot].suspect_id = (uint32_t)request->arg0;
	return 0;
}

static int32_t unpublish(uint32_t owner, const struct tp_request *request)
{
	uint32_t slot = find_name(request->name);

	if (!slot)
		return -ENOENT;
	if (fake.names[slot].owner != owner)
		return -EPERM;
	begin_write(&fake.names[slot].seq);
	fake.names[slot].live = 0;
	end_write(&fake.names[slot].seq);
	return 0;
}

static void answer(uint32_t index)
{
	struct tp_request *request = fake_request(index);

	if (__atomic_load_n(&request->state, __ATOMIC_ACQUIRE) != TP_REQUEST_POSTED)
		return;
	switch (request->op) {
	case TP_REQUEST_PUBLISH:
		request->result = publish(index, request);
		break;
	case TP_REQUEST_SUSPECT:
		request->result = mark(request, 1);
		break;
	case TP_REQUEST_TRUST:
		request->result = mark(request, 0);
		break;
	default:
		request->result = unpublish(index, request);
	}
	__atomic_store_n(&request->state, TP_REQUEST_DONE, __ATOMIC_RELEASE);
	syscall(SYS_futex, &request->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void *serve(void *unused)
{
	struct tp_mailbox_header *header = fake.mailbox_header;
	uint32_t bell;

	for (;;) {
		bell = __atomic_load_n(&header->doorbell, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&stopping, __ATOMIC_SEQ_CST))
			return NULL;
		if (__atomic_exchange_n(&header->pending[0], 0, __ATOMIC_SEQ_CST) &
		    UINT64_C(1) << FAKE_SELF)
			answer(FAKE_SELF);
		__atomic_store_n(&header->waiting, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &header->doorbell, FUTEX_WAIT, bell, NULL, NULL, 0);
		__atomic_store_n(&header->waiting, 0, __ATOMIC_SEQ_CST);
	}
}

int fake_server_start(void)
{
	stopping = 0;
	return pthread_create(&server, NULL, serve, NULL);
}

void fake_server_stop(void)
{
	__atomic_store_n(&stopping, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&fake.mailbox_header->doorbell, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &fake.mailbox_header->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	pthread_join(server, NULL);
}
