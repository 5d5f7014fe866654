/* libtproc against a fake space: who am I, who owns this, names by way of the mailbox. */
#include "lib/tproc/space.h"
#include "tests/unit/fake_space.h"
#include "tproc/tproc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *in_granule(uint64_t granule)
{
	return (void *)((granule << TP_GRANULE_SHIFT) + 0x1234);
}

static void set_granule(uint64_t granule, enum tp_granule_state state, uint32_t owner,
                        uint32_t generation)
{
	fake.granules[granule].state = (uint16_t)state;
	fake.granules[granule].owner = (uint16_t)owner;
	fake.granules[granule].generation = generation;
}

static int attach_fake(void **state)
{
	return tproci_attach();
}

static int start_server(void **state)
{
	memset(fake.names, 0, sizeof(*fake.names) * fake.registry->names.count);
	return fake_server_start();
}

static int stop_server(void **state)
{
	fake_server_stop();
	return 0;
}

static void test_self(void **state)
{
	struct tproc_info info;

	assert_int_equal(tproc_in_space(), 1);
	assert_int_equal(tproc_id(), 11);
	assert_string_equal(tproc_space(), "fake");
	assert_int_equal(tproc_self(&info), TPROC_OK);
	assert_int_equal(info.id, 11);
	assert_int_equal(info.pid, 1011);
	assert_int_equal(info.state, TPROC_STATE_RUNNING);
	assert_string_equal(info.name, "self");
}

static void test_self_while_the_server_still_writes(void **state)
{
	struct tproc_info info;

	fake.threadprocs[FAKE_SELF].state = TP_STATE_STARTING;
	fake.threadprocs[FAKE_SELF].pid = 0;
	assert_int_equal(tproc_self(&info), TPROC_OK);
	assert_int_equal(info.state, TPROC_STATE_RUNNING);
	assert_int_equal(info.pid, getpid());
	assert_int_equal(tproc_find(11, &info), TPROC_OK);
	assert_int_equal(info.state, TPROC_STATE_STARTING);
	assert_int_equal(info.pid, 0);
	fake.threadprocs[FAKE_SELF].state = TP_STATE_RUNNING;
	fake.threadprocs[FAKE_SELF].pid = 1011;
}

static void test_next_lists_all(void **state)
{
	unsigned int cursor = 0;
	unsigned int ids = 0;
	struct tproc_info info;

	while (tproc_next(&cursor, &info) == TPROC_OK)
		ids = ids * 100 + info.id;
	assert_int_equal(ids, 111213);
	assert_int_equal(tproc_next(&cursor, &info), TPROC_NOT_FOUND);
	cursor = ~0u;
	assert_int_equal(tproc_next(&cursor, &info), TPROC_NOT_FOUND);
}

static void test_find(void **state)
{
	struct tproc_info info;

	assert_int_equal(tproc_find(13, &info), TPROC_OK);
	assert_string_equal(info.name, "gone");
	assert_int_equal(info.state, TPROC_STATE_EXITED);
	assert_int_equal(tproc_find(99, &info), TPROC_NOT_FOUND);
	assert_string_equal(info.name, "gone");
}

static void test_record_being_written_is_busy(void **state)
{
	struct tproc_info info;

	fake.threadprocs[FAKE_SELF].seq = 1;
	assert_int_equal(tproc_self(&info), TPROC_BUSY);
	fake.threadprocs[FAKE_SELF].seq = 2;
	assert_int_equal(tproc_self(&info), TPROC_OK);
}

static void test_name_without_end_is_cut(void **state)
{
	struct tproc_info info;

	memset(fake.threadprocs[FAKE_OTHER].name, 'x', TP_NAME_SIZE);
	assert_int_equal(tproc_find(12, &info), TPROC_OK);
	assert_int_equal(strlen(info.name), TP_NAME_SIZE - 1);
	memset(fake.threadprocs[FAKE_OTHER].name, 0, TP_NAME_SIZE);
}

