/*
 * From a path to the file that is loaded: the kinds of failure, and the `#!` chain.  What is
 * expected of the chain is what execve(2) was seen to do with the same files.
 */
#include "loader/server/program.h"
#include "tests/unit/fd_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOBODY 65534

/* A directory of the test's own, current for path look-ups by way of cwd_fd only. */
static char dir[] = "/tmp/program-XXXXXX";
static int cwd_fd = -1;
static int descriptors_before;

static int group_setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	cwd_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return cwd_fd < 0 ? -1 : 0;
}

static int group_teardown(void **state)
{
	(void)state;
	close(cwd_fd);
	return rmdir(dir);
}

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

/* ---- Fixtures ------------------------------------------------------------------- */

static void make_bytes(const char *name, mode_t mode, const void *bytes, size_t size)
{
	int fd = openat(cwd_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void make(const char *name, mode_t mode, const char *text)
{
	make_bytes(name, mode, text, strlen(text));
}

static void drop(const char *name)
{
	assert_int_equal(unlinkat(cwd_fd, name, 0), 0);
}

static char *const some_argv[] = {"zero", "one", "two", NULL};

/* path cannot be opened; the message says so in these words, and nothing is left behind. */
static void expect_refusal(const char *path, int failure, int os_errno, const char *words)
{
	struct program program;
	struct err err = {0};

	assert_int_equal(program_open(getpid(), cwd_fd, path, 3, some_argv, &program, &err), -1);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_int_equal(program.failure, failure);
	assert_int_equal(err.os_errno, os_errno);
	assert_int_equal(program.fd, -1);
	assert_null(program.path);
	assert_null(program.execfn);
	assert_null(program.argv);
}

/* path can be opened; argv is then this, each argument in brackets. */
static void expect_open(const char *path, const char *expected)
{
	struct program program;
	struct err err = {0};
	char found[2 * PATH_MAX] = "";
	size_t used = 0;

	if (program_open(getpid(), cwd_fd, path, 3, some_argv, &program, &err))
		fail_msg("%s", err.text);
	assert_string_equal(program.execfn, path);
	assert_int_equal(program.failure, 0);
	for (int i = 0; i < program.argc; i++)
		used += (size_t)snprintf(found + used, sizeof(found) - used, "[%s]",
		                         program.argv[i]);
	assert_null(program.argv[program.argc]);
	assert_string_equal(found, expected);
	assert_true(fcntl(program.fd, F_GETFD) & FD_CLOEXEC);
	program_deinit(&program);
	assert_int_equal(program.fd, -1);
}

/* ---- Plain programs --------------------------------------------------------------- */

static void test_program(void **state)
{
	struct program program;
	struct err err;
	char path[PATH_MAX];

	make("prog", 0755, "\177ELF");
	assert_int_equal(symlinkat("prog", cwd_fd, "link"), 0);
	assert_int_equal(program_open(getpid(), cwd_fd, "./link", 3, some_argv, &program, &err), 0);
	snprintf(path, sizeof(path), "%s/prog", dir);
	assert_string_equal(program.path, path);
	assert_string_equal(program.execfn, "./link");
	assert_int_equal(program.argc, 3);
	assert_string_equal(program.argv[0], "zero");
	assert_string_equal(program.argv[2], "two");
	assert_int_equal(fcntl(program.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	program_deinit(&program);
	expect_open(path, "[zero][one][two]");
	drop("link");
	drop("prog");
}

/* It has not to be an ELF file for that: whoever reads it will say so. */
static void test_no_program_at_all(void **state)
{
	make("text", 0755, "hello\n");
	make("empty", 0755, "");
	expect_open("text", "[zero][one][two]");
	expect_open("empty", "[zero][one][two]");
	drop("text");
	drop("empty");
}

static void test_without_arguments(void **state)
{
	char *const empty[] = {NULL};
	struct program program;
	struct err err;

	make("script", 0755, "#!/bin/true\n");
	assert_int_equal(program_open(getpid(), cwd_fd, "/bin/true", 0, empty, &program, &err), 0);
	assert_int_equal(program.argc, 0);
	assert_null(program.argv[0]);
	program_deinit(&program);
	assert_int_equal(program_open(getpid(), cwd_fd, "script", 0, empty, &program, &err), 0);
	assert_int_equal(program.argc, 2);
	assert_string_equal(program.argv[0], "/bin/true");
	assert_string_equal(program.argv[1], "script");
	assert_null(program.argv[2]);
	program_deinit(&program);
	drop("script");
}

static void test_missing(void **state)
{
	char path[PATH_MAX + 2];

	make("prog", 0755, "");
	expect_refusal("", PROGRAM_NOT_FOUND, ENOENT, "name is empty");
	expect_refusal("nothing", PROGRAM_NOT_FOUND, ENOENT, "nothing: No such file");
	expect_refusal("prog/x", PROGRAM_NOT_FOUND, ENOTDIR, "prog/x: Not a directory");
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	expect_refusal(path, PROGRAM_CANNOT_RUN, ENAMETOOLONG, "xxx: File name too long");
	assert_int_equal(symlinkat("loop", cwd_fd, "loop"), 0);
	expect_refusal("loop", PROGRAM_CANNOT_RUN, ELOOP, "loop: Too many levels");
	drop("loop");
	drop("prog");
}

static void test_no_regular_file(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(mkfifoat(cwd_fd, "fifo", 0777), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/sock", dir);
	assert_int_equal(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	expect_refusal(".", PROGRAM_CANNOT_RUN, EACCES, "is a directory");
	expect_refusal("fifo", PROGRAM_CANNOT_RUN, EACCES, "fifo: is a FIFO");
	expect_refusal("sock", PROGRAM_CANNOT_RUN, EACCES, "sock: is a socket");
	expect_refusal("/dev/zero", PROGRAM_CANNOT_RUN, EACCES, "/dev/zero: is a character device");
	close(sock);
	drop("sock");
	drop("fifo");
}

/* A FIFO is not opened for reading, not even for a moment: its writer would notice. */
static void test_fifo_is_left_alone(void **state)
{
	assert_int_equal(mkfifoat(cwd_fd, "fifo", 0777), 0);
	expect_refusal("fifo", PROGRAM_CANNOT_RUN, EACCES, "is a FIFO");
	assert_int_equal(openat(cwd_fd, "fifo", O_WRONLY | O_NONBLOCK | O_CLOEXEC), -1);
	assert_int_equal(errno, ENXIO);
	drop("fifo");
}

static void test_permission(void **state)
{
	make("plain", 0644, "\177ELF");
	expect_refusal("plain", PROGRAM_CANNOT_RUN, EACCES, "plain: no permission to execute it");
	drop("plain");
}

/* Root may read everything: be nobody meanwhile, and stay at home in /proc. */
static void test_not_readable(void **state)
{
	bool root = geteuid() == 0;

	make("secret", 0111, "\177ELF");
	if (root) {
		if (seteuid(NOBODY)) {
			drop("secret");
			skip(); /* a user name space without nobody */
		}
		assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
	}
	expect_refusal("secret", PROGRAM_CANNOT_RUN, EACCES,
	               "secret: may be executed but not read");
	if (root)
		assert_int_equal(seteuid(0), 0);
	drop("secret");
}

static void test_interp_file(void **state)
{
	struct err err = {0};
	char path[PATH_MAX];
	int fd = -7;

	assert_int_equal(program_open_interp("/lib64/ld-linux-x86-64.so.2", &fd, &err), 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	fd = -7;
	assert_int_equal(program_open_interp("/no/ld.so", &fd, &err), -1);
	assert_int_equal(err.os_errno, ENOENT);
	assert_int_equal(program_open_interp("ld.so", &fd, &err), -1);
	assert_non_null(strstr(err.text, "not an absolute path"));
	assert_int_equal(program_open_interp("/tmp", &fd, &err), -1);
	assert_non_null(strstr(err.text, "/tmp: is a directory"));
	make("plain", 0644, "");
	snprintf(path, sizeof(path), "%s/plain", dir);
	assert_int_equal(program_open_interp(path, &fd, &err), -1);
	assert_int_equal(err.os_errno, EACCES);
	assert_int_equal(fd, -7);
	drop("plain");
}

/* ---- Scripts ------------------------------------------------------------------------ */

static void script_bytes(const char *bytes, size_t size, const char *expected)
{
	make_bytes("s", 0755, bytes, size);
	expect_open("./s", expected);
	drop("s");
}

static void script(const char *text, const char *expected)
{
	script_bytes(text, strlen(text), expected);
}

static void test_script(void **state)
{
	script("#!/bin/true\n", "[/bin/true][./s][one][two]");
	script("#! \t /bin/true\n", "[/bin/true][./s][one][two]");
	script("#!/bin/true  \t\nx", "[/bin/true][./s][one][two]");
	script("#!/bin/true a b\t c \t \nx", "[/bin/true][a b\t c][./s][one][two]");
	script("#!/bin/true", "[/bin/true][./s][one][two]");
}

/* Blanks before the end of a file without a newline are followed by NULs, and stay. */
static void test_script_without_newline(void **state)
{
	script("#!/bin/true ", "[/bin/true][][./s][one][two]");
	script("#!/bin/true a  ", "[/bin/true][a  ][./s][one][two]");
}

static void test_script_with_nul(void **state)
{
	script_bytes("#!/bin/true\0x\n", 14, "[/bin/true][./s][one][two]");
	script_bytes("#!/bin/true a\0b\n", 16, "[/bin/true][a][./s][one][two]");
	script_bytes("#!/bin/true \0b\n", 15, "[/bin/true][][./s][one][two]");
}

static void test_script_names_nothing(void **state)
{
	char blanks[400];

	memset(blanks, ' ', sizeof(blanks));
	memcpy(blanks, "#!", 2);
	make_bytes("blanks", 0755, blanks, sizeof(blanks));
	make("newline", 0755, "#!\n");
	make("blank-newline", 0755, "#! \t \n/bin/true\n");
	make("nothing", 0755, "#!");
	expect_refusal("blanks", PROGRAM_CANNOT_RUN, ENOEXEC,
	               "blanks: the #! line names no interpreter");
	expect_refusal("newline", PROGRAM_CANNOT_RUN, ENOEXEC, "the #! line names no interpreter");
	expect_refusal("blank-newline", PROGRAM_CANNOT_RUN, ENOEXEC, "names no interpreter");
	expect_refusal("nothing", PROGRAM_CANNOT_RUN, ENOEXEC, "names no interpreter");
	drop("blanks");
	drop("newline");
	drop("blank-newline");
	drop("nothing");
}

/* "#!" and a name of that length, of many slashes, then rest. */
static void make_long(const char *name, size_t length, const char *rest)
{
	char text[600];
	int size;

	size = snprintf(text, sizeof(text), "#!%*s%s%s", (int)(length - 9), "", "/bin/true", rest);
	memset(text + 2, '/', length - 9);
	make_bytes(name, 0755, text, (size_t)size);
}

static void test_long_interpreter(void **state)
{
	static const char *const rests[] = {"\n", " a\n", ""};
	char expected[600];

	for (unsigned i = 0; i < 3; i++) {
		make_long("s", 253, rests[i]);
		snprintf(expected, sizeof(expected), "[%*s/bin/true]%s[./s][one][two]", 253 - 9, "",
		         "");
		memset(expected + 1, '/', 253 - 9);
		expect_open("./s", expected);
		make_long("s", 254, rests[i]);
		expect_refusal("./s", PROGRAM_CANNOT_RUN, ENOEXEC, "or one of more than 253 bytes");
		make_long("s", 300, rests[i]);
		expect_refusal("./s", PROGRAM_CANNOT_RUN, ENOEXEC, "or one of more than 253 bytes");
	}
	drop("s");
}

/* An argument is cut to what fits, without a word. */
static void test_long_argument(void **state)
{
	char text[400], expected[400];

	memset(text, 'x', sizeof(text));
	memcpy(text, "#!/bin/true ", 12);
	snprintf(expected, sizeof(expected), "[/bin/true][%.*s][./s][one][two]", 255 - 12,
	         text + 12);
	script_bytes(text, sizeof(text), expected);
	text[253] = text[254] = ' ';
	snprintf(expected, sizeof(expected), "[/bin/true][%.*s][./s][one][two]", 253 - 12,
	         text + 12);
	script_bytes(text, sizeof(text), expected);
}

static void test_bad_interpreter(void **state)
{
	make("s", 0755, "#!/no/such/interp\n");
	expect_refusal("s", PROGRAM_NOT_FOUND, ENOENT,
	               "s: bad interpreter: /no/such/interp: No such file");
	make("s", 0755, "#!/bin/true\r\n");
	expect_refusal("s", PROGRAM_NOT_FOUND, ENOENT,
	               "s: bad interpreter: /bin/true\r: No such file");
	make("s", 0755, "#!/tmp\n");
	expect_refusal("s", PROGRAM_CANNOT_RUN, EACCES, "s: bad interpreter: /tmp: is a directory");
	make("s", 0755, "#!plain\n");
	make("plain", 0644, "");
	expect_refusal("s", PROGRAM_CANNOT_RUN, EACCES, "s: bad interpreter: plain: no permission");
	make("s", 0644, "#!/bin/true\n");
	expect_refusal("s", PROGRAM_CANNOT_RUN, EACCES, "s: no permission to execute it");
	drop("plain");
	drop("s");
}

static void make_chain(int length)
{
	char name[16], text[64];

	for (int i = 0; i < length; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		if (i == length - 1)
			snprintf(text, sizeof(text), "#!/bin/true L%d\n", i);
		else
			snprintf(text, sizeof(text), "#!./n%d L%d\n", i + 1, i);
		make(name, 0755, text);
	}
}

static void test_chain(void **state)
{
	char name[16];

	make_chain(2);
	expect_open("./n0", "[/bin/true][L1][./n1][L0][./n0][one][two]");
	make_chain(5);
	expect_open("n0", "[/bin/true][L4][./n4][L3][./n3][L2][./n2][L1][./n1][L0][n0][one][two]");
	make_chain(6);
	expect_refusal("n0", PROGRAM_CANNOT_RUN, ELOOP, "n0: more than 5 scripts");
	make("n5", 0755, "#!./n5\n");
	expect_refusal("n5", PROGRAM_CANNOT_RUN, ELOOP, "n5: more than 5 scripts");
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		drop(name);
	}
}

/* The path that counts for AT_EXECFN is the script's, for /proc/self/exe the program's. */
static void test_paths_of_a_script(void **state)
{
	struct program program;
	struct err err;
	char path[PATH_MAX];

	make("prog", 0755, "\177ELF");
	make("s", 0755, "#!./prog\n");
	assert_int_equal(program_open(getpid(), cwd_fd, "s", 3, some_argv, &program, &err), 0);
	snprintf(path, sizeof(path), "%s/prog", dir);
	assert_string_equal(program.path, path);
	assert_string_equal(program.execfn, "s");
	program_deinit(&program);
	drop("s");
	drop("prog");
}

/* The last one: it gives the process a mount name space of its own. */
static void test_noexec(void **state)
{
	struct program program;
	struct err err = {0};
	char path[PATH_MAX];
	int fd;

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		skip();                                   /* for root only */
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* the other one sees no new mounts */
	assert_int_equal(dup3(fd, cwd_fd, O_CLOEXEC), cwd_fd);
	close(fd);
	assert_int_equal(mkdirat(cwd_fd, "mnt", 0755), 0);
	snprintf(path, sizeof(path), "%s/mnt", dir);
	if (mount("none", path, "tmpfs", MS_NOEXEC, NULL)) {
		assert_int_equal(unlinkat(cwd_fd, "mnt", AT_REMOVEDIR), 0);
		skip();
	}
	make("mnt/prog", 0755, "\177ELF");
	assert_int_equal(program_open(getpid(), cwd_fd, "mnt/prog", 3, some_argv, &program, &err),
	                 -1);
	assert_int_equal(umount(path), 0);
	assert_int_equal(unlinkat(cwd_fd, "mnt", AT_REMOVEDIR), 0);
	assert_non_null(
		strstr(err.text, "mnt/prog: lies in a file system that is mounted without"));
	assert_int_equal(program.failure, PROGRAM_CANNOT_RUN);
	assert_int_equal(err.os_errno, EACCES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_program),
		TEST(test_no_program_at_all),
		TEST(test_without_arguments),
		TEST(test_missing),
		TEST(test_no_regular_file),
		TEST(test_fifo_is_left_alone),
		TEST(test_permission),
		TEST(test_not_readable),
		TEST(test_interp_file),
		TEST(test_script),
		TEST(test_script_without_newline),
		TEST(test_script_with_nul),
		TEST(test_script_names_nothing),
		TEST(test_long_interpreter),
		TEST(test_long_argument),
		TEST(test_bad_interpreter),
		TEST(test_chain),
		TEST(test_paths_of_a_script),
		TEST(test_noexec),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
