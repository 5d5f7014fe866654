#include "tests/unit/registry_builder.h"

#include <stdlib.h>
#include <string.h>

#define THREADPROCS 8
#define IMAGES 8
#define NAMES 8
#define FIXED 4
#define HEAP 16384

static struct tp_table add_table(uint64_t *end, uint32_t size, uint32_t count)
{
	struct tp_table table = {*end, size, count};

	*end += ((uint64_t)size * count + 63) & ~UINT64_C(63);
	return table;
}

void registry_builder_init(struct registry_builder *b, struct registry_shape shape)
{
	struct tp_registry h = {
		.magic = TP_ABI_MAGIC,
		.abi_version = TP_ABI_VERSION,
		.address = TP_REGISTRY_ADDR,
		.space = "fake",
		.server_pid = SAMPLE_PID(900),
		.agent_pid = SAMPLE_PID(901),
		.agent_state = TP_AGENT_ALIVE,
		.page_size = 4096,
		.created_ns = UINT64_C(1700000000000000000),
		.agent_lo = TP_AGENT_ADDR,
		.agent_hi = TP_AGENT_ADDR + 0x10000,
		.mailbox_addr = TP_MAILBOX_ADDR,
		.mailbox_size = TP_MAILBOX_HEADER_SIZE + THREADPROCS * TP_MAILBOX_STRIDE,
		.granule_shift = TP_GRANULE_SHIFT,
	};
	uint64_t end = TP_REGISTRY_HEADER_SIZE;

	h.granules = add_table(&end, sizeof(struct tp_granule) + shape.extra, TP_GRANULES);
	h.fixed = add_table(&end, sizeof(struct tp_fixed) + shape.extra, FIXED);
	h.threadprocs = add_table(&end, sizeof(struct tp_threadproc) + shape.extra, THREADPROCS);
	h.images = add_table(&end, sizeof(struct tp_image) + shape.extra, IMAGES);
	h.names = add_table(&end, sizeof(struct tp_name) + shape.extra, NAMES);
	h.heap = add_table(&end, 1, HEAP);
	h.size = end;
	b->bytes = calloc(1, end);
	if (!b->bytes)
		abort();
	b->size = end;
	b->heap_used = 0;
	memcpy(b->bytes, &h, sizeof(h));
}

