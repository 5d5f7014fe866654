/* The registry reader: every field spoilt in turn, every record read all the same. */
#include "lib/base/cleanup.h"
#include "lib/read/registry.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct registry_shape plain;

static struct snapshot *snapshot_of(const struct registry_builder *b)
{
	struct registry *registry;
	struct snapshot *s;
	struct err err;

	if (registry_from_bytes(b->bytes, b->size, &registry, &err))
		return NULL;
	assert_int_equal(registry_snapshot(registry, &s, &err), 0);
	registry_close(registry);
	return s;
}

/* ---- What is right is read ------------------------------------------------------------ */

static void check_sample(const struct snapshot *s)
{
	const struct reg_threadproc *tp;

	assert_string_equal(s->header.space, "fake");
	assert_true(s->consistent);
	assert_int_equal(s->threadproc_count, 4);
	tp = &s->threadprocs[1];
	assert_string_equal(tp->health.problem, "");
	assert_string_equal(tp->abi.name, "allocstr");
	assert_string_equal(tp->exe, "/usr/bin/allocstr");
	assert_string_equal(tp->cwd, "/tmp");
	assert_int_equal(tp->argc, 2);
	assert_string_equal(tp->argv[1], "-v");
	assert_null(tp->argv[2]);
	assert_int_equal(tp->module_count, 2);
	assert_string_equal(tp->modules[1].path, "libc.so.6");
	assert_string_equal(snapshot_image(s, tp->modules[1].abi.image)->path, "/lib/libc.so.6");
	assert_int_equal(tp->fd_count, 2);
	assert_string_equal(tp->fds[1].target, "/tmp/log");
	assert_string_equal(s->threadprocs[2].abi.name, "printstr");
	assert_string_equal(s->threadprocs[3].health.problem, "");
	assert_int_equal(s->name_count, 1);
	assert_string_equal(s->names[0].abi.name, "greeting");
	assert_ptr_equal(s->names[0].owner, tp);
	assert_null(snapshot_image(s, 0));
	assert_null(snapshot_image(s, 7));
}

