/*
 * forked GENERATIONS [filtered | renamed | maps]: forks, and its child does, and so on.  Each
 * parent says "child N PID", the last child what its auxiliary vector has, and waits for the end of
 * input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(nr)                                                                                  \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* Kills at whatever the C library does not need for this program. */
static struct sock_filter instructions[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	ALLOW(__NR_read),
	ALLOW(__NR_write),
	ALLOW(__NR_clone),
	ALLOW(__NR_rt_sigprocmask),
	ALLOW(__NR_set_robust_list),
	ALLOW(__NR_wait4),
	ALLOW(__NR_exit_group),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static int filter(void)
{
	struct sock_fprog program = {sizeof(instructions) / sizeof(instructions[0]), instructions};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Without a call but write(2); dprintf asks what the descriptor is. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[64];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1);
}

int finish(ssize_t length);

static void tell(void)
{
	static const struct {
		const char *name;
		unsigned long type;
	} entries[] = {{"AT_ENTRY", AT_ENTRY},  {"AT_PHDR", AT_PHDR},     {"AT_PHNUM", AT_PHNUM},
	               {"AT_BASE", AT_BASE},    {"AT_PAGESZ", AT_PAGESZ}, {"AT_EXECFN", AT_EXECFN},
	               {"AT_RANDOM", AT_RANDOM}};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		say("%s %#lx\n", entries[i].name, getauxval(entries[i].type));
	say("end\n");
}

static void copy_maps(void)
{
	char bytes[4096];
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (write(STDOUT_FILENO, bytes, (size_t)n) != n)
			_exit(1);
	close(fd);
	say("end\n");
}

static int await(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/* For breakpoints. */
__attribute__((noinline)) int finish(ssize_t length)
{
	return length < 0;
}

int main(int argc, char **argv)
{
	int generations = argc > 1 ? atoi(argv[1]) : 0;
	const char *how = argc > 2 ? argv[2] : "";
	char byte;

	if (!strcmp(how, "filtered") && filter())
		return 2;
	for (int i = 1; i <= generations; i++) {
		pid_t child = fork();

		if (child < 0)
			return 3;
		if (child) {
			say("child %d %d\n", i, child);
			return await(child);
		}
	}
	if (!strcmp(how, "renamed"))
		memset(argv[0], 'x', strlen(argv[0]));
	if (!strcmp(how, "maps"))
		copy_maps();
	else
		tell();
	return finish(read(STDIN_FILENO, &byte, 1));
}