static void test_owner_of_granules(void **state)
{
	unsigned int id = 0;

	set_granule(2000, TP_GRANULE_LIVE, FAKE_OTHER, 7);
	set_granule(2001, TP_GRANULE_QUARANTINE, FAKE_GONE, 7);
	set_granule(2002, TP_GRANULE_QUARANTINE, FAKE_OTHER, 6);
	assert_int_equal(tproc_owner(in_granule(2000), &id), TPROC_OK);
	assert_int_equal(id, 12);
	assert_int_equal(tproc_owner(in_granule(2001), &id), TPROC_EXITED);
	assert_int_equal(id, 13);
	assert_int_equal(tproc_owner(in_granule(2002), &id), TPROC_EXITED);
	assert_int_equal(id, 0);
	id = 77;
	assert_int_equal(tproc_owner(in_granule(2003), &id), TPROC_NOT_FOUND);
	assert_int_equal(tproc_owner(NULL, &id), TPROC_NOT_FOUND);
	assert_int_equal(tproc_owner((void *)~UINT64_C(0), &id), TPROC_NOT_FOUND);
	assert_int_equal(id, 77);
}

static void test_owner_with_a_stale_granule_is_no_wrong_answer(void **state)
{
	unsigned int id = 77;

	set_granule(2004, TP_GRANULE_LIVE, FAKE_OTHER, 6);
	assert_int_equal(tproc_owner(in_granule(2004), &id), TPROC_BUSY);
	set_granule(2004, TP_GRANULE_LIVE, 60000, 7);
	assert_int_equal(tproc_owner(in_granule(2004), &id), TPROC_NOT_FOUND);
	fake.threadprocs[FAKE_OTHER].seq = 1;
	set_granule(2004, TP_GRANULE_LIVE, FAKE_OTHER, 7);
	assert_int_equal(tproc_owner(in_granule(2004), &id), TPROC_BUSY);
	fake.threadprocs[FAKE_OTHER].seq = 2;
	assert_int_equal(id, 77);
	assert_int_equal(tproc_owner(in_granule(2004), &id), TPROC_OK);
	assert_int_equal(id, 12);
}

static void test_owner_of_a_fixed_image(void **state)
{
	unsigned int id = 0;

	fake.fixed[1].lo = 0x400000;
	fake.fixed[1].hi = 0x500000;
	fake.fixed[1].owner = FAKE_OTHER;
	fake.fixed[1].generation = 7;
	assert_int_equal(tproc_owner((void *)0x400000, &id), TPROC_OK);
	assert_int_equal(id, 12);
	assert_int_equal(tproc_owner((void *)0x500000, &id), TPROC_NOT_FOUND);
	fake.fixed[1].hi = fake.fixed[1].lo;
	assert_int_equal(tproc_owner((void *)0x400000, &id), TPROC_NOT_FOUND);
}

static void test_publish_and_lookup(void **state)
{
	struct tproc_named named;
	void *found = NULL;
	int object;

	assert_int_equal(tproc_publish("thing", &object, sizeof(object), "int"), TPROC_OK);
	assert_int_equal(tproc_lookup("thing", "int", &found, &named), TPROC_OK);
	assert_ptr_equal(found, &object);
	assert_int_equal(named.owner, 11);
	assert_string_equal(named.name, "thing");
	assert_string_equal(named.type, "int");
	assert_int_equal(tproc_lookup("thing", NULL, NULL, NULL), TPROC_OK);
	assert_int_equal(tproc_unpublish("thing"), TPROC_OK);
	assert_int_equal(tproc_lookup("thing", "int", &found, NULL), TPROC_NOT_FOUND);
	assert_int_equal(tproc_unpublish("thing"), TPROC_NOT_FOUND);
	assert_int_equal(fake_request(FAKE_SELF)->state, TP_REQUEST_IDLE);
}

static void test_lookup_checks_the_type(void **state)
{
	void *found = &found;

	fake_publish(9, FAKE_OTHER, "scene", "scene/2", 0x1000);
	assert_int_equal(tproc_lookup("scene", "scene/1", &found, NULL), TPROC_WRONG_TYPE);
	assert_ptr_equal(found, &found);
	assert_int_equal(tproc_lookup("scene", "scene/2", &found, NULL), TPROC_OK);
	assert_ptr_equal(found, (void *)0x1000);
}

static void test_names_of_others(void **state)
{
	int object;

	fake_publish(9, FAKE_OTHER, "theirs", "", 0x1000);
	assert_int_equal(tproc_publish("theirs", &object, 0, NULL), TPROC_EXISTS);
	assert_int_equal(tproc_unpublish("theirs"), TPROC_DENIED);
}

