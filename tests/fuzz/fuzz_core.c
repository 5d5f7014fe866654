/*
 * Core files.  An input is a list of changes to a sound one: offset (4 bytes; within the headers
 * and notes unless the highest bit is set), length (1), bytes; length 0 cuts the file there.
 */
#include "inspect/verbs.h"
#include "lib/read/core.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/core_builder.h"
#include "tests/unit/registry_builder.h"

#include <string.h>
#include <unistd.h>

#define HEAD 4096u
#define PAGE CORE_BUILDER_PAGE
#define LIB (SAMPLE_SLOT + 0x400000)

static struct core_builder builder;
static char *sound; /* the whole of it */

/* ---- The sound one, and changes ------------------------------------------------------ */

static void build(void)
{
	static char memory[4 * PAGE];
	struct user_regs_struct regs = {.rip = LIB, .rsp = SAMPLE_STACK_LO + 64};
	struct registry_builder registry;

	registry_builder_sample(&registry, (struct registry_shape){0});
	core_builder_init(&builder);
	memset(memory, 'm', sizeof(memory));
	cb_load(&builder, TP_REGISTRY_ADDR, registry.size, PF_R, registry.bytes, registry.size);
	cb_load(&builder, LIB, PAGE, PF_R, memory, PAGE);
	cb_load(&builder, LIB + PAGE, 3 * PAGE, PF_R | PF_X, NULL, 0);
	cb_load(&builder, SAMPLE_BRK, PAGE, PF_R | PF_W, memory, PAGE);
	cb_load(&builder, SAMPLE_STACK_LO, sizeof(memory), PF_R | PF_W, memory, sizeof(memory));
	cb_file(&builder, LIB, LIB + PAGE, 0, "/bin/sh");
	cb_file(&builder, LIB + PAGE, LIB + 4 * PAGE, 1, "/bin/sh");
	cb_thread(&builder, SAMPLE_PID(1), &regs);
	cb_process(&builder, SAMPLE_PID(1));
	cb_thread(&builder, SAMPLE_PID(1) + 7, &regs);
	cb_finish(&builder);
	registry_builder_deinit(&registry);
	sound = malloc(builder.size);
	PROMISE(sound && pread(builder.fd, sound, builder.size, 0) == (ssize_t)builder.size);
}

static void put(const void *bytes, size_t len, uint64_t offset)
{
	PROMISE(pwrite(builder.fd, bytes, len, (off_t)offset) == (ssize_t)len);
}

static const uint8_t *change(const uint8_t *at, const uint8_t *end)
{
	uint32_t raw;
	uint64_t offset;
	size_t len;

	memcpy(&raw, at, sizeof(raw));
	len = at[4];
	at += 5;
	offset = raw >> 31 ? (raw & INT32_MAX) % builder.size : raw % HEAD;
	if (!len) {
		PROMISE(!ftruncate(builder.fd, (off_t)offset));
		return at;
	}
	if (len > (size_t)(end - at))
		len = (size_t)(end - at);
	if (len)
		put(at, len, offset);
	return at + len;
}

/* ---- Promises ----------------------------------------------------------------------------- */

static int check_mapping(void *context, const struct mapping *m, struct err *err)
{
	uint64_t *end = context;

	PROMISE(m->lo >= *end && m->lo < m->hi);
	*end = m->hi;
	return 0;
}

static int check_run(void *context, const struct page_run *run, struct err *err)
{
	uint64_t *end = context;

	PROMISE(run->lo >= *end && run->lo < run->hi);
	*end = run->hi;
	return 0;
}

static void read_here_and_there(struct mem *mem)
{
	static const uint64_t places[] = {0,
	                                  TP_REGISTRY_ADDR,
	                                  LIB,
	                                  LIB + PAGE,
	                                  SAMPLE_BRK,
	                                  SAMPLE_STACK_LO,
	                                  UINT64_MAX - 100};
	static char bytes[3 * PAGE];
	struct err err;
	size_t got;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		got = 0;
		mem_read_some(mem, places[i], bytes, sizeof(bytes), &got, &err);
		PROMISE(got <= sizeof(bytes));
	}
}

static void check_threads(const struct target *target)
{
	const struct snapshot *s = target->snapshot;

	for (size_t i = 1; i < s->threadproc_count; i++) {
		struct capture capture;
		struct threads threads;
		struct err err;

		if (target_threads(target, &s->threadprocs[i], &threads, &err))
			continue;
		PROMISE(threads.count);
		PROMISE(!target_capture(target, &s->threadprocs[i], threads.list[0].tid, &capture,
		                        &err));
		capture_deinit(&capture);
		threads_deinit(&threads);
	}
}

static void check_target(const struct target *target)
{
	uint64_t end = 0;
	struct err err;

	PROMISE(!maps_each(target->maps, 0, UINT64_MAX, check_mapping, &end, &err));
	end = 0;
	PROMISE(!target_pages(target, 0, UINT64_MAX, check_run, &end, &err));
	read_here_and_there(target->mem);
	check_threads(target);
}

/* ---- Verbs ---------------------------------------------------------------------------------- */

static void ask(size_t which)
{
	/* one input in four: a verb takes as long as all the rest */
	static const char *const lines[] = {
		"list",
		"map",
		"owner 101000400010 102000000 78000010",
		"show 1",
		"names",
		"threads",
		"x/9xg 101002000000",
		"telescope 101002000000 3",
		"search mmmm",
	};
	static FILE *null;
	struct session session;
	struct err err;

	if (!null)
		null = fopen("/dev/null", "w");
	PROMISE(null && !session_init(&session, "fuzz", null, null, &err));
	session.core_path = builder.path;
	session.json = which % 2;
	verbs_run_line(&session, lines[which / 2 % (sizeof(lines) / sizeof(lines[0]))]);
	session_deinit(&session);
}

/* ------------------------------------------------------------------------------------------------
 */

static void open_it(void)
{
	struct registry *registry = NULL;
	struct snapshot *snapshot = NULL;
	struct symcache *symbols = NULL;
	struct core *core = NULL;
	struct target target;
	struct err err;

	if (core_open(builder.path, &core, &err))
		return;
	read_here_and_there(core_mem(core));
	PROMISE(!symcache_create(&symbols, &err));
	if (!core_registry(core, &registry, &err) &&
	    !registry_snapshot(registry, &snapshot, &err)) {
		PROMISE(!target_open_core(core, snapshot, symbols, &target, &err));
		check_target(&target);
		target_close(&target);
	}
	while (*core_notice(core))
		;
	snapshot_destroy(snapshot);
	registry_close(registry);
	symcache_destroy(symbols);
	core_close(core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	if (!sound)
		build();
	while (end - data >= 5)
		data = change(data, end);
	open_it();
	if (size % 4 == 0)
		ask(size / 4);
	PROMISE(!ftruncate(builder.fd, (off_t)builder.size));
	put(sound, builder.size, 0);
	return 0;
}