void registry_builder_deinit(struct registry_builder *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

struct snapshot *rb_snapshot(const struct registry_builder *b)
{
	struct snapshot *snapshot = NULL;
	struct registry *registry;
	struct err err;

	if (registry_from_bytes(b->bytes, b->size, &registry, &err))
		return NULL;
	registry_snapshot(registry, &snapshot, &err);
	registry_close(registry);
	return snapshot;
}

struct tp_registry *rb_header(struct registry_builder *b)
{
	return (struct tp_registry *)b->bytes;
}

static void *element(struct registry_builder *b, const struct tp_table *table, uint32_t i)
{
	return b->bytes + table->off + (uint64_t)i * table->size;
}

struct tp_granule *rb_granule(struct registry_builder *b, uint32_t granule)
{
	return element(b, &rb_header(b)->granules, granule);
}

struct tp_fixed *rb_fixed(struct registry_builder *b, uint32_t i)
{
	return element(b, &rb_header(b)->fixed, i);
}

static void *element_used(struct registry_builder *b, const struct tp_table *table, uint32_t i,
                          uint32_t *high)
{
	if (*high <= i)
		*high = i + 1;
	return element(b, table, i);
}

struct tp_threadproc *rb_threadproc(struct registry_builder *b, uint32_t i)
{
	return element_used(b, &rb_header(b)->threadprocs, i, &rb_header(b)->threadproc_high);
}

struct tp_image *rb_image(struct registry_builder *b, uint32_t i)
{
	return element_used(b, &rb_header(b)->images, i, &rb_header(b)->image_high);
}

struct tp_name *rb_name(struct registry_builder *b, uint32_t i)
{
	return element_used(b, &rb_header(b)->names, i, &rb_header(b)->name_high);
}

void *rb_at(struct registry_builder *b, struct tp_ref ref)
{
	return b->bytes + rb_header(b)->heap.off + ref.off;
}

struct tp_ref rb_bytes(struct registry_builder *b, const void *bytes, size_t len)
{
	struct tp_ref ref = {b->heap_used, (uint32_t)len};

	if (len > HEAP - b->heap_used)
		abort();
	memcpy(rb_at(b, ref), bytes, len);
	b->heap_used += (len + 7) & ~7u;
	return ref;
}

struct tp_ref rb_text(struct registry_builder *b, const char *text)
{
	return rb_bytes(b, text, strlen(text) + 1);
}

void rb_give(struct registry_builder *b, uint32_t record, uint32_t first, uint32_t count,
             enum tp_granule_state state)
{
	struct tp_threadproc *tp = rb_threadproc(b, record);

	for (uint32_t i = first; i < first + count; i++)
		*rb_granule(b, i) = (struct tp_granule){state, (uint16_t)record, tp->generation};
	tp->runs[tp->run_count++] = (struct tp_run){first, count};
}

/* ---- The sample ---------------------------------------------------------- */

static void add_image(struct registry_builder *b, uint32_t i, const char *path, uint8_t build_id)
{
	struct tp_image *image = rb_image(b, i);

	*image = (struct tp_image){
		.flags = TP_IMAGE_SYMTAB,
		.generation = 1,
		.users = 1,
		.size = 0x9000,
		.build_id_len = 20,
		.vaddr_hi = 0x8000,
		.text_lo = 0x1000,
		.text_hi = 0x3000,
		.path = rb_text(b, path),
	};
	memset(image->build_id, build_id, 20);
}

static struct tp_threadproc *add_threadproc(struct registry_builder *b, uint32_t i,
                                            const char *name, enum tp_state state)
{
	struct tp_threadproc *tp = rb_threadproc(b, i);

	*tp = (struct tp_threadproc){
		.generation = i + 10,
		.id = i,
		.state = state,
		.pid = SAMPLE_PID(i),
		.launcher_pid = SAMPLE_PID(100 + i),
		.start_ns = UINT64_C(1700000000000000000) + i,
		.program_image = 1,
		.exe = rb_text(b, "/usr/bin/allocstr"),
		.cwd = rb_text(b, "/tmp"),
		.argv = rb_bytes(b, "allocstr\0-v\0", 12),
	};
	memcpy(tp->name, name, strlen(name) + 1);
	return tp;
}

static void fill_first(struct registry_builder *b, struct tp_threadproc *tp)
{
	const struct tp_module modules[] = {
		{.image = 1,
	         .kind = TP_MODULE_PROGRAM,
	         .bias = SAMPLE_PROGRAM,
	         .path = rb_text(b, "/usr/bin/allocstr")},
		{.image = 2,
	         .kind = TP_MODULE_LIBRARY,
	         .bias = SAMPLE_LIBC,
	         .path = rb_text(b, "libc.so.6")},
	};
	const struct tp_fd fds[] = {
		{.launcher_fd = 0, .fd = 0, .kind = TP_FD_TTY, .target = rb_text(b, "/dev/pts/1")},
		{.launcher_fd = 1,
	         .fd = 1,
	         .kind = TP_FD_FILE,
	         .flags = 1,
	         .target = rb_text(b, "/tmp/log")},
	};

	tp->modules = rb_bytes(b, modules, sizeof(modules));
	tp->fds = rb_bytes(b, fds, sizeof(fds));
	tp->stack_lo = SAMPLE_STACK_LO;
	tp->stack_hi = SAMPLE_STACK_HI;
	tp->brk_lo = SAMPLE_BRK;
	tp->brk_hi = SAMPLE_BRK + 0x1000000;
	rb_give(b, 1, 1028, 1, TP_GRANULE_LIVE);
}

void registry_builder_sample(struct registry_builder *b, struct registry_shape shape)
{
	struct tp_threadproc *tp;

	registry_builder_init(b, shape);
	add_image(b, 1, "/usr/bin/allocstr", 0xaa);
	add_image(b, 2, "/lib/libc.so.6", 0xbb);
	fill_first(b, add_threadproc(b, 1, "allocstr", TP_STATE_RUNNING));

	tp = add_threadproc(b, 2, "printstr", TP_STATE_STOPPED);
	rb_give(b, 2, 1029, 2, TP_GRANULE_LIVE);
	tp->fixed_lo = SAMPLE_FIXED;
	tp->fixed_hi = SAMPLE_FIXED + 0x10000;
	*rb_fixed(b, 1) = (struct tp_fixed){tp->fixed_lo, tp->fixed_hi, 2, tp->generation};

	tp = add_threadproc(b, 3, "gone", TP_STATE_EXITED);
	tp->exit_code = 1; /* CLD_EXITED */
	tp->exit_status = 3;
	tp->end_ns = tp->start_ns + UINT64_C(1000000000);
	rb_give(b, 3, 1031, 1, TP_GRANULE_QUARANTINE);

	*rb_name(b, 1) = (struct tp_name){
		.live = 1,
		.owner = 1,
		.owner_generation = 11,
		.addr = SAMPLE_NAMED,
		.size = 32,
		.publish_ns = UINT64_C(1700000000000000005),
		.name = "greeting",
		.type = "std::string",
	};
	rb_header(b)->live = 2;
	rb_header(b)->last_id = 3;
}
