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

/* ---- What is right is read ----------------------------------------------- */

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
	s = rb_snapshot(&b);
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
	s = rb_snapshot(&b);
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
	s = rb_snapshot(&b);

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
	s = rb_snapshot(&b);
	owner = registry_owner(s, SAMPLE_SLOT_3);
	assert_int_equal(owner.kind, OWNER_EXITED);
	assert_null(owner.tp);
	owner = registry_owner(s, SAMPLE_GRANULE(1040));
	assert_int_equal(owner.kind, OWNER_LIVE);
	assert_null(owner.tp);
	snapshot_destroy(s);
	registry_builder_deinit(&b);
}

/* ---- Being written ------------------------------------------------------- */

static void test_odd_for_ever(void **state)
{
	struct registry_builder b;
	struct snapshot *s;

	registry_builder_sample(&b, plain);
	rb_header(&b)->seq = 7;
	rb_threadproc(&b, 1)->seq = 3;
	rb_image(&b, 2)->seq = 5;
	rb_name(&b, 1)->seq = 9;
	s = rb_snapshot(&b);
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

/* ---- Where it comes from ------------------------------------------------- */

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

/* ---- Anything at all ----------------------------------------------------- */

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
		s = rb_snapshot(&b);
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
		cmocka_unit_test(test_odd_for_ever),
		cmocka_unit_test(test_concurrent),
		cmocka_unit_test(test_not_sealed),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test_setup_teardown(test_open_space, in_runtime_dir, drop_runtime_dir),
		cmocka_unit_test(test_fuzz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
