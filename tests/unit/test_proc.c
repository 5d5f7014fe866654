/*
 * What a program is told of itself: in-space code, hosted, over a slot of the test's making.  To
 * the kernel the test is another program than the slot says, as the agent is.
 */
#include "loader/agent/inspace.h"
#include "tests/unit/fake_space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_EXE "/bin/sh"
#define GRANULE(n) ((uint64_t)(n) << TP_GRANULE_SHIFT)
#define OWN_GRANULE (TP_FIRST_GRANULE + 100)

static struct slot slot;
static char words[] = "prog\0-x\0A=1\0B=2";
static bool live;
static uint32_t told_signal;

/* ---- what the code under test asks of its neighbours ------------------------------------ */

bool report_is_live(const struct slot *of)
{
	(void)of;
	return live;
}

void report_death_signal(struct slot *of)
{
	told_signal = of->death_signal;
}

/* ---- calls ------------------------------------------------------------------------------ */

static long call(long (*fn)(struct slot *, struct arch_call *), long nr, unsigned long a,
                 unsigned long b, unsigned long c, unsigned long d)
{
	struct arch_call made = {.nr = nr, .arg = {a, b, c, d}};

	return fn(&slot, &made);
}

static long open_file(const char *path, unsigned long flags)
{
	return call(proc_open, __NR_openat, (unsigned long)AT_FDCWD, (unsigned long)path, flags, 0);
}

/* All that can be read of the file; it is closed. */
static size_t read_all(long fd, char *to, size_t size)
{
	ssize_t length;

	assert_true(fd >= 0);
	length = read((int)fd, to, size - 1);
	assert_true(length >= 0);
	to[length] = '\0';
	close((int)fd);
	return (size_t)length;
}

static bool is_own_exe(long fd)
{
	struct stat own;
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(stat(OWN_EXE, &own), 0);
	assert_int_equal(fstat((int)fd, &st), 0);
	close((int)fd);
	return st.st_ino == own.st_ino && st.st_dev == own.st_dev;
}

static int setup(void **state)
{
	(void)state;
	memset(&slot, 0, sizeof(slot));
	slot.pid = (uint32_t)getpid();
	slot.index = FAKE_SELF;
	slot.registry = TP_REGISTRY_ADDR;
	slot.memory.arg_start = (uint64_t)words;
	slot.memory.arg_end = slot.memory.arg_start + sizeof("prog\0-x");
	slot.memory.env_start = slot.memory.arg_end;
	slot.memory.env_end = slot.memory.arg_start + sizeof(words);
	slot.lo = GRANULE(OWN_GRANULE);
	slot.hi = GRANULE(OWN_GRANULE + 1);
	strcpy(slot.exe, OWN_EXE);
	slot.exe_length = strlen(OWN_EXE);
	live = true;
	told_signal = UINT32_MAX;
	return 0;
}

/* ---- the executable --------------------------------------------------------------------- */

static void test_exe_by_all_of_its_names(void **state)
{
	char numbered[32];
	int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);

	snprintf(numbered, sizeof(numbered), "/proc/%d/exe", getpid());
	assert_true(is_own_exe(open_file("/proc/self/exe", O_RDONLY)));
	assert_true(is_own_exe(open_file("/proc/thread-self/exe", O_RDONLY)));
	assert_true(is_own_exe(open_file(numbered, O_RDONLY)));
	assert_true(
		is_own_exe(call(proc_open, __NR_open, (unsigned long)"/proc/self/exe", 0, 0, 0)));
	assert_true(is_own_exe(call(proc_open, __NR_openat, (unsigned long)dir,
	                            (unsigned long)"exe", O_RDONLY, 0)));
	close(dir);
}

static void test_other_names_are_left_alone(void **state)
{
	char numbered[32];
	int dir = open("/", O_RDONLY | O_DIRECTORY);
	pid_t other = fork();

	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(numbered, sizeof(numbered), "/proc/%d/exe", other);
	assert_false(is_own_exe(open_file(numbered, O_RDONLY)));
	kill(other, SIGKILL);
	assert_int_equal(waitpid(other, NULL, 0), other);
	assert_int_equal(open_file("/proc/self/exe/", O_RDONLY), -ENOTDIR);
	assert_int_equal(open_file("/proc/self/exee", O_RDONLY), -ENOENT);
	assert_int_equal(open_file("/proc/99999999999999999999/exe", O_RDONLY), -ENOENT);
	assert_int_equal(open_file("/proc/1/", O_WRONLY), -EISDIR);
	assert_int_equal(open_file("", O_RDONLY), -ENOENT);
	assert_int_equal(
		call(proc_open, __NR_openat, (unsigned long)dir, (unsigned long)"exe", O_RDONLY, 0),
		-ENOENT);
	close(dir);
}

