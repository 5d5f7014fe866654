/* Every kind of descriptor, as the registry will describe it. */
#include "loader/server/fdmap.h"
#include "tests/unit/fd_count.h"
#include "tproc/abi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* Describes and closes fd; target is what its description begins with. */
static struct fdmap_entry describe(int fd, enum tp_fd_kind kind, const char *target)
{
	struct fdmap_entry entry;
	struct stat st;

	assert_true(fd >= 0);
	memset(&entry, 0xa5, sizeof(entry));
	assert_int_equal(fdmap_describe(fd, &entry), 0);
	assert_int_equal(entry.kind, kind);
	if (strncmp(entry.target, target, strlen(target)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", entry.target, target);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(entry.dev, st.st_dev);
	assert_int_equal(entry.ino, st.st_ino);
	assert_int_equal(entry.flags, fcntl(fd, F_GETFL));
	close(fd);
	return entry;
}

static void test_file(void **state)
{
	char path[] = "/tmp/fdmap-XXXXXX";
	char deleted[64];
	int fd = mkstemp(path);

	describe(dup(fd), TP_FD_FILE, path);
	assert_int_equal(unlink(path), 0);
	snprintf(deleted, sizeof(deleted), "%s (deleted)", path);
	describe(fd, TP_FD_FILE, deleted);
}

static void test_flags(void **state)
{
	struct fdmap_entry entry = describe(open("/dev/null", O_WRONLY | O_APPEND | O_NONBLOCK),
	                                    TP_FD_CHAR, "/dev/null");

	assert_int_equal(entry.flags & O_ACCMODE, O_WRONLY);
	assert_true(entry.flags & O_APPEND);
	assert_true(entry.flags & O_NONBLOCK);
}

static void test_directory(void **state)
{
	describe(open("/tmp", O_RDONLY | O_DIRECTORY), TP_FD_DIR, "/tmp");
	describe(open("/tmp", O_PATH), TP_FD_DIR, "/tmp");
}

static void test_pipe(void **state)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	describe(ends[0], TP_FD_PIPE, "pipe:[");
	describe(ends[1], TP_FD_PIPE, "pipe:[");
}

static void test_socket(void **state)
{
	describe(socket(AF_UNIX, SOCK_STREAM, 0), TP_FD_SOCKET, "socket:[");
}

static void test_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];
	int slave;

	if (master < 0)
		skip(); /* no devpts here */
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	describe(slave, TP_FD_TTY, name);
	close(master);
}

static void test_without_a_name(void **state)
{
	describe(eventfd(0, 0), TP_FD_ANON, "anon_inode:[eventfd]");
	describe(epoll_create1(0), TP_FD_ANON, "anon_inode:[eventpoll]");
	describe(memfd_create("some name", 0), TP_FD_ANON, "/memfd:some name (deleted)");
	describe((int)syscall(SYS_pidfd_open, getpid(), 0), TP_FD_ANON, "");
	describe(open("/proc/self/ns/mnt", O_RDONLY), TP_FD_ANON, "mnt:[");
}

static void test_symbolic_link_itself(void **state)
{
	describe(open("/proc/self", O_PATH | O_NOFOLLOW), TP_FD_OTHER, "/proc/self");
}

static void test_bad_descriptor(void **state)
{
	struct fdmap_entry entry = {.kind = 77};

	assert_int_equal(fdmap_describe(-1, &entry), -EBADF);
	assert_int_equal(fdmap_describe(1 << 20, &entry), -EBADF);
	assert_int_equal(entry.kind, 77);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file),           TEST(test_flags),
		TEST(test_directory),      TEST(test_pipe),
		TEST(test_socket),         TEST(test_terminal),
		TEST(test_without_a_name), TEST(test_symbolic_link_itself),
		TEST(test_bad_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