static void test_names_of_the_dead_are_not_found(void **state)
{
	struct tproc_named named;
	unsigned int cursor = 0;

	fake_publish(8, FAKE_GONE, "ghost", "", 0x1000);
	fake_publish(7, FAKE_OTHER, "replaced", "", 0x1000);
	fake.names[7].owner_generation--;
	fake_publish(9, FAKE_OTHER, "alive", "", 0x1000);
	assert_int_equal(tproc_lookup("ghost", NULL, NULL, NULL), TPROC_NOT_FOUND);
	assert_int_equal(tproc_lookup("replaced", NULL, NULL, NULL), TPROC_NOT_FOUND);
	assert_int_equal(tproc_next_named(&cursor, &named), TPROC_OK);
	assert_string_equal(named.name, "alive");
	assert_int_equal(tproc_next_named(&cursor, &named), TPROC_NOT_FOUND);
}

static void test_full(void **state)
{
	char name[16];
	int result;
	int i = 0;

	do {
		snprintf(name, sizeof(name), "n%d", i++);
		result = tproc_publish(name, &result, 0, NULL);
	} while (result == TPROC_OK);
	assert_int_equal(result, TPROC_FULL);
}

static void test_bad_arguments(void **state)
{
	char longest[TPROC_NAME_SIZE + 1];

	memset(longest, 'a', sizeof(longest));
	longest[TPROC_NAME_SIZE] = '\0';
	assert_int_equal(tproc_publish("", longest, 0, NULL), TPROC_INVALID);
	assert_int_equal(tproc_publish(NULL, longest, 0, NULL), TPROC_INVALID);
	assert_int_equal(tproc_publish(longest, longest, 0, NULL), TPROC_INVALID);
	assert_int_equal(tproc_publish("a", longest, 0, longest), TPROC_INVALID);
	assert_int_equal(tproc_publish("a", NULL, 0, NULL), TPROC_INVALID);
	assert_int_equal(tproc_lookup(longest, NULL, NULL, NULL), TPROC_INVALID);
	assert_int_equal(tproc_unpublish(NULL), TPROC_INVALID);
	longest[TPROC_NAME_SIZE - 1] = '\0';
	assert_int_equal(tproc_publish(longest, longest, 0, longest), TPROC_OK);
}

static void *publish_and_take_back(void *argument)
{
	const char *name = argument;
	intptr_t failures = 0;
	int i;

	for (i = 0; i < 200; i++) {
		failures += tproc_publish(name, argument, 0, NULL) != TPROC_OK;
		failures += tproc_lookup(name, NULL, NULL, NULL) != TPROC_OK;
		failures += tproc_unpublish(name) != TPROC_OK;
	}
	return (void *)failures;
}

static void test_threads_take_turns(void **state)
{
	char names[4][8] = {"one", "two", "three", "four"};
	pthread_t threads[4];
	void *failures;
	int i;

	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, publish_and_take_back, names[i]),
		                 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &failures);
		assert_null(failures);
	}
}

static void test_errno_and_signal_mask_stay(void **state)
{
	sigset_t mask;

	errno = 123;
	assert_int_equal(tproc_publish("e", &mask, 0, NULL), TPROC_OK);
	assert_int_equal(tproc_wait_name("never", NULL, 3, NULL, NULL), TPROC_TIMED_OUT);
	assert_int_equal(errno, 123);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

static int late;

static void *publish_later(void *argument)
{
	tproc_publish("late", &late, 0, "int");
	return NULL;
}

static void test_wait_name(void **state)
{
	void *found = NULL;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, publish_later, NULL), 0);
	assert_int_equal(tproc_wait_name("late", "int", -1, &found, NULL), TPROC_OK);
	assert_ptr_equal(found, &late);
	assert_int_equal(tproc_wait_name("late", "char", -1, NULL, NULL), TPROC_WRONG_TYPE);
	assert_int_equal(tproc_wait_name("later", "int", 0, NULL, NULL), TPROC_TIMED_OUT);
	assert_int_equal(tproc_wait_name("", NULL, -1, NULL, NULL), TPROC_INVALID);
	pthread_join(thread, NULL);
}

/* A pid that is surely nobody's: a child that was waited for. */
static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static void test_dead_server(void **state)
{
	struct tp_request *request = fake_request(FAKE_SELF);
	int32_t server_pid = fake.registry->server_pid;

	fake.registry->server_pid = dead_pid();
	assert_int_equal(tproc_publish("a", &server_pid, 0, NULL), TPROC_NO_SERVER);
	assert_int_equal(request->state, TP_REQUEST_POSTED);
	assert_int_equal(tproc_publish("a", &server_pid, 0, NULL), TPROC_NO_SERVER);
	assert_int_equal(tproc_wait_name("a", NULL, -1, NULL, NULL), TPROC_NO_SERVER);
	fake.registry->server_pid = server_pid;

	/* The late answer to the request that was given up does not block the mailbox. */
	fake.mailbox_header->pending[0] = UINT64_C(1) << FAKE_SELF;
	assert_int_equal(fake_server_start(), 0);
	assert_int_equal(tproc_publish("b", &server_pid, 0, NULL), TPROC_OK);
	fake_server_stop();
	assert_int_equal(request->state, TP_REQUEST_IDLE);
}

