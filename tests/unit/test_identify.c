/* Every kind of answer to "whose address is this", on a space that is made up. */
#include "lib/base/cleanup.h"
#include "lib/read/component.h"
#include "lib/read/addrmap.h"
#include "lib/read/identify.h"
#include "tests/unit/registry_builder.h"
#include "tests/unit/symtab_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define THREAD_STACK (SAMPLE_SLOT + 0x3001000)
#define VDSO UINT64_C(0x7ffff0002000)
#define ESCAPED UINT64_C(0x7ffff0100000)
#define DATA_FILE (SAMPLE_SLOT + 0x4000000)

struct world {
	struct registry_builder builder;
	struct registry *registry;
	struct snapshot *snapshot;
	int fd; /* the ELF file that the program and libc are */
	char path[64];
	struct mem_bytes vdso;
	struct target target;
};

static void add_line(FILE *maps, uint64_t lo, uint64_t hi, const char *rest)
{
	fprintf(maps, "%" PRIx64 "-%" PRIx64 " %s\n", lo, hi, rest);
}

static char *maps_text(void)
{
	char *text = NULL;
	size_t size;
	FILE *maps = open_memstream(&text, &size);

	add_line(maps, SAMPLE_FIXED, SAMPLE_FIXED + 0x10000, "r-xp 00000000 08:01 5 /opt/fixed");
	add_line(maps, TP_AGENT_ADDR, TP_AGENT_ADDR + 0x10000, "r-xp 00000000 08:01 6 /agent");
	add_line(maps, TP_MAILBOX_ADDR, TP_MAILBOX_ADDR + 0x21000,
	         "rw-s 00000000 00:01 7 /memfd:m");
	add_line(maps, TP_REGISTRY_ADDR, TP_REGISTRY_ADDR + 0x100000,
	         "r--s 00000000 00:01 8 /memfd:r (deleted)");
	add_line(maps, SAMPLE_PROGRAM, SAMPLE_PROGRAM + 0x3000, "r-xp 00000000 08:01 9 /usr/bin/x");
	add_line(maps, SAMPLE_PROGRAM + 0x3000, SAMPLE_PROGRAM + 0x4000, "rw-p 00000000 00:00 0");
	add_line(maps, SAMPLE_LIBC, SAMPLE_LIBC + 0x8000, "r-xp 00000000 08:01 9 /lib/libc.so.6");
	add_line(maps, SAMPLE_BRK, SAMPLE_BRK + 0x3000, "rw-p 00000000 00:00 0");
	add_line(maps, SAMPLE_STACK_LO - 0x1000, SAMPLE_STACK_LO, "---p 00000000 00:00 0");
	add_line(maps, SAMPLE_STACK_LO, SAMPLE_STACK_HI, "rw-p 00000000 00:00 0");
	add_line(maps, THREAD_STACK - 0x1000, THREAD_STACK, "---p 00000000 00:00 0");
	add_line(maps, THREAD_STACK, THREAD_STACK + 0x8000, "rw-p 00000000 00:00 0");
	add_line(maps, DATA_FILE, DATA_FILE + 0x3000, "r--p 00000000 08:01 0 /dev/zero");
	add_line(maps, DATA_FILE + 0x10000, DATA_FILE + 0x11000, "---p 00000000 00:00 0");
	add_line(maps, SAMPLE_SLOT_2, SAMPLE_SLOT_2 + 0x1000, "rw-p 00000000 00:00 0");
	add_line(maps, VDSO - 0x2000, VDSO, "r--p 00000000 00:00 0 [vvar]");
	add_line(maps, VDSO, VDSO + 0x6000, "r-xp 00000000 00:00 0 [vdso]");
	add_line(maps, ESCAPED, ESCAPED + 0x1000, "rw-s 00000000 00:0b 77 /[aio] (deleted)");
	fclose(maps);
	return text;
}

/* Record 1 has a second thread. */
static int made_up_threads(const struct target *target, const struct reg_threadproc *tp,
                           struct threads *ret_threads, struct err *err)
{
	if (tp->abi.pid != SAMPLE_PID(1))
		return err_set(err, ERR_NOT_FOUND, "no process %d", (int)tp->abi.pid);
	ret_threads->list = calloc(2, sizeof(*ret_threads->list));
	ret_threads->count = 2;
	ret_threads->list[0] = (struct thread){.tid = SAMPLE_PID(1), .robust_head = SAMPLE_BRK};
	ret_threads->list[1] =
		(struct thread){.tid = SAMPLE_PID(50), .robust_head = THREAD_STACK + 0x7ee0};
	return 0;
}

