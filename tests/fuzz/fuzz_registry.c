/*
 * Registries.  An input is a list of changes to a sound one: offset (4 bytes; the highest bit:
 * behind the granules), length (1), bytes.  One that begins with "=" is a registry as it is.
 */
#include "inspect/verbs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/registry_builder.h"

#include <string.h>

static const uint8_t *change(struct registry_builder *b, const uint8_t *at, const uint8_t *end)
{
	uint32_t offset;
	size_t len;
	size_t base;

	memcpy(&offset, at, sizeof(offset));
	len = at[4];
	at += 5;
	if (len > (size_t)(end - at))
		len = (size_t)(end - at);
	base = offset >> 31 ? rb_header(b)->fixed.off % b->size : 0;
	offset = (uint32_t)((base + (offset & INT32_MAX)) % b->size);
	if (len > b->size - offset)
		len = b->size - offset;
	memcpy(b->bytes + offset, at, len);
	return at + len;
}

static struct registry *make(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct registry *registry = NULL;
	struct registry_builder b;
	struct err err;

	if (size && *data == '=') {
		registry_from_bytes(data + 1, size - 1, &registry, &err);
		return registry;
	}
	registry_builder_sample(&b, (struct registry_shape){0});
	while (end - data >= 5)
		data = change(&b, data, end);
	registry_from_bytes(b.bytes, b.size, &registry, &err);
	registry_builder_deinit(&b);
	return registry;
}

static void check_threadproc(const struct snapshot *s, const struct reg_threadproc *tp)
{
	PROMISE(memchr(tp->abi.name, '\0', sizeof(tp->abi.name)));
	PROMISE(tp->abi.run_count <= TP_RUNS);
	for (uint32_t i = 0; i < tp->abi.run_count; i++)
		PROMISE((uint64_t)tp->abi.runs[i].first + tp->abi.runs[i].count <=
		        s->granule_count);
	for (size_t i = 0; i < tp->module_count; i++) {
		uint32_t image = tp->modules[i].abi.image;

		PROMISE(tp->modules[i].path && (!image || snapshot_image(s, image)));
	}
	for (size_t i = 0; i < tp->fd_count; i++)
		PROMISE(tp->fds[i].target);
}

static void check_owners(const struct snapshot *s)
{
	for (uint64_t addr = 0; addr < UINT64_C(1) << 47; addr += UINT64_C(0x10000000000)) {
		struct owner owner = registry_owner(s, addr);

		PROMISE(owner.kind <= OWNER_TOOLKIT);
		PROMISE(!owner.hi || (owner.lo <= addr && addr < owner.hi));
	}
	registry_owner(s, UINT64_MAX);
}

static void check(const struct registry *registry)
{
	struct snapshot *s;
	struct err err;

	if (registry_snapshot(registry, &s, &err))
		return;
	for (size_t i = 0; i < s->threadproc_count; i++)
		check_threadproc(s, &s->threadprocs[i]);
	check_owners(s);
	snapshot_destroy(s);
}

/*
 * A verb that asks nothing but the registry: no process that it may name is looked at.  One for
 * each input, by its size.
 */
static void ask(struct registry *registry, size_t which)
{
	static const char *const lines[] = {"modules", "names", "modules 1"};
	static struct session session;
	struct err err;

	if (!session.out) {
		FILE *null = fopen("/dev/null", "w");

		PROMISE(null && !session_init(&session, "fuzz", null, null, &err));
	}
	session.registry = registry;
	session.json = which % 2;
	verbs_run_line(&session, lines[which / 2 % (sizeof(lines) / sizeof(lines[0]))]);
	session.registry = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct registry *registry = make(data, size);

	if (!registry)
		return 0;
	check(registry);
	ask(registry, size);
	registry_close(registry);
	return 0;
}
