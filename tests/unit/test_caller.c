/* Who asks for a launch, and whether the server can give him all that he would have outside. */
#include "loader/server/caller.h"
#include "loader/server/suits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- who ---------------------------------------------------------------------------------- */

static void test_the_same(void **state)
{
	struct caller caller;
	struct err err;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(caller_init(&caller, ends[0], &err), 0);
	assert_int_equal(caller.pid, getpid());
	assert_int_equal(caller.uid, geteuid());
	assert_int_equal(caller.gid, getegid());
	assert_true(caller.same_groups);
	assert_true(caller.same_capabilities);
	assert_false(caller.more_capabilities);
	caller_deinit(&caller);
	close(ends[0]);
	close(ends[1]);
}

static void test_not_a_socket(void **state)
{
	struct caller caller;
	struct err err;

	assert_int_equal(caller_init(&caller, -1, &err), -1);
	assert_int_equal(err.code, ERR_OS);
}

/* In a child that has become somebody else: makes the pair, then waits to be killed. */
static pid_t start_other(int *ret_fd, void (*become)(void))
{
	int ends[2];
	pid_t child;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	child = fork();
	if (child == 0) {
		int own[2];
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = {"x", 1};
		struct msghdr msg = {.msg_iov = &iov,
		                     .msg_iovlen = 1,
		                     .msg_control = control,
		                     .msg_controllen = sizeof(control)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		become();
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, own))
			_exit(1);
		*c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(c), own, sizeof(int));
		sendmsg(ends[1], &msg, 0);
		close(ends[0]);
		_exit(read(ends[1], &byte, 1) != 0);
	}
	close(ends[1]);
	{
		char control[CMSG_SPACE(sizeof(int))];
		struct iovec iov = {&byte, 1};
		struct msghdr msg = {.msg_iov = &iov,
		                     .msg_iovlen = 1,
		                     .msg_control = control,
		                     .msg_controllen = sizeof(control)};

		assert_int_equal(recvmsg(ends[0], &msg, 0), 1);
		memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	}
	close(ends[0]);
	return child;
}

static void read_other(struct caller *caller, void (*become)(void))
{
	struct err err;
	int fd;
	pid_t child = start_other(&fd, become);
	int result = caller_init(caller, fd, &err);

	close(fd);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(result, 0);
}

static void become_of_other_groups(void)
{
	const gid_t groups[] = {7, 5};

	if (setgroups(2, groups) || setresgid(12, 12, 12))
		_exit(1);
}

static void test_other_groups(void **state)
{
	struct caller caller;

	if (geteuid())
		skip();
	read_other(&caller, become_of_other_groups);
	assert_false(caller.same_groups);
	assert_int_equal(caller.gid, 12);
	assert_int_equal(caller.group_count, 2);
	assert_int_equal(caller.groups[0], 5);
	assert_int_equal(caller.groups[1], 7);
	caller_deinit(&caller);
}

static void become_powerless(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {0};

	prctl(PR_CAPBSET_DROP, CAP_NET_RAW, 0, 0, 0);
	if (syscall(SYS_capset, &header, none))
		_exit(1);
}

static void test_fewer_capabilities(void **state)
{
	struct caller caller;

	if (!caller_server_may(CAP_SETPCAP))
		skip();
	read_other(&caller, become_powerless);
	assert_false(caller.same_capabilities);
	assert_false(caller.more_capabilities);
	assert_int_equal(caller.capabilities.permitted, 0);
	assert_int_equal(caller.capabilities.effective, 0);
	assert_false(caller.capabilities.bounding >> CAP_NET_RAW & 1);
	assert_true(caller.capabilities.bounding >> CAP_CHOWN & 1);
	caller_deinit(&caller);
}

/* ---- what suits him ------------------------------------------------------------------------- */

struct asked {
	struct launch_space space;
	struct caller caller;
	struct wire_launch launch;
};

static struct asked make_asked(void)
{
	struct asked asked = {
		.space = {.server_sid = 10},
		.caller = {.same_groups = true, .same_capabilities = true},
		.launch = {.sid = 10},
	};

	for (int i = 0; i < WIRE_RLIMITS; i++) {
		asked.space.rlimits[i] = (struct rlimit){100, 100};
		asked.launch.rlimits[i] = (struct wire_rlimit){100, 100};
	}
	return asked;
}

static enum suits ask(const struct asked *asked)
{
	return suits_caller(&asked->space, &asked->caller, &asked->launch);
}

/* Without the privilege that would make up for it. */
static enum suits nearly_unless(int capability)
{
	return caller_server_may(capability) ? SUITS : SUITS_NEARLY;
}

static void test_suits(void **state)
{
	struct asked asked = make_asked();

	assert_int_equal(ask(&asked), SUITS);
	asked.launch.rlimits[3].hard = 10;
	asked.launch.nice = 5;
	assert_int_equal(ask(&asked), SUITS);
}

static void test_higher_limits(void **state)
{
	struct asked asked = make_asked();

	asked.launch.rlimits[WIRE_RLIMITS - 1].hard = UINT64_MAX;
	assert_int_equal(ask(&asked), nearly_unless(CAP_SYS_RESOURCE));
}

static void test_lower_niceness(void **state)
{
	struct asked asked = make_asked();

	asked.space.nice = 10;
	assert_int_equal(ask(&asked), nearly_unless(CAP_SYS_NICE));
}

/* A session matters to those who have its terminal. */
static void test_other_session(void **state)
{
	struct asked asked = make_asked();

	asked.launch.sid = 11;
	assert_int_equal(ask(&asked), SUITS);
	asked.launch.flags = WIRE_HAS_TERMINAL;
	assert_int_equal(ask(&asked), SUITS_NEARLY);
}

static void test_more_capabilities_than_the_server(void **state)
{
	struct asked asked = make_asked();

	asked.caller.more_capabilities = true;
	assert_int_equal(ask(&asked), SUITS_NEARLY);
}

static void test_groups(void **state)
{
	struct asked asked = make_asked();

	asked.caller.same_groups = false;
	assert_int_equal(ask(&asked), caller_server_may(CAP_SETGID) ? SUITS : SUITS_NOT);
	asked.caller.group_count = SLOT_GROUPS + 1;
	assert_int_equal(ask(&asked), SUITS_NOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same),
		cmocka_unit_test(test_not_a_socket),
		cmocka_unit_test(test_other_groups),
		cmocka_unit_test(test_fewer_capabilities),
		cmocka_unit_test(test_suits),
		cmocka_unit_test(test_higher_limits),
		cmocka_unit_test(test_lower_niceness),
		cmocka_unit_test(test_other_session),
		cmocka_unit_test(test_more_capabilities_than_the_server),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