static void test_a_child_knows_its_parents_number(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(!is_own_exe(open_file("/proc/self/exe", O_RDONLY)));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_flags_of_open_hold(void **state)
{
	long fd = open_file("/proc/self/exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	assert_int_equal(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl((int)fd, F_GETFL) & O_NONBLOCK);
	close((int)fd);
	assert_int_equal(open_file("/proc/self/exe", O_RDONLY | O_NOFOLLOW), -ELOOP);
	/* what the kernel says of a program that runs, and before that of one that is not ours */
	assert_int_equal(open_file("/proc/self/exe", O_WRONLY),
	                 access(OWN_EXE, W_OK) ? -EACCES : -ETXTBSY);
	assert_int_equal(open_file("/proc/self/exe", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(open_file("/proc/self/exe", O_RDONLY | O_DIRECTORY), -ENOTDIR);
}

static void test_an_executable_that_is_gone(void **state)
{
	long before = open_file("/dev/null", O_RDONLY);

	strcpy(slot.exe, "/nonexistent/program");
	assert_int_equal(open_file("/proc/self/exe", O_RDONLY), -ENOENT);
	/* what the kernel opened meanwhile is closed again */
	assert_int_equal(open_file("/dev/null", O_RDONLY), before + 1);
	close((int)before);
	close((int)before + 1);
}

static void test_readlink(void **state)
{
	char link[64];

	memset(link, '#', sizeof(link));
	assert_int_equal(call(proc_readlink, __NR_readlink, (unsigned long)"/proc/self/exe",
	                      (unsigned long)link, sizeof(link), 0),
	                 strlen(OWN_EXE));
	/* nothing is left of the other name, which is longer */
	assert_string_equal(link, OWN_EXE);
	assert_int_equal(call(proc_readlink, __NR_readlinkat, (unsigned long)AT_FDCWD,
	                      (unsigned long)"/proc/self/exe", (unsigned long)link, 3),
	                 3);
	assert_int_equal(call(proc_readlink, __NR_readlink, (unsigned long)"/proc/self/exe",
	                      (unsigned long)link, 0, 0),
	                 -EINVAL);
	assert_int_equal(call(proc_readlink, __NR_readlink, 8, (unsigned long)link, 8, 0), -EFAULT);
}

static void test_stat_and_access(void **state)
{
	const unsigned long path = (unsigned long)"/proc/self/exe";
	const unsigned long cwd = (unsigned long)AT_FDCWD;
	struct stat own;
	struct stat st;

	assert_int_equal(stat(OWN_EXE, &own), 0);
	assert_int_equal(call(proc_look, __NR_stat, path, (unsigned long)&st, 0, 0), 0);
	assert_int_equal(st.st_ino, own.st_ino);
	assert_int_equal(call(proc_look, __NR_newfstatat, cwd, path, (unsigned long)&st, 0), 0);
	assert_int_equal(st.st_ino, own.st_ino);
	assert_int_equal(call(proc_look, __NR_newfstatat, cwd, path, (unsigned long)&st,
	                      AT_SYMLINK_NOFOLLOW),
	                 0);
	assert_true(S_ISLNK(st.st_mode));
	strcpy(slot.exe, "/nonexistent/program");
	assert_int_equal(call(proc_look, __NR_access, path, X_OK, 0, 0), -ENOENT);
	assert_int_equal(call(proc_look, __NR_faccessat, cwd, path, R_OK, 0), -ENOENT);
	assert_int_equal(call(proc_look, __NR_access, (unsigned long)"/", F_OK, 0, 0), 0);
}

static void test_exec_gets_the_path(void **state)
{
	struct arch_call made = {.nr = __NR_execve, .arg = {(unsigned long)"/proc/self/exe"}};

	proc_name_exe(&slot, &made);
	assert_string_equal((char *)made.arg[0], OWN_EXE);
	made = (struct arch_call){.nr = __NR_execve, .arg = {8}};
	proc_name_exe(&slot, &made);
	assert_int_equal(made.arg[0], 8);
}

/* ---- files about the memory --------------------------------------------------------------- */

static void test_cmdline(void **state)
{
	char text[64];

	assert_int_equal(read_all(open_file("/proc/self/cmdline", O_RDONLY), text, sizeof(text)),
	                 8);
	assert_memory_equal(text, "prog\0-x", 8);
}

/* A title that was written over the arguments goes on where they ended. */
static void test_cmdline_that_grew(void **state)
{
	char copy[] = "a much longer title\0rest";
	char text[64];

	slot.memory.arg_start = (uint64_t)copy;
	slot.memory.arg_end = slot.memory.arg_start + 4;
	slot.memory.env_start = slot.memory.arg_end;
	slot.memory.env_end = slot.memory.arg_start + sizeof(copy);
	read_all(open_file("/proc/self/cmdline", O_RDONLY), text, sizeof(text));
	assert_string_equal(text, "a much longer title");
}

static void test_environ_and_auxv(void **state)
{
	uint64_t vector[] = {6, 4096, 0, 0};
	char text[64];

	assert_int_equal(read_all(open_file("/proc/self/environ", O_RDONLY), text, sizeof(text)),
	                 8);
	assert_memory_equal(text, "A=1\0B=2", 8);
	slot.memory.auxv = (__u64 *)vector;
	slot.memory.auxv_size = sizeof(vector);
	assert_int_equal(read_all(open_file("/proc/self/auxv", O_RDONLY), text, sizeof(text)),
	                 sizeof(vector));
	assert_memory_equal(text, vector, sizeof(vector));
}

static void test_such_a_file_cannot_be_written(void **state)
{
	long fd = open_file("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fcntl((int)fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write((int)fd, "x", 1), -1);
	close((int)fd);
}

static void test_memory_that_is_gone(void **state)
{
	char text[64];

	slot.memory.arg_start = 8;
	slot.memory.arg_end = 16;
	slot.memory.env_start = 16;
	slot.memory.env_end = 24;
	assert_int_equal(read_all(open_file("/proc/self/environ", O_RDONLY), text, sizeof(text)),
	                 0);
}

/* A signal would come if the file were made. */
static void test_under_a_limit_the_kernels_answer_stands(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const struct rlimit none = {0, 0};
		char text[64];

		setrlimit(RLIMIT_FSIZE, &none);
		read_all(open_file("/proc/self/cmdline", O_RDONLY), text, sizeof(text));
		_exit(!memcmp(text, "prog", 4));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- maps --------------------------------------------------------------------------------- */

static void *map_page(uint64_t at)
{
	void *page = mmap((void *)at, 4096, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(page, (void *)at);
	return page;
}

/* True when a file of the kernel's form has a line that begins with the address. */
static char *find_line(const char *path, uint64_t address)
{
	static char line[512];
	char start[32];
	long fd = open_file(path, O_RDONLY);
	FILE *in = fdopen((int)fd, "r");
	bool found = false;

	assert_non_null(in);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)address);
	while (!found && fgets(line, sizeof(line), in))
		found = !strncmp(line, start, strlen(start));
	fclose(in);
	return found ? line : NULL;
}

static void test_maps_have_the_own_part(void **state)
{
	const uint64_t own = GRANULE(OWN_GRANULE);
	const uint64_t other = GRANULE(OWN_GRANULE + 8);
	const uint64_t nobodys = GRANULE(OWN_GRANULE + 16);

	map_page(own);
	map_page(other);
	map_page(nobodys);
	fake.granules[OWN_GRANULE] = (struct tp_granule){TP_GRANULE_LIVE, FAKE_SELF, 7};
	fake.granules[OWN_GRANULE + 8] = (struct tp_granule){TP_GRANULE_LIVE, FAKE_OTHER, 7};
	assert_non_null(find_line("/proc/self/maps", own));
	assert_null(find_line("/proc/self/maps", other));
	assert_non_null(find_line("/proc/self/maps", nobodys));
	assert_null(find_line("/proc/self/maps", TP_REGISTRY_ADDR));
	assert_non_null(find_line("/proc/self/smaps", own));
	assert_null(find_line("/proc/self/smaps", other));
	munmap((void *)own, 4096);
	munmap((void *)other, 4096);
	munmap((void *)nobodys, 4096);
}

static void test_stack_and_heap_have_names(void **state)
{
	const uint64_t stack = GRANULE(OWN_GRANULE);
	const uint64_t heap = stack + (1 << 20);
	char *line;

	map_page(stack);
	map_page(heap);
	slot.memory.start_stack = stack + 100;
	slot.brk_lo = heap;
	slot.brk_hi = heap + (1 << 20);
	slot.brk_mapped = heap + 4096;
	line = find_line("/proc/self/maps", stack);
	assert_non_null(line);
	assert_string_equal(line + 73, "[stack]\n");
	line = find_line("/proc/self/maps", heap);
	assert_non_null(line);
	assert_string_equal(line + 73, "[heap]\n");
	munmap((void *)stack, 4096);
	munmap((void *)heap, 4096);
}

static void test_fixed_images_of_others(void **state)
{
	const uint64_t image = 0x10000000;

	map_page(image);
	fake.fixed[1] = (struct tp_fixed){image, image + 4096, FAKE_OTHER, 7};
	assert_null(find_line("/proc/self/maps", image));
	fake.fixed[1].owner = FAKE_SELF;
	assert_non_null(find_line("/proc/self/maps", image));
	fake.fixed[1] = (struct tp_fixed){0};
	munmap((void *)image, 4096);
}

/* ---- the terminal --------------------------------------------------------------------------- */

static void test_terminal(void **state)
{
	struct stat st;
	long fd;

	strcpy(slot.terminal, "/dev/null");
	fd = open_file("/dev/tty", O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fstat((int)fd, &st), 0);
	close((int)fd);
	assert_true(S_ISCHR(st.st_mode) && (st.st_rdev & 0xff) == 3);
}

/* ---- the parent ------------------------------------------------------------------------------ */

static void test_parents_pid(void **state)
{
	slot.launcher = (uint32_t)getppid();
	/* the launcher's parent: the parent of this process's parent */
	assert_int_not_equal(call(parent_pid, __NR_getppid, 0, 0, 0, 0), getppid());
	slot.launcher = (uint32_t)getpid();
	assert_int_equal(call(parent_pid, __NR_getppid, 0, 0, 0, 0), getppid());
	live = false;
	slot.launcher = (uint32_t)getppid();
	assert_int_equal(call(parent_pid, __NR_getppid, 0, 0, 0, 0), getppid());
	live = true;
	slot.launcher = INT32_MAX;
	assert_int_equal(call(parent_pid, __NR_getppid, 0, 0, 0, 0), getppid());
}

static void test_death_signal(void **state)
{
	int32_t signo = -1;

	slot.death_signal = SIGUSR1;
	assert_int_equal(
		call(parent_prctl, __NR_prctl, PR_GET_PDEATHSIG, (unsigned long)&signo, 0, 0), 0);
	assert_int_equal(signo, SIGUSR1);
	assert_int_equal(call(parent_prctl, __NR_prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0), 0);
	assert_int_equal(told_signal, SIGTERM);
	assert_int_equal(call(parent_prctl, __NR_prctl, PR_SET_PDEATHSIG, 1000, 0, 0), -EINVAL);
	assert_int_equal(call(parent_prctl, __NR_prctl, PR_GET_PDEATHSIG, 8, 0, 0), -EFAULT);
	assert_int_equal(told_signal, SIGTERM);
	/* the kernel's own was not touched */
	assert_int_equal(prctl(PR_GET_PDEATHSIG, &signo), 0);
	assert_int_equal(signo, 0);
}

static void test_other_prctls_pass(void **state)
{
	char name[16] = "";

	assert_int_equal(
		call(parent_prctl, __NR_prctl, PR_SET_NAME, (unsigned long)"renamed", 0, 0), 0);
	assert_int_equal(call(parent_prctl, __NR_prctl, PR_GET_NAME, (unsigned long)name, 0, 0), 0);
	assert_string_equal(name, "renamed");
	live = false;
	assert_int_equal(call(parent_prctl, __NR_prctl, PR_SET_PDEATHSIG, 0, 0, 0), 0);
	assert_int_equal(told_signal, UINT32_MAX);
}

static int make_space(void **state)
{
	(void)state;
	return fake_space_create();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_exe_by_all_of_its_names, setup),
		cmocka_unit_test_setup(test_other_names_are_left_alone, setup),
		cmocka_unit_test_setup(test_a_child_knows_its_parents_number, setup),
		cmocka_unit_test_setup(test_flags_of_open_hold, setup),
		cmocka_unit_test_setup(test_an_executable_that_is_gone, setup),
		cmocka_unit_test_setup(test_readlink, setup),
		cmocka_unit_test_setup(test_stat_and_access, setup),
		cmocka_unit_test_setup(test_exec_gets_the_path, setup),
		cmocka_unit_test_setup(test_cmdline, setup),
		cmocka_unit_test_setup(test_cmdline_that_grew, setup),
		cmocka_unit_test_setup(test_environ_and_auxv, setup),
		cmocka_unit_test_setup(test_such_a_file_cannot_be_written, setup),
		cmocka_unit_test_setup(test_memory_that_is_gone, setup),
		cmocka_unit_test_setup(test_under_a_limit_the_kernels_answer_stands, setup),
		cmocka_unit_test_setup(test_maps_have_the_own_part, setup),
		cmocka_unit_test_setup(test_stack_and_heap_have_names, setup),
		cmocka_unit_test_setup(test_fixed_images_of_others, setup),
		cmocka_unit_test_setup(test_terminal, setup),
		cmocka_unit_test_setup(test_parents_pid, setup),
		cmocka_unit_test_setup(test_death_signal, setup),
		cmocka_unit_test_setup(test_other_prctls_pass, setup),
	};

	return cmocka_run_group_tests(tests, make_space, NULL);
}