static void test_sample(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	s = snapshot_of(&b);
	assert_non_null(s);
	check_sample(s);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

static void test_longer_elements(void **state)
{
	const struct registry_shape longer = {64};
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, longer);
	s = snapshot_of(&b);
	assert_non_null(s);
	check_sample(s);
	assert_int_equal(registry_owner(s, SAMPLE_SLOT_2).kind, OWNER_LIVE);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

static void test_owner(void **state)
{
	struct registry_builder b;
	struct owner owner;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	s = snapshot_of(&b);

	owner = registry_owner(s, SAMPLE_SLOT_2 + TP_GRANULE_SIZE + 5);
	assert_int_equal(owner.kind, OWNER_LIVE);
	assert_int_equal(owner.tp->abi.id, 2);
	assert_int_equal(owner.lo, SAMPLE_SLOT_2);
	assert_int_equal(owner.hi, SAMPLE_SLOT_3);

	owner = registry_owner(s, SAMPLE_FIXED + 0xffff);
	assert_int_equal(owner.kind, OWNER_LIVE);
	assert_int_equal(owner.tp->abi.id, 2);
	assert_int_equal(registry_owner(s, SAMPLE_FIXED + 0x10000).kind, OWNER_NONE);

	owner = registry_owner(s, SAMPLE_SLOT_3);
	assert_int_equal(owner.kind, OWNER_EXITED);
	assert_string_equal(owner.tp->abi.name, "gone");

	assert_int_equal(registry_owner(s, TP_REGISTRY_ADDR).kind, OWNER_TOOLKIT);
	assert_int_equal(registry_owner(s, TP_AGENT_ADDR + 1).kind, OWNER_TOOLKIT);
	assert_int_equal(registry_owner(s, TP_MAILBOX_ADDR).kind, OWNER_TOOLKIT);
	assert_int_equal(registry_owner(s, 0).kind, OWNER_NONE);
	assert_int_equal(registry_owner(s, SAMPLE_SLOT - 1).kind, OWNER_NONE);
	assert_int_equal(registry_owner(s, UINT64_MAX).kind, OWNER_NONE);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

/* A granule of an earlier use of the record is not given to the present one. */
static void test_owner_reused(void **state)
{
	struct registry_builder b;
	struct owner owner;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	rb_granule(&b, 1031)->generation--;
	rb_granule(&b, 1040)->state = TP_GRANULE_LIVE;
	rb_granule(&b, 1040)->owner = 60000;
	s = snapshot_of(&b);
	owner = registry_owner(s, SAMPLE_SLOT_3);
	assert_int_equal(owner.kind, OWNER_EXITED);
	assert_null(owner.tp);
	owner = registry_owner(s, SAMPLE_GRANULE(1040));
	assert_int_equal(owner.kind, OWNER_LIVE);
	assert_null(owner.tp);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

/* ---- A header that is wrong ------------------------------------------------------------- */

static void spoil_magic(struct tp_registry *h)
{
	h->magic++;
}
static void spoil_version(struct tp_registry *h)
{
	h->abi_version++;
}
static void spoil_size_long(struct tp_registry *h)
{
	h->size++;
}
static void spoil_size_short(struct tp_registry *h)
{
	h->size = 100;
}
static void spoil_space(struct tp_registry *h)
{
	memset(h->space, 'x', sizeof(h->space));
}
static void spoil_shift(struct tp_registry *h)
{
	h->granule_shift = 64;
}
static void spoil_page_size(struct tp_registry *h)
{
	h->page_size = 5000;
}
static void spoil_agent(struct tp_registry *h)
{
	h->agent_lo = h->agent_hi + 1;
}
static void spoil_mailbox(struct tp_registry *h)
{
	h->mailbox_size = UINT64_MAX;
}
static void spoil_address(struct tp_registry *h)
{
	h->address = UINT64_MAX;
}
static void spoil_off(struct tp_registry *h)
{
	h->images.off = h->size;
}
static void spoil_off_wraps(struct tp_registry *h)
{
	h->names.off = UINT64_MAX - 7;
}
static void spoil_off_header(struct tp_registry *h)
{
	h->fixed.off = 8;
}
static void spoil_off_odd(struct tp_registry *h)
{
	h->threadprocs.off += 4;
}
static void spoil_element(struct tp_registry *h)
{
	h->threadprocs.size -= 8;
}
static void spoil_element_odd(struct tp_registry *h)
{
	h->names.size += 4;
}
static void spoil_element_huge(struct tp_registry *h)
{
	h->images.size = UINT32_MAX - 7;
}
static void spoil_count(struct tp_registry *h)
{
	h->granules.count = UINT32_MAX;
}
static void spoil_count_some(struct tp_registry *h)
{
	h->heap.count *= 2;
}
static void spoil_heap(struct tp_registry *h)
{
	h->heap.size = 8;
}
static void spoil_overlap(struct tp_registry *h)
{
	h->names.off = h->images.off;
}
static void spoil_high(struct tp_registry *h)
{
	h->threadproc_high = h->threadprocs.count + 1;
}
static void spoil_image_high(struct tp_registry *h)
{
	h->image_high = UINT32_MAX;
}
static void spoil_name_high(struct tp_registry *h)
{
	h->name_high = UINT32_MAX;
}

static void test_header(void **state)
{
	static const struct {
		void (*spoil)(struct tp_registry *h);
		const char *text;
	} cases[] = {
		{spoil_magic, "magic"},
		{spoil_version, "ABI version 2; this program knows version 1"},
		{spoil_size_long, "bytes"},
		{spoil_size_short, "bytes"},
		{spoil_space, "name"},
		{spoil_shift, "granule shift"},
		{spoil_page_size, "page size"},
		{spoil_agent, "reversed"},
		{spoil_mailbox, "reversed"},
		{spoil_address, "reversed"},
		{spoil_off, "images"},
		{spoil_off_wraps, "names"},
		{spoil_off_header, "fixed"},
		{spoil_off_odd, "threadprocs"},
		{spoil_element, "element size"},
		{spoil_element_odd, "element size"},
		{spoil_element_huge, "images"},
		{spoil_count, "granules"},
		{spoil_count_some, "heap"},
		{spoil_heap, "heap"},
		{spoil_overlap, "overlap"},
		{spoil_high, "past its end"},
		{spoil_image_high, "past its end"},
		{spoil_name_high, "past its end"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct registry *registry = NULL;
		struct registry_builder b;
		struct err err;

		registry_builder_sample(&b, plain);
		cases[i].spoil(rb_header(&b));
		assert_int_equal(registry_from_bytes(b.bytes, b.size, &registry, &err), -1);
		assert_int_equal(err.code, ERR_REGISTRY);
		if (!strstr(err.text, cases[i].text))
			fail_msg("case %zu: '%s' in '%s'", i, cases[i].text, err.text);
		assert_null(registry);
		registry_builder_deinit(&b);
	}
}

static void test_truncated(void **state)
{
	struct registry *registry = NULL;
	struct registry_builder b;
	struct err err;

	registry_builder_sample(&b, plain);
	for (size_t len = 0; len < b.size; len += len < 600 ? 1 : 997) {
		assert_int_equal(registry_from_bytes(b.bytes, len, &registry, &err), -1);
		assert_int_equal(err.code, ERR_REGISTRY);
	}
	registry_builder_deinit(&b);
}

/* ---- A record that is wrong --------------------------------------------------------------- */

static struct tp_module *module_of(struct registry_builder *b)
{
	return rb_at(b, rb_threadproc(b, 1)->modules);
}

static struct tp_fd *fd_of(struct registry_builder *b)
{
	return rb_at(b, rb_threadproc(b, 1)->fds);
}

#define SPOIL(name, statement)                                                                     \
	static void name(struct registry_builder *b, struct tp_threadproc *tp)                     \
	{                                                                                          \
		statement;                                                                         \
	}

SPOIL(bad_state, tp->state = 77)
SPOIL(bad_generation, tp->generation = 0)
SPOIL(bad_id, tp->id = 0)
SPOIL(bad_pid, tp->pid = -2)
SPOIL(bad_name, memset(tp->name, 'x', sizeof(tp->name)))
SPOIL(bad_stack, tp->stack_lo = tp->stack_hi + 1)
SPOIL(bad_brk, tp->brk_hi = 0)
SPOIL(bad_fixed, tp->fixed_lo = 1)
SPOIL(bad_program, tp->program_image = 7)
SPOIL(bad_interp, tp->interp_image = UINT32_MAX)
SPOIL(bad_run_count, tp->run_count = TP_RUNS + 1)
SPOIL(bad_run_first, tp->runs[0].first = TP_GRANULES)
SPOIL(bad_run_huge, tp->runs[0].count = UINT32_MAX)
SPOIL(bad_run_zero, tp->runs[0].first = 0)
SPOIL(bad_runs_overlap, tp->runs[1] = tp->runs[0]; tp->run_count = 2)
SPOIL(bad_exe_off, tp->exe.off = UINT32_MAX)
SPOIL(bad_exe_len, tp->exe.len = UINT32_MAX)
SPOIL(bad_exe_end, tp->exe.len -= 1)
SPOIL(bad_exe_two, ((char *)rb_at(b, tp->exe))[3] = '\0')
SPOIL(bad_cwd, tp->cwd.len = 2)
SPOIL(bad_argv, tp->argv.len -= 1)
SPOIL(bad_argv_off, tp->argv.off = 1u << 30)
SPOIL(bad_modules_len, tp->modules.len -= 1)
SPOIL(bad_modules_off, tp->modules.off = UINT32_MAX - 8)
SPOIL(bad_module_image, module_of(b)->image = 6)
SPOIL(bad_module_kind, module_of(b)->kind = 0)
SPOIL(bad_module_path, module_of(b)->path.len = 3)
SPOIL(bad_fds_len, tp->fds.len += 1)
SPOIL(bad_fd_kind, fd_of(b)->kind = 99)
SPOIL(bad_fd_number, fd_of(b)->fd = -5)
SPOIL(bad_fd_target, fd_of(b)->target.off = UINT32_MAX)

static void test_record(void **state)
{
	static const struct {
		void (*spoil)(struct registry_builder *b, struct tp_threadproc *tp);
		const char *problem;
	} cases[] = {
		{bad_state, "state"},
		{bad_generation, "generation"},
		{bad_id, "id"},
		{bad_pid, "pid"},
		{bad_name, "name"},
		{bad_stack, "stack"},
		{bad_brk, "brk"},
		{bad_fixed, "fixed"},
		{bad_program, "program"},
		{bad_interp, "interpreter"},
		{bad_run_count, "runs"},
		{bad_run_first, "run 0"},
		{bad_run_huge, "run 0"},
		{bad_run_zero, "run 0"},
		{bad_runs_overlap, "run 1"},
		{bad_exe_off, "exe"},
		{bad_exe_len, "exe"},
		{bad_exe_end, "exe"},
		{bad_exe_two, "exe"},
		{bad_cwd, "cwd"},
		{bad_argv, "argv"},
		{bad_argv_off, "argv"},
		{bad_modules_len, "modules"},
		{bad_modules_off, "modules"},
		{bad_module_image, "module"},
		{bad_module_kind, "module"},
		{bad_module_path, "module"},
		{bad_fds_len, "fds"},
		{bad_fd_kind, "fd"},
		{bad_fd_number, "fd"},
		{bad_fd_target, "descriptor"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct registry_builder b;
		struct snapshot *s;

		registry_builder_sample(&b, plain);
		cases[i].spoil(&b, rb_threadproc(&b, 1));
		s = snapshot_of(&b);
		assert_non_null(s);
		if (!strstr(s->threadprocs[1].health.problem, cases[i].problem))
			fail_msg("case %zu: '%s' in '%s'", i, cases[i].problem,
			         s->threadprocs[1].health.problem);
		assert_int_equal(s->threadprocs[1].abi.launcher_pid, SAMPLE_PID(101));
		assert_string_equal(s->threadprocs[2].health.problem, "");
		assert_string_equal(s->threadprocs[2].exe, "/usr/bin/allocstr");
		snapshot_destroy(s);
		registry_builder_deinit(&b);
	}
}

static void test_parts_left_of_a_record(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	bad_exe_off(&b, rb_threadproc(&b, 1));
	bad_module_image(&b, rb_threadproc(&b, 1));
	bad_stack(&b, rb_threadproc(&b, 1));
	s = snapshot_of(&b);
	assert_null(s->threadprocs[1].exe);
	assert_string_equal(s->threadprocs[1].cwd, "/tmp");
	assert_int_equal(s->threadprocs[1].abi.stack_hi, 0);
	assert_int_equal(s->threadprocs[1].module_count, 2);
	assert_int_equal(s->threadprocs[1].modules[0].abi.image, 0);
	assert_int_equal(s->threadprocs[1].modules[1].abi.image, 2);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

static void test_image_and_name(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	rb_image(&b, 1)->build_id_len = 33;
	rb_image(&b, 2)->path.len = 5;
	memset(rb_name(&b, 1)->type, 't', TP_NAME_SIZE);
	rb_name(&b, 1)->size = UINT64_MAX;
	rb_name(&b, 1)->owner = 5000;
	*rb_name(&b, 2) = (struct tp_name){.live = 1, .owner = 1, .owner_generation = 4};
	s = snapshot_of(&b);
	assert_string_equal(s->images[1].health.problem, "build-id of 33 bytes");
	assert_int_equal(s->images[1].abi.build_id_len, 0);
	assert_null(snapshot_image(s, 2));
	assert_int_equal(s->threadprocs[1].modules[1].abi.image, 0);
	assert_int_equal(s->name_count, 2);
	assert_null(s->names[0].owner);
	assert_int_equal(strlen(s->names[0].abi.type), TP_NAME_SIZE - 1);
	assert_int_equal(s->names[0].abi.size, 0);
	assert_null(s->names[1].owner);
	assert_string_equal(s->names[1].health.problem, "");
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

/* Many records that all lead to one big block must not make the reader copy without end. */
static void test_budget(void **state)
{
	struct registry_builder b;
	struct snapshot *s;
	size_t copied = 0;

	registry_builder_sample(&b, plain);
	memset(rb_at(&b, (struct tp_ref){b.heap_used, 0}), 'x',
	       rb_header(&b)->heap.count - b.heap_used - 1);
	for (uint32_t i = 1; i < 8; i++) {
		struct tp_threadproc *tp = rb_threadproc(&b, i);

		tp->state = TP_STATE_RUNNING;
		tp->generation = tp->id = i;
		tp->argv = (struct tp_ref){0, rb_header(&b)->heap.count};
	}
	s = snapshot_of(&b);
	for (size_t i = 0; i < s->threadproc_count; i++)
		copied += s->threadprocs[i].argc != 0;
	assert_int_equal(copied, 3);
	assert_string_equal(s->threadprocs[7].health.problem, "argv: 16384 bytes are too many");
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

/* ---- Being written -----------------------------------------------------------------------------
 */

static void test_odd_for_ever(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	rb_header(&b)->seq = 7;
	rb_threadproc(&b, 1)->seq = 3;
	rb_image(&b, 2)->seq = 5;
	rb_name(&b, 1)->seq = 9;
	s = snapshot_of(&b);
	assert_false(s->consistent);
	assert_true(s->threadprocs[1].health.unstable);
	assert_string_equal(s->threadprocs[1].exe, "/usr/bin/allocstr");
	assert_false(s->threadprocs[2].health.unstable);
	assert_true(s->images[2].health.unstable);
	assert_true(s->names[0].health.unstable);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

struct writer {
	struct registry_builder *shared;
	atomic_bool stop;
};

/* Writes records whose name, id and argv belong together, as the server would. */
static void *write_records(void *arg)
{
	struct writer *writer = arg;
	struct tp_threadproc *tp = rb_threadproc(writer->shared, 1);
	uint32_t seq = 0;

	for (uint32_t round = 1; !atomic_load(&writer->stop); round++) {
		char digit = (char)('a' + round % 26);

		__atomic_store_n(&tp->seq, ++seq, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		tp->id = (uint32_t)digit;
		memset(tp->name, digit, 8);
		memset(rb_at(writer->shared, tp->argv), digit, 8);
		__atomic_store_n(&tp->seq, ++seq, __ATOMIC_RELEASE);
		sched_yield();
	}
	return NULL;
}

static void check_whole(const struct reg_threadproc *tp)
{
	if (tp->health.unstable || !strcmp(tp->abi.name, "allocstr"))
		return;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(tp->abi.name[i], tp->abi.id);
		assert_int_equal(tp->argv[0][i], tp->abi.id);
	}
}

/* A memfd, sealed as the server's is, that a thread writes while it is read. */
static void test_concurrent(void **state)
{
	AUTO_CLOSE int fd = memfd_create("registry", MFD_ALLOW_SEALING);
	struct registry_builder b, shared;
	struct registry *registry;
	struct writer writer = {&shared, false};
	pthread_t thread;
	struct err err;

	registry_builder_sample(&b, plain);
	assert_int_equal(write(fd, b.bytes, b.size), b.size);
	shared = b;
	shared.bytes = mmap(NULL, b.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(shared.bytes, MAP_FAILED);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(registry_open_fd(fd, &registry, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_records, &writer), 0);
	for (int i = 0; i < 300; i++) {
		struct snapshot *s;

		assert_int_equal(registry_snapshot(registry, &s, &err), 0);
		check_whole(&s->threadprocs[1]);
		snapshot_destroy(s);
	}
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);

	/* It is shared memory still: what breaks the header is noticed. */
	rb_header(&shared)->magic = 0;
	assert_int_equal(registry_snapshot(registry, &(struct snapshot *){NULL}, &err), -1);
	assert_int_equal(err.code, ERR_REGISTRY);
	registry_close(registry);
	munmap(shared.bytes, shared.size);
	registry_builder_deinit(&b);
}

/* ---- Where it comes from
 * --------------------------------------------------------------------------- */

static void test_not_sealed(void **state)
{
	AUTO_CLOSE int fd = memfd_create("registry", 0);
	struct registry_builder b;
	struct registry *registry;
	struct snapshot *s;
	struct err err;

	registry_builder_sample(&b, plain);
	assert_int_equal(write(fd, b.bytes, b.size), b.size);
	assert_int_equal(registry_open_fd(fd, &registry, &err), 0);
	assert_int_equal(ftruncate(fd, 0), 0); /* would be SIGBUS, were it mapped */
	assert_int_equal(registry_snapshot(registry, &s, &err), 0);
	check_sample(s);
	snapshot_destroy(s);
	registry_close(registry);
	registry_builder_deinit(&b);
}

static void test_not_a_file(void **state)
{
	struct registry *registry;
	struct err err;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(registry_open_fd(pair[0], &registry, &err), -1);
	assert_int_equal(err.code, ERR_REGISTRY);
	close(pair[0]);
	close(pair[1]);
}

static int in_runtime_dir(void **state)
{
	static char dir[] = "/tmp/tproc-test-XXXXXX";

	if (!mkdtemp(dir))
		return -1;
	*state = dir;
	return setenv("XDG_RUNTIME_DIR", dir, 1);
}

static int drop_runtime_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", (char *)*state);
	return system(command);
}

static void in_dir(char path[128], void **state, const char *rest)
{
	snprintf(path, 128, "%s/%s", (char *)*state, rest);
}

static void test_open_space(void **state)
{
	AUTO_CLOSE int fd = memfd_create("registry", 0);
	struct registry_builder b;
	struct registry *registry;
	char path[128], link[64];
	struct err err;

	assert_int_equal(registry_open_space("x", &registry, &err), -1);
	assert_int_equal(err.code, ERR_NO_SPACE);
	in_dir(path, state, "tproc");
	assert_int_equal(mkdir(path, 0700), 0);
	in_dir(path, state, "tproc/x");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(registry_open_space("x", &registry, &err), -1);
	assert_int_equal(err.code, ERR_NO_SPACE);

	in_dir(path, state, "tproc/x/registry");
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)getpid(), fd);
	assert_int_equal(symlink(link, path), 0);
	assert_int_equal(registry_open_space("x", &registry, &err), -1);
	assert_int_equal(err.code, ERR_REGISTRY);
	registry_builder_sample(&b, plain);
	assert_int_equal(write(fd, b.bytes, b.size), b.size);
	assert_int_equal(registry_open_space("x", &registry, &err), 0);
	registry_close(registry);
	registry_builder_deinit(&b);

	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* is not waited for */
	assert_int_equal(registry_open_space("x", &registry, &err), -1);
	assert_int_equal(err.code, ERR_REGISTRY);
}

/* ---- Anything at all
 * ---------------------------------------------------------------------------------- */

static size_t walk(const struct snapshot *s)
{
	size_t sum = 0;

	for (size_t i = 0; i < s->threadproc_count; i++) {
		const struct reg_threadproc *tp = &s->threadprocs[i];

		sum += strlen(tp->abi.name) + strlen(tp->health.problem);
		sum += tp->exe ? strlen(tp->exe) : 0;
		for (size_t j = 0; j < tp->argc; j++)
			sum += strlen(tp->argv[j]);
		for (size_t j = 0; j < tp->module_count; j++)
			sum += strlen(tp->modules[j].path) +
			       (snapshot_image(s, tp->modules[j].abi.image) != NULL);
		for (size_t j = 0; j < tp->fd_count; j++)
			sum += strlen(tp->fds[j].target);
	}
	for (size_t i = 0; i < s->name_count; i++)
		sum += strlen(s->names[i].abi.name) + strlen(s->names[i].abi.type);
	for (uint64_t addr = 0x1000; addr; addr <<= 1)
		sum += registry_owner(s, addr).kind + registry_owner(s, SAMPLE_SLOT + addr).kind;
	return sum;
}

static void test_fuzz(void **state)
{
	unsigned short seed[3] = {7, 11, 13};
	struct registry_builder b;
	size_t interesting, sum = 0;
	char *sound;

	registry_builder_sample(&b, plain);
	sound = malloc(b.size);
	memcpy(sound, b.bytes, b.size);
	interesting = b.size - rb_header(&b)->fixed.off; /* past the header and the granules */
	for (int round = 0; round < 3000; round++) {
		struct snapshot *s;

		memcpy(b.bytes, sound, b.size);
		for (int i = 0; i < 1 + round % 12; i++) {
			size_t at = (size_t)nrand48(seed);

			at = i % 4 ? b.size - 1 - at % interesting
			           : at % sizeof(struct tp_registry);
			if (i % 4 || round % 2)
				b.bytes[at] = (char)nrand48(seed);
		}
		s = snapshot_of(&b);
		if (!s)
			continue;
		sum += walk(s);
		snapshot_destroy(s);
	}
	assert_int_not_equal(sum, 0);
	free(sound);
	registry_builder_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_longer_elements),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_owner_reused),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_parts_left_of_a_record),
		cmocka_unit_test(test_image_and_name),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_odd_for_ever),
		cmocka_unit_test(test_concurrent),
		cmocka_unit_test(test_not_sealed),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test_setup_teardown(test_open_space, in_runtime_dir, drop_runtime_dir),
		cmocka_unit_test(test_fuzz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