static const struct target_ops made_up = {.threads = made_up_threads};

/* Images 1 and 2 become the file that the test made. */
static void use_file(struct world *w, uint32_t image)
{
	struct tp_image *record = rb_image(&w->builder, image);
	struct stat st;

	assert_int_equal(fstat(w->fd, &st), 0);
	record->path = rb_text(&w->builder, w->path);
	record->size = (uint64_t)st.st_size;
	record->mtime_sec = st.st_mtim.tv_sec;
	record->mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	memset(record->build_id, 0x5a, 20);
}

static void make_vdso(struct world *w)
{
	struct stat st;

	assert_int_equal(fstat(w->fd, &st), 0);
	w->vdso.addr = VDSO;
	w->vdso.len = 0x6000;
	assert_true(st.st_size <= 0x6000);
	w->vdso.bytes =
		mmap(NULL, 0x6000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(pread(w->fd, (void *)w->vdso.bytes, 0x6000, 0), st.st_size);
}

static void take_snapshot(struct world *w)
{
	struct err err;

	snapshot_destroy(w->snapshot);
	registry_close(w->registry);
	assert_int_equal(registry_from_bytes(w->builder.bytes, w->builder.size, &w->registry, &err),
	                 0);
	assert_int_equal(registry_snapshot(w->registry, &w->snapshot, &err), 0);
	w->target.snapshot = w->snapshot;
	components_destroy(w->target.components);
	w->target.components = components_create(w->snapshot);
}

static int setup(void **state)
{
	static const struct symtab_entry entries[] = {
		{"main", 0x1100, 0x80, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"_ZN3foo3barEi", 0x1200, 0x80, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"table", 0x3000, 0x100, STB_GLOBAL, STT_OBJECT, SYMTAB_BSS},
	};
	struct world *w = calloc(1, sizeof(*w));
	AUTO_FREE char *text = maps_text();
	struct err err;

	w->fd = symtab_builder_fd(SHT_SYMTAB, entries, 3, 0x5a);
	snprintf(w->path, sizeof(w->path), "/proc/self/fd/%d", w->fd);
	registry_builder_sample(&w->builder, (struct registry_shape){0});
	use_file(w, 1);
	use_file(w, 2);
	take_snapshot(w);
	make_vdso(w);
	w->target.ops = &made_up;
	*state = w;
	return maps_open_text(text, &w->target.maps, &err) ||
	       mem_open_bytes(&w->vdso, 1, &w->target.mem, &err) ||
	       symcache_create(&w->target.symbols, &err);
}

static int teardown(void **state)
{
	struct world *w = *state;

	maps_close(w->target.maps);
	mem_close(w->target.mem);
	symcache_destroy(w->target.symbols);
	components_destroy(w->target.components);
	munmap((void *)w->vdso.bytes, w->vdso.len);
	snapshot_destroy(w->snapshot);
	registry_close(w->registry);
	registry_builder_deinit(&w->builder);
	close(w->fd);
	free(w);
	return 0;
}

static struct identity *ask(void **state, uint64_t addr)
{
	static struct identity id;
	struct world *w = *state;

	identify(&w->target, addr, &id);
	return &id;
}

static void test_program(void **state)
{
	struct identity *id = ask(state, SAMPLE_PROGRAM + 0x1110);

	assert_int_equal(id->owner.kind, OWNER_LIVE);
	assert_string_equal(id->owner.tp->abi.name, "allocstr");
	assert_int_equal(id->place, PLACE_PROGRAM);
	assert_true(id->mapped);
	assert_string_equal(id->section.name, ".text");
	assert_int_equal(id->vaddr - id->section.addr, 0x110);
	assert_string_equal(id->symbol_name, "main");
	assert_int_equal(id->vaddr - id->symbol.value, 0x10);
	assert_int_equal(id->build_id_len, 20);
	assert_string_equal(id->note, "");
}

static void test_bss(void **state)
{
	struct identity *id = ask(state, SAMPLE_PROGRAM + 0x3020);

	assert_int_equal(id->place, PLACE_PROGRAM);
	assert_string_equal(id->section.name, ".bss");
	assert_string_equal(id->symbol_name, "table");
}

static void test_library(void **state)
{
	struct identity *id = ask(state, SAMPLE_LIBC + 0x1208);

	assert_int_equal(id->place, PLACE_LIBRARY);
	assert_string_equal(id->symbol.name, "_ZN3foo3barEi");
	assert_string_equal(id->symbol_name, "foo::bar(int)");
}

static void test_changed_file(void **state)
{
	struct world *w = *state;
	struct identity *id;

	rb_image(&w->builder, 1)->build_id[0] = 0;
	take_snapshot(w);
	id = ask(state, SAMPLE_PROGRAM + 0x1110);
	assert_int_equal(id->place, PLACE_PROGRAM);
	assert_null(id->symbol.name);
	assert_null(id->section.name);
	assert_string_equal(id->note, "no symbols: the file has changed since it was mapped");
}

static void test_heap_and_name(void **state)
{
	struct identity *id = ask(state, SAMPLE_NAMED + 31);

	assert_int_equal(id->place, PLACE_HEAP);
	assert_int_equal(id->mapping.lo, SAMPLE_BRK);
	assert_string_equal(id->name->abi.name, "greeting");
	assert_null(ask(state, SAMPLE_NAMED + 32)->name);
	assert_null(ask(state, SAMPLE_NAMED - 1)->name);
}

static void test_stacks(void **state)
{
	struct identity *id = ask(state, SAMPLE_STACK_HI - 1);

	assert_int_equal(id->place, PLACE_STACK);
	assert_int_equal(id->tid, SAMPLE_PID(1));
	id = ask(state, SAMPLE_STACK_LO - 1);
	assert_int_equal(id->place, PLACE_GUARD);
	assert_int_equal(id->tid, SAMPLE_PID(1));
	id = ask(state, THREAD_STACK + 0x100);
	assert_int_equal(id->place, PLACE_STACK);
	assert_int_equal(id->tid, SAMPLE_PID(50));
	id = ask(state, THREAD_STACK - 8);
	assert_int_equal(id->place, PLACE_GUARD);
	assert_int_equal(id->tid, SAMPLE_PID(50));
}

static void test_other_memory(void **state)
{
	struct identity *id = ask(state, DATA_FILE + 5);

	assert_int_equal(id->place, PLACE_FILE);
	assert_string_equal(id->file, "/dev/zero");
	assert_null(id->symbol.name);
	id = ask(state, DATA_FILE + 0x10000);
	assert_int_equal(id->place, PLACE_ANON);
	id = ask(state, SAMPLE_SLOT_2);
	assert_int_equal(id->place, PLACE_ANON);
	assert_int_equal(id->owner.tp->abi.id, 2);
	assert_string_equal(id->note, "threads: no process 1000000002");
	id = ask(state, SAMPLE_FIXED + 1);
	assert_int_equal(id->owner.tp->abi.id, 2);
	assert_int_equal(id->place, PLACE_FILE);
}

static void test_toolkit(void **state)
{
	struct identity *id = ask(state, TP_REGISTRY_ADDR + 8);

	assert_int_equal(id->owner.kind, OWNER_TOOLKIT);
	assert_int_equal(id->place, PLACE_REGISTRY);
	assert_int_equal(ask(state, TP_AGENT_ADDR)->place, PLACE_AGENT);
	id = ask(state, TP_MAILBOX_ADDR + 8);
	assert_int_equal(id->place, PLACE_MAILBOX);
	assert_null(id->mailbox_of);
	id = ask(state, TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE + 2 * TP_MAILBOX_STRIDE + 5);
	assert_int_equal(id->place, PLACE_MAILBOX);
	assert_int_equal(id->mailbox_of->abi.id, 2);
}

static void test_kernel(void **state)
{
	struct identity *id = ask(state, VDSO + 0x1110);

	assert_int_equal(id->owner.kind, OWNER_NONE);
	assert_int_equal(id->place, PLACE_VDSO);
	assert_string_equal(id->symbol_name, "main");
	id = ask(state, VDSO - 1);
	assert_int_equal(id->place, PLACE_VDSO);
	assert_null(id->symbol.name);
}

static void test_unowned(void **state)
{
	struct identity *id = ask(state, ESCAPED);

	assert_int_equal(id->owner.kind, OWNER_NONE);
	assert_true(id->mapped);
	assert_string_equal(id->mapping.path, "/[aio] (deleted)");
	assert_int_equal(id->place, PLACE_FILE);
}

static void test_unmapped(void **state)
{
	struct identity *id = ask(state, 0x10);

	assert_int_equal(id->owner.kind, OWNER_NONE);
	assert_false(id->mapped);
	assert_int_equal(id->place, PLACE_UNMAPPED);
	id = ask(state, SAMPLE_SLOT);
	assert_int_equal(id->owner.kind, OWNER_LIVE);
	assert_int_equal(id->place, PLACE_UNMAPPED);
	assert_int_equal(ask(state, UINT64_MAX)->place, PLACE_UNMAPPED);
}

static void test_exited(void **state)
{
	struct identity *id = ask(state, SAMPLE_SLOT_3 + 0x123);

	assert_int_equal(id->owner.kind, OWNER_EXITED);
	assert_string_equal(id->owner.tp->abi.name, "gone");
	assert_false(id->mapped);
}

/* A space whose processes cannot be looked at still says what the registry knows. */
static void test_registry_alone(void **state)
{
	struct world *w = *state;
	struct target target = {.snapshot = w->snapshot, .symbols = w->target.symbols};
	struct identity id;

	identify(&target, SAMPLE_PROGRAM + 0x1110, &id);
	assert_int_equal(id.owner.kind, OWNER_LIVE);
	assert_int_equal(id.place, PLACE_UNMAPPED);
	assert_string_equal(id.note, "no process of the space can be looked at");
	identify(&target, TP_REGISTRY_ADDR, &id);
	assert_int_equal(id.place, PLACE_REGISTRY);
}

/* The map for many addresses says what identify says of each, in whatever order they come. */
static void compare_with_map(struct world *w, struct addrmap *map, uint64_t addr)
{
	const struct addrmap_place *place = addrmap_find(map, addr);
	static struct identity id;

	identify(&w->target, addr, &id);
	assert_non_null(place);
	if (place->lo > addr || place->hi < addr || place->mapped != id.mapped ||
	    place->owner.kind != id.owner.kind || place->owner.tp != id.owner.tp ||
	    place->mailbox_of != id.mailbox_of || place->tid != id.tid ||
	    (place->place != id.place && !id.has_chunk))
		fail_msg("0x%" PRIx64 ": %s, not %s", addr, place_name(place->place),
		         place_name(id.place));
	assert_ptr_equal(place->symbols, id.has_vaddr ? id.symbols : NULL);
	if (place->symbols)
		assert_int_equal(addr - place->bias, id.vaddr);
	if (id.file)
		assert_string_equal(place->file, id.file);
	else
		assert_null(place->file);
}

static void test_map(void **state)
{
	static const uint64_t borders[] = {
		0,
		SAMPLE_FIXED,
		TP_AGENT_ADDR,
		TP_MAILBOX_ADDR,
		TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE + TP_MAILBOX_STRIDE,
		TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE + 3 * TP_MAILBOX_STRIDE,
		TP_REGISTRY_ADDR,
		SAMPLE_SLOT,
		SAMPLE_PROGRAM,
		SAMPLE_PROGRAM + 0x3000,
		SAMPLE_LIBC,
		SAMPLE_BRK,
		SAMPLE_STACK_LO,
		SAMPLE_STACK_HI,
		THREAD_STACK,
		THREAD_STACK + 0x8000,
		DATA_FILE,
		SAMPLE_SLOT_2,
		SAMPLE_SLOT_3,
		SAMPLE_SLOT_3 + TP_GRANULE_SIZE,
		VDSO,
		ESCAPED,
		UINT64_C(1) << 47,
		UINT64_MAX,
	};
	unsigned short seed[3] = {5, 6, 7};
	struct world *w = *state;
	struct addrmap *map;
	struct err err;

	assert_int_equal(addrmap_create(&w->target, &map, &err), 0);
	for (int round = 0; round < 5000; round++) {
		uint64_t border = borders[(size_t)nrand48(seed) % (sizeof(borders) / 8)];
		uint64_t reach = (uint64_t)1 << (nrand48(seed) % 20);

		compare_with_map(w, map, border + (uint64_t)mrand48() % (2 * reach) - reach);
		compare_with_map(w, map, border);
		compare_with_map(w, map, border - 1);
	}
	addrmap_destroy(map);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_program),        TEST(test_bss),           TEST(test_library),
		TEST(test_changed_file),   TEST(test_heap_and_name), TEST(test_stacks),
		TEST(test_other_memory),   TEST(test_toolkit),       TEST(test_kernel),
		TEST(test_unowned),        TEST(test_unmapped),      TEST(test_exited),
		TEST(test_registry_alone), TEST(test_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
