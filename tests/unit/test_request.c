/* A launch from hostile hands: every field's limits, and no descriptor left open. */
#include "loader/server/request.h"
#include "tests/unit/fd_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int descriptors_before;

static int setup(void **state)
{
	(void)state;
	descriptors_before = fd_count();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fd_count() == descriptors_before ? 0 : -1;
}

static int memfd_with(const void *bytes, size_t length)
{
	int fd = memfd_create("strings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	return fd;
}

/* A sound launch of "/bin/prog" with argc strings; each test spoils one thing of it. */
static struct packet make_launch(const void *strings, size_t length, uint32_t argc, uint32_t envc)
{
	struct packet packet = {.fd_count = 2};

	packet.body.launch = (struct wire_launch){
		.h = {WIRE_MAGIC, WIRE_VERSION, WIRE_LAUNCH, sizeof(struct wire_launch), 2},
		.name = "prog",
		.argc = argc,
		.envc = envc,
		.strings_length = (uint32_t)length,
		.pgid = 10,
		.sid = 9,
		.umask_bits = 022,
	};
	packet.fds[0] = memfd_with(strings, length);
	packet.fds[1] = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(packet.fds[1] >= 0);
	return packet;
}

static const char sound[] = "/bin/prog\0prog\0-x\0HOME=/root\0TERM="; /* its own NUL is the last */
#define SOUND_ARGC 2
#define SOUND_ENVC 2

static struct packet make_sound_launch(void)
{
	return make_launch(sound, sizeof(sound), SOUND_ARGC, SOUND_ENVC);
}

static void assert_refused(struct packet *packet, const char *why)
{
	struct request request;
	struct err err = {0};

	assert_int_equal(request_init(&request, packet, &err), -1);
	assert_int_equal(err.code, ERR_PROTOCOL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	request_deinit(&request); /* harmless */
	packet_deinit(packet);
}

static void assert_taken(struct packet *packet)
{
	struct request request;
	struct err err = {0};

	if (request_init(&request, packet, &err))
		fail_msg("refused: %s", err.text);
	request_deinit(&request);
	packet_deinit(packet);
}

static void sound_launch_is_taken(void **state)
{
	struct packet packet = make_sound_launch();
	struct request request;
	struct err err;

	(void)state;
	assert_int_equal(request_init(&request, &packet, &err), 0);
	assert_int_equal(packet.fd_count, 0);
	assert_string_equal(request.path, "/bin/prog");
	assert_string_equal(request.argv[0], "prog");
	assert_string_equal(request.argv[1], "-x");
	assert_null(request.argv[2]);
	assert_string_equal(request.envp[0], "HOME=/root");
	assert_string_equal(request.envp[1], "TERM=");
	assert_null(request.envp[2]);
	assert_string_equal(request.launch.name, "prog");
	assert_true(request.cwd_fd >= 0);
	assert_true(request_complete(&request));
	request_deinit(&request);
	request_deinit(&request);
}

/* The strings behind the message instead of in a memfd. */
static void put_inline(struct packet *packet, const char *strings, unsigned length)
{
	close(packet->fds[0]);
	packet->fds[0] = packet->fds[1];
	packet->fd_count = 1;
	packet->extra = strings;
	packet->extra_length = length;
}

static void strings_may_come_in_the_packet(void **state)
{
	static const char unterminated[] = {'/', 'x', 0, 'y'};
	struct packet packet = make_sound_launch();
	struct request request;
	struct err err;

	(void)state;
	put_inline(&packet, sound, sizeof(sound));
	assert_int_equal(request_init(&request, &packet, &err), 0);
	assert_int_equal(packet.fd_count, 0);
	assert_string_equal(request.path, "/bin/prog");
	assert_string_equal(request.argv[1], "-x");
	assert_string_equal(request.envp[1], "TERM=");
	request_deinit(&request);

	packet = make_sound_launch();
	put_inline(&packet, sound, sizeof(sound) - 1);
	assert_refused(&packet, "are claimed");
	packet = make_launch(unterminated, sizeof(unterminated), 1, 0);
	put_inline(&packet, unterminated, sizeof(unterminated));
	assert_refused(&packet, "the last string has no end");
}

static void no_arguments_become_one_empty_one(void **state)
{
	static const char strings[] = "/bin/prog\0A=1";
	struct packet packet = make_launch(strings, sizeof(strings), 0, 1);
	struct request request;
	struct err err;

	(void)state;
	assert_int_equal(request_init(&request, &packet, &err), 0);
	assert_int_equal(request.launch.argc, 1);
	assert_string_equal(request.argv[0], "");
	assert_null(request.argv[1]);
	assert_string_equal(request.envp[0], "A=1");
	request_deinit(&request);
}

static void empty_strings_are_strings(void **state)
{
	static const char strings[] = "\0\0\0"; /* path, two arguments, one variable: all empty */
	struct packet packet = make_launch(strings, sizeof(strings), 2, 1);
	struct request request;
	struct err err;

	(void)state;
	assert_int_equal(request_init(&request, &packet, &err), 0);
	assert_string_equal(request.path, "");
	assert_string_equal(request.argv[1], "");
	assert_string_equal(request.envp[0], "");
	request_deinit(&request);
}

static void a_launch_comes_first(void **state)
{
	struct packet packet = make_sound_launch();

	(void)state;
	packet.body.h.type = WIRE_FDS;
	assert_refused(&packet, "a launch begins with");
	packet = make_sound_launch();
	close(packet.fds[--packet.fd_count]);
	assert_refused(&packet, "a launch begins with");
}

static void missing_nul_is_refused(void **state)
{
	struct packet packet = make_launch(sound, sizeof(sound) - 1, SOUND_ARGC, SOUND_ENVC);

	(void)state;
	assert_refused(&packet, "no end");
}

static void counts_must_fit(void **state)
{
	struct packet packet = make_launch(sound, sizeof(sound), SOUND_ARGC + 1, SOUND_ENVC);

	(void)state;
	assert_refused(&packet, "5 strings, 6 are claimed");
	packet = make_launch(sound, sizeof(sound), SOUND_ARGC, SOUND_ENVC - 1);
	assert_refused(&packet, "5 strings, 4 are claimed");
	packet = make_launch(sound, sizeof(sound), UINT32_MAX, UINT32_MAX);
	assert_refused(&packet, "do not fit");
	packet = make_launch(sound, sizeof(sound), UINT32_MAX, SOUND_ENVC); /* 2 in 32 bits */
	assert_refused(&packet, "do not fit");
	packet = make_launch(sound, sizeof(sound), (uint32_t)sizeof(sound), 0);
	assert_refused(&packet, "do not fit");
	packet = make_launch("", 0, 0, 0);
	assert_refused(&packet, "do not fit");
}

static void lengths_must_be_true(void **state)
{
	struct packet packet = make_sound_launch();

	(void)state;
	packet.body.launch.strings_length++;
	assert_refused(&packet, "are claimed");
	packet = make_sound_launch();
	packet.body.launch.strings_length--;
	assert_refused(&packet, "are claimed");
	packet = make_sound_launch();
	packet.body.launch.strings_length = WIRE_MAX_STRINGS + 1;
	assert_refused(&packet, "at most");
	packet = make_sound_launch();
	packet.body.launch.strings_length = UINT32_MAX;
	assert_refused(&packet, "at most");
	packet = make_sound_launch();
	assert_int_equal(ftruncate(packet.fds[0], 3), 0);
	assert_refused(&packet, "3 bytes of strings");
}

static void the_longest_strings_are_taken(void **state)
{
	char *strings = calloc(1, WIRE_MAX_STRINGS);
	struct packet packet;

	(void)state;
	assert_non_null(strings);
	memset(strings, 'a', WIRE_MAX_STRINGS - 1);
	packet = make_launch(strings, WIRE_MAX_STRINGS, 0, 0);
	assert_taken(&packet);
	memset(strings, 0, WIRE_MAX_STRINGS);
	packet = make_launch(strings, WIRE_MAX_STRINGS, WIRE_MAX_STRINGS / 2,
	                     WIRE_MAX_STRINGS / 2 - 1);
	assert_taken(&packet);
	free(strings);
}

/* What could block a reader for ever, or is nothing to read at all. */
static void strings_must_be_in_a_memfd(void **state)
{
	struct packet packet = make_sound_launch();
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	close(packet.fds[0]);
	packet.fds[0] = pipe_fds[0];
	assert_refused(&packet, "memfd");
	close(pipe_fds[1]);
	packet = make_sound_launch();
	close(packet.fds[0]);
	packet.fds[0] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_refused(&packet, "memfd");
	packet = make_sound_launch();
	close(packet.fds[0]);
	packet.fds[0] = open("/", O_PATH | O_CLOEXEC);
	assert_refused(&packet, "memfd");
}

static void cwd_must_be_a_directory(void **state)
{
	struct packet packet = make_sound_launch();

	(void)state;
	close(packet.fds[1]);
	packet.fds[1] = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	assert_refused(&packet, "working directory");
}

static void names_are_checked(void **state)
{
	struct packet packet = make_sound_launch();

	(void)state;
	memset(packet.body.launch.name, 'n', WIRE_NAME_SIZE);
	assert_refused(&packet, "name has no end");
	packet = make_sound_launch();
	memset(packet.body.launch.name, 'n', WIRE_NAME_SIZE - 1);
	packet.body.launch.name[WIRE_NAME_SIZE - 1] = '\0';
	assert_taken(&packet);
	packet = make_sound_launch();
	memset(packet.body.launch.name, 0, WIRE_NAME_SIZE);
	assert_taken(&packet);
	packet = make_sound_launch();
	strcpy(packet.body.launch.name, "a\033[2Jb");
	assert_refused(&packet, "printable");
	packet = make_sound_launch();
	strcpy(packet.body.launch.name, "a\xc2\x9b");
	assert_refused(&packet, "printable");
	packet = make_sound_launch();
	strcpy(packet.body.launch.name, "del\x7f");
	assert_refused(&packet, "printable");
}

/* One field out of its limits at a time: spoil() gets the number of the case. */
static void try_cases(int count, const char *(*spoil)(struct wire_launch *, int))
{
	for (int i = 0; i < count; i++) {
		struct packet packet = make_sound_launch();
		const char *why = spoil(&packet.body.launch, i);

		if (why)
			assert_refused(&packet, why);
		else
			assert_taken(&packet);
	}
}

static const char *spoil_attribute(struct wire_launch *launch, int n)
{
	switch (n) {
	case 0:
		launch->flags = 1u << 20;
		return "unknown flags";
	case 1:
		launch->flags = 1u << 31;
		return "unknown flags";
	case 2:
		launch->death_signal = 65;
		return "no signal 65";
	case 3:
		launch->pgid = -1;
		return "negative";
	case 4:
		launch->sid = -1;
		return "negative";
	case 5:
		launch->umask_bits = 01000;
		return "umask";
	case 6:
		launch->umask_bits = 0777;
		return NULL;
	case 7:
		launch->nice = -21;
		return "nice";
	case 8:
		launch->nice = 20;
		return "nice";
	case 9:
		launch->nice = -20;
		return NULL;
	case 10:
		launch->nice = 19;
		return NULL;
	case 11:
		launch->personality = UINT32_MAX;
		return "personality";
	case 12:
		launch->flags = WIRE_HAS_IOPRIO;
		launch->ioprio = 4u << 13;
		return "I/O priority";
	case 13:
		launch->flags = WIRE_HAS_IOPRIO;
		launch->ioprio = 3u << 13 | 7;
		return NULL;
	case 14:
		launch->ioprio = 4u << 13; /* without the flag it means nothing */
		return NULL;
	case 15:
		launch->flags = WIRE_NO_NEW_PRIVS | WIRE_FORK_ALL | WIRE_HOLD_CRASH |
		                WIRE_CRASH_STOPS_SPACE | WIRE_WAIT_DEBUGGER;
		return NULL;
	default:
		launch->timer_slack_ns = UINT64_MAX;
		return NULL;
	}
}

static void attributes_have_limits(void **state)
{
	(void)state;
	try_cases(17, spoil_attribute);
}

static const char *spoil_scheduler(struct wire_launch *launch, int n)
{
	static const struct {
		int policy;
		int priority;
		const char *why;
	} cases[] = {
		{SCHED_OTHER, 1, "no priority 1"},
		{SCHED_OTHER, -1, "no priority -1"},
		{SCHED_BATCH, 0, NULL},
		{SCHED_IDLE, 0, NULL},
		{SCHED_IDLE, 99, "no priority 99"},
		{SCHED_FIFO, 0, "no priority 0"},
		{SCHED_FIFO, 1, NULL},
		{SCHED_RR, 99, NULL},
		{SCHED_RR, 100, "no priority 100"},
		{SCHED_RR | SCHED_RESET_ON_FORK, 1, NULL},
		{4, 0, "scheduling policy"},
		{6, 0, "scheduling policy"},
		{-1, 0, "scheduling policy"},
	};

	launch->sched_policy = cases[n].policy;
	launch->sched_priority = cases[n].priority;
	return cases[n].why;
}

static void schedulers_have_limits(void **state)
{
	(void)state;
	try_cases(13, spoil_scheduler);
}

static const char *spoil_signals(struct wire_launch *launch, int n)
{
	uint64_t *masks[] = {&launch->sig_blocked, &launch->sig_ignored, &launch->sig_forwarded};
	uint64_t never[] = {UINT64_C(1) << (SIGKILL - 1), UINT64_C(1) << (SIGSTOP - 1)};

	if (n == 6) {
		for (int i = 0; i < 3; i++)
			*masks[i] = ~(never[0] | never[1]);
		return NULL;
	}
	*masks[n / 2] = never[n % 2];
	return "cannot be handled";
}

static void signals_that_cannot_be_handled_are_refused(void **state)
{
	(void)state;
	try_cases(7, spoil_signals);
}

static const char *spoil_rlimits(struct wire_launch *launch, int n)
{
	launch->rlimits[n].soft = n % 2 ? UINT64_MAX : 1;
	launch->rlimits[n].hard = n % 2 ? UINT64_MAX - 1 : 0;
	return "soft limit is above";
}

static void rlimits_must_be_ordered(void **state)
{
	(void)state;
	try_cases(WIRE_RLIMITS, spoil_rlimits);
}

static const char *spoil_affinity(struct wire_launch *launch, int n)
{
	launch->flags = WIRE_HAS_AFFINITY;
	if (n == 0)
		return "no CPU";
	launch->affinity[n - 1] = UINT64_C(1) << 63;
	return NULL;
}

static void affinity_names_a_cpu(void **state)
{
	(void)state;
	try_cases(1 + WIRE_CPUS / 64, spoil_affinity);
}

static void too_many_descriptors_are_refused(void **state)
{
	struct packet packet = make_sound_launch();

	(void)state;
	packet.body.launch.fd_count = WIRE_MAX_FDS + 1;
	assert_refused(&packet, "65537 descriptors");
	packet = make_sound_launch();
	packet.body.launch.fd_count = UINT32_MAX;
	assert_refused(&packet, "descriptors");
	packet = make_sound_launch();
	packet.body.launch.fd_count = WIRE_MAX_FDS;
	assert_taken(&packet);
}

/* ---- WIRE_FDS ---- */

static struct packet make_fds(unsigned count, int first, int step)
{
	struct packet packet = {.fd_count = count};

	packet.body.fds = (struct wire_fds){
		.h = {WIRE_MAGIC, WIRE_VERSION, WIRE_FDS, sizeof(struct wire_fds), count},
		.count = count,
	};
	for (unsigned i = 0; i < count; i++) {
		packet.fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(packet.fds[i] >= 0);
		packet.body.fds.targets[i] = first + (int)i * step;
	}
	return packet;
}

static void begin(struct request *request, uint32_t fd_total)
{
	struct packet packet = make_sound_launch();
	struct err err;

	packet.body.launch.fd_count = fd_total;
	assert_int_equal(request_init(request, &packet, &err), 0);
}

static void assert_fds_refused(struct request *request, struct packet *packet, const char *why)
{
	struct err err = {0};

	assert_int_equal(request_add_fds(request, packet, &err), -1);
	assert_int_equal(err.code, ERR_PROTOCOL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	packet_deinit(packet);
	request_deinit(request);
}

static void descriptors_come_in_parts_and_end_sorted(void **state)
{
	struct request request;
	struct packet packet;
	struct err err;

	(void)state;
	begin(&request, 5);
	assert_false(request_complete(&request));
	packet = make_fds(3, 30, -10); /* 30, 20, 10 */
	assert_int_equal(request_add_fds(&request, &packet, &err), 0);
	assert_int_equal(packet.fd_count, 0);
	assert_false(request_complete(&request));
	packet = make_fds(2, 0, 25); /* 0, 25 */
	assert_int_equal(request_add_fds(&request, &packet, &err), 0);
	assert_true(request_complete(&request));
	for (unsigned i = 1; i < request.fd_count; i++)
		assert_true(request.fds[i - 1].target < request.fds[i].target);
	assert_int_equal(request.fds[4].target, 30);
	assert_true(fcntl(request.fds[4].fd, F_GETFD) >= 0);
	request_deinit(&request);
}

/* A launch that brings count descriptors along, for the numbers from `first` on. */
static struct packet make_launch_with_fds(unsigned count, int first)
{
	struct packet packet = make_sound_launch();

	packet.body.launch.fd_count = count;
	packet.body.launch.first_fds = count;
	for (unsigned i = 0; i < count; i++) {
		packet.fds[packet.fd_count++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		packet.body.launch.targets[i] = first + (int)(count - i);
	}
	return packet;
}

static void first_descriptors_come_with_the_launch(void **state)
{
	struct packet packet = make_launch_with_fds(WIRE_FIRST_FDS, 7);
	struct request request;
	struct err err;

	(void)state;
	assert_int_equal(request_init(&request, &packet, &err), 0);
	assert_int_equal(packet.fd_count, 0);
	assert_true(request_complete(&request));
	assert_int_equal(request.fds[0].target, 8);
	assert_true(fcntl(request.fds[WIRE_FIRST_FDS - 1].fd, F_GETFD) >= 0);
	request_deinit(&request);
}

static void first_descriptors_must_be_as_said(void **state)
{
	struct packet packet;

	(void)state;
	packet = make_launch_with_fds(3, 0);
	packet.body.launch.first_fds = 2;
	assert_refused(&packet, "with 3 descriptors that says 2");
	packet = make_launch_with_fds(3, 0);
	packet.body.launch.fd_count = 2;
	assert_refused(&packet, "more descriptors than the 2 announced");
	packet = make_launch_with_fds(3, 0);
	packet.body.launch.targets[1] = -1;
	assert_refused(&packet, "descriptor number -1");
	packet = make_launch_with_fds(3, 0);
	packet.body.launch.targets[1] = INT32_MAX;
	assert_refused(&packet, "descriptor number 2147483647");
	packet = make_launch_with_fds(3, 0);
	packet.body.launch.targets[1] = packet.body.launch.targets[2];
	assert_refused(&packet, "two descriptors");
	packet = make_launch_with_fds(1, 0);
	packet.body.launch.first_fds = WIRE_FIRST_FDS + 1;
	assert_refused(&packet, "that says 33");
}

static void duplicate_targets_are_refused(void **state)
{
	struct request request;
	struct packet packet;
	struct err err;

	(void)state;
	begin(&request, 2);
	packet = make_fds(2, 4, 0);
	assert_fds_refused(&request, &packet, "two descriptors for number 4");
	begin(&request, 4);
	packet = make_fds(2, 4, 1);
	assert_int_equal(request_add_fds(&request, &packet, &err), 0);
	packet = make_fds(2, 5, 1);
	assert_fds_refused(&request, &packet, "two descriptors for number 5");
}

static void negative_targets_are_refused(void **state)
{
	struct request request;
	struct packet packet;

	(void)state;
	begin(&request, 2);
	packet = make_fds(2, 0, -1);
	assert_fds_refused(&request, &packet, "descriptor number -1");
}

static void more_than_announced_are_refused(void **state)
{
	struct request request;
	struct packet packet;
	struct err err;

	(void)state;
	begin(&request, 0);
	packet = make_fds(1, 0, 1);
	assert_fds_refused(&request, &packet, "more descriptors than the 0");
	begin(&request, 3);
	packet = make_fds(2, 0, 1);
	assert_int_equal(request_add_fds(&request, &packet, &err), 0);
	packet = make_fds(2, 2, 1);
	assert_fds_refused(&request, &packet, "more descriptors than the 3");
}

static void counts_of_descriptors_must_agree(void **state)
{
	struct request request;
	struct packet packet;

	(void)state;
	begin(&request, 3);
	packet = make_fds(2, 0, 1);
	packet.body.fds.count = 3;
	assert_fds_refused(&request, &packet, "where descriptors should come");
	begin(&request, 3);
	packet = make_fds(2, 0, 1);
	packet.body.fds.count = UINT32_MAX;
	assert_fds_refused(&request, &packet, "where descriptors should come");
	begin(&request, 3);
	packet = make_fds(2, 0, 1);
	packet.body.fds.pad = 1;
	assert_fds_refused(&request, &packet, "where descriptors should come");
}

static void only_descriptors_follow_a_launch(void **state)
{
	struct request request;
	struct packet packet;

	(void)state;
	begin(&request, 1);
	packet = make_sound_launch();
	assert_fds_refused(&request, &packet, "where descriptors should come");
}

static void what_came_is_released_when_the_rest_does_not(void **state)
{
	struct request request;
	struct packet packet;
	struct err err;

	(void)state;
	begin(&request, 100);
	packet = make_fds(50, 0, 1);
	assert_int_equal(request_add_fds(&request, &packet, &err), 0);
	request_deinit(&request);
}

#define REQUEST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REQUEST_TEST(sound_launch_is_taken),
		REQUEST_TEST(strings_may_come_in_the_packet),
		REQUEST_TEST(no_arguments_become_one_empty_one),
		REQUEST_TEST(empty_strings_are_strings),
		REQUEST_TEST(a_launch_comes_first),
		REQUEST_TEST(missing_nul_is_refused),
		REQUEST_TEST(counts_must_fit),
		REQUEST_TEST(lengths_must_be_true),
		REQUEST_TEST(the_longest_strings_are_taken),
		REQUEST_TEST(strings_must_be_in_a_memfd),
		REQUEST_TEST(cwd_must_be_a_directory),
		REQUEST_TEST(names_are_checked),
		REQUEST_TEST(attributes_have_limits),
		REQUEST_TEST(schedulers_have_limits),
		REQUEST_TEST(signals_that_cannot_be_handled_are_refused),
		REQUEST_TEST(rlimits_must_be_ordered),
		REQUEST_TEST(affinity_names_a_cpu),
		REQUEST_TEST(too_many_descriptors_are_refused),
		REQUEST_TEST(descriptors_come_in_parts_and_end_sorted),
		REQUEST_TEST(first_descriptors_come_with_the_launch),
		REQUEST_TEST(first_descriptors_must_be_as_said),
		REQUEST_TEST(duplicate_targets_are_refused),
		REQUEST_TEST(negative_targets_are_refused),
		REQUEST_TEST(more_than_announced_are_refused),
		REQUEST_TEST(counts_of_descriptors_must_agree),
		REQUEST_TEST(only_descriptors_follow_a_launch),
		REQUEST_TEST(what_came_is_released_when_the_rest_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
