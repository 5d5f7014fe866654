/*
 * Named objects: who publishes what, and what is suspect since somebody died who had it locked.
 */
#include "loader/server/threadproc.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_text(const char text[TP_NAME_SIZE], bool may_be_empty)
{
	size_t length = strnlen(text, TP_NAME_SIZE);

	if (length == TP_NAME_SIZE || (!length && !may_be_empty))
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static struct tp_name *find_name(struct registry *registry, const char *name)
{
	for (uint32_t i = 1; i < registry->map->name_high; i++)
		if (registry->names[i].live && !strcmp(registry->names[i].name, name))
			return &registry->names[i];
	return NULL;
}

static struct tp_name *free_name(struct registry *registry)
{
	for (uint32_t i = 1; i < TP_NAMES; i++) {
		if (registry->names[i].live)
			continue;
		if (i >= registry->map->name_high)
			registry->map->name_high = i + 1;
		return &registry->names[i];
	}
	return NULL;
}

static bool owns(const struct threadproc *tp, const struct tp_name *entry)
{
	return entry->owner == tp->index && entry->owner_generation == tp->generation;
}

int32_t names_publish(struct threadproc *tp, const struct tp_request *request)
{
	struct registry *registry = &tp->server->registry;
	struct tp_name *entry;

	if (!is_text(request->name, false) || !is_text(request->type, true) ||
	    request->arg2 % sizeof(uint64_t))
		return -EINVAL;
	entry = find_name(registry, request->name);
	if (entry && !owns(tp, entry))
		return -EEXIST;
	registry_begin(registry);
	if (!entry)
		entry = free_name(registry);
	if (entry) {
		registry_seq_begin(&entry->seq);
		entry->live = 1;
		entry->owner = tp->index;
		entry->owner_generation = tp->generation;
		entry->addr = request->arg0;
		entry->size = request->arg1;
		entry->publish_ns = registry_now_ns();
		memcpy(entry->name, request->name, sizeof(entry->name));
		memcpy(entry->type, request->type, sizeof(entry->type));
		entry->lock = request->arg2;
		entry->suspect_ns = 0;
		entry->suspect_id = 0;
		registry_seq_end(&entry->seq);
	}
	registry_end(registry);
	if (!entry)
		return -ENOSPC;
	/* Programs that wait for a name sleep on the counter, which they can only read. */
	syscall(SYS_futex, &registry->map->seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	return 0;
}

static void drop_name(struct registry *registry, struct tp_name *entry)
{
	registry_begin(registry);
	registry_seq_begin(&entry->seq);
	entry->live = 0;
	registry_seq_end(&entry->seq);
	registry_end(registry);
}

int32_t names_unpublish(struct threadproc *tp, const struct tp_request *request)
{
	struct registry *registry = &tp->server->registry;
	struct tp_name *entry;

	if (!is_text(request->name, false))
		return -EINVAL;
	entry = find_name(registry, request->name);
	if (!entry)
		return -ENOENT;
	if (!owns(tp, entry))
		return -EPERM;
	drop_name(registry, entry);
	return 0;
}

/* ---- suspicion ------------------------------------------------------------------------------ */

static void set_suspect(struct registry *registry, struct tp_name *entry, uint64_t since_ns,
                        uint32_t id)
{
	registry_begin(registry);
	registry_seq_begin(&entry->seq);
	entry->suspect_ns = since_ns;
	entry->suspect_id = id;
	registry_seq_end(&entry->seq);
	registry_end(registry);
}

int32_t names_suspect(struct server *server, const struct tp_request *request)
{
	struct registry *registry = &server->registry;
	struct tp_name *entry;

	if (!is_text(request->name, false) || request->arg0 > registry->map->last_id)
		return -EINVAL;
	entry = find_name(registry, request->name);
	if (!entry)
		return -ENOENT;
	set_suspect(registry, entry, registry_now_ns(), (uint32_t)request->arg0);
	return 0;
}

int32_t names_trust(struct server *server, const struct tp_request *request)
{
	struct registry *registry = &server->registry;
	struct tp_name *entry;

	if (!is_text(request->name, false))
		return -EINVAL;
	entry = find_name(registry, request->name);
	if (!entry)
		return -ENOENT;
	if (entry->suspect_ns)
		set_suspect(registry, entry, 0, 0);
	return 0;
}

/*
 * True when the threadproc ended with the lock, and nobody has it yet: who has it tells us himself.
 * What is there can be anything.
 */
static bool died_with(const struct threadproc *tp, uint64_t lock)
{
	struct tp_mutex mutex;
	uint32_t words[2];

	if (server_read_space(tp->server, lock, &mutex, sizeof(mutex)) ||
	    mutex.magic != TP_MUTEX_MAGIC || mutex.holder.id != tp->id || !mutex.holder.tid)
		return false;
	memcpy(words, mutex.lock, sizeof(words));
	/* the first word of glibc's, the second of musl's */
	return words[mutex.libc == TP_MUTEX_GLIBC ? 0 : 1] & FUTEX_OWNER_DIED;
}

void names_ended(struct threadproc *tp)
{
	struct registry *registry = &tp->server->registry;

	for (uint32_t i = 1; i < registry->map->name_high; i++) {
		struct tp_name *entry = &registry->names[i];

		if (!entry->live)
			continue;
		if (owns(tp, entry))
			drop_name(registry, entry);
		else if (entry->lock && !entry->suspect_ns && died_with(tp, entry->lock))
			set_suspect(registry, entry, registry_now_ns(), tp->id);
	}
}