static void test_words(void **state)
{
	assert_string_equal(tproc_strerror(-1000), "unknown result");
	assert_string_equal(tproc_strerror(TPROC_NOT_IN_SPACE), "not in a space");
	assert_string_equal(tproc_state_name(TPROC_STATE_CRASHED), "crashed");
	assert_string_equal(tproc_state_name(0), "unknown");
	assert_string_equal(tproc_state_name(99), "unknown");
}

static void test_forked_child_is_outside(void **state)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(tproc_in_space() || tproc_id() || tproc_space() ||
		      tproc_publish("a", &pid, 0, NULL) != TPROC_NOT_IN_SPACE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(tproc_in_space(), 1);
}

/* Attaches with *field changed to value, and puts everything back. */
static int attach_with(void *field, size_t size, uint64_t value)
{
	char kept[8];
	int result;

	memcpy(kept, field, size);
	memcpy(field, &value, size);
	result = tproci_attach();
	memcpy(field, kept, size);
	return result;
}
#define ATTACH_WITH(field, value) attach_with(&(field), sizeof(field), value)

static void test_attach_trusts_nothing(void **state)
{
	struct tp_registry *registry = fake.registry;

	assert_int_equal(ATTACH_WITH(fake_auxval, 0), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake_auxval, fake_auxval + 1), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->magic, 0), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->abi_version, TP_ABI_VERSION + 1),
	                 TPROC_WRONG_VERSION);
	assert_int_equal(ATTACH_WITH(fake.self->registry, 8), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->index, 0), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->index, 5000), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->generation, 8), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->mailbox, 16), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(fake.self->mailbox_header, 16), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->magic, 1), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->abi_version, TP_ABI_VERSION + 1),
	                 TPROC_WRONG_VERSION);
	assert_int_equal(ATTACH_WITH(registry->granule_shift, 30), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->granules.count, 1), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->granules.size, 4), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->names.count, ~0u), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->names.off, ~UINT64_C(7)), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->threadprocs.off, 8), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->fixed.off, 4097), TPROC_NOT_IN_SPACE);
	assert_int_equal(ATTACH_WITH(registry->mailbox_size, 4096), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproci_attach(), TPROC_OK);
}

static void test_scribbled_self_page(void **state)
{
	struct tproc_info info;

	fake.self->registry = 8;
	fake.self->index = 4000;
	assert_int_equal(tproc_self(&info), TPROC_OK);
	assert_int_equal(info.id, 11);
	fake.self->registry = TP_REGISTRY_ADDR;
	fake.self->index = FAKE_SELF;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_self_while_the_server_still_writes),
		cmocka_unit_test(test_next_lists_all),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_record_being_written_is_busy),
		cmocka_unit_test(test_name_without_end_is_cut),
		cmocka_unit_test(test_owner_of_granules),
		cmocka_unit_test(test_owner_with_a_stale_granule_is_no_wrong_answer),
		cmocka_unit_test(test_owner_of_a_fixed_image),
		cmocka_unit_test_setup_teardown(test_publish_and_lookup, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_lookup_checks_the_type, start_server,
	                                        stop_server),
		cmocka_unit_test_setup_teardown(test_names_of_others, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_names_of_the_dead_are_not_found, start_server,
	                                        stop_server),
		cmocka_unit_test_setup_teardown(test_full, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_bad_arguments, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_threads_take_turns, start_server, stop_server),
		cmocka_unit_test_setup_teardown(test_errno_and_signal_mask_stay, start_server,
	                                        stop_server),
		cmocka_unit_test_setup_teardown(test_wait_name, start_server, stop_server),
		cmocka_unit_test(test_dead_server),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_forked_child_is_outside),
		cmocka_unit_test(test_attach_trusts_nothing),
		cmocka_unit_test(test_scribbled_self_page),
	};

	if (fake_space_create()) {
		fprintf(stderr, "the addresses of a space could not be had: %s\n", strerror(errno));
		return 77;
	}
	return cmocka_run_group_tests(tests, attach_fake, NULL);
}
