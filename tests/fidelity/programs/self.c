/* What a program can find out about itself. */
#include "verbs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXE "/proc/self/exe"

static void show_file(const char *what, int fd, const struct stat *own)
{
	struct stat st;

	if (fd < 0) {
		printf("%s: %s\n", what, strerror(errno));
		return;
	}
	CHECK(!fstat(fd, &st));
	printf("%s: %s, flags %o %d\n", what,
	       st.st_ino == own->st_ino && st.st_dev == own->st_dev ? "own" : "another's",
	       fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	close(fd);
}

static void show_stat(const char *what, int result, const struct stat *st, const struct stat *own)
{
	if (result)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %s\n", what,
		       S_ISLNK(st->st_mode)                                     ? "a link"
		       : st->st_ino == own->st_ino && st->st_dev == own->st_dev ? "own"
		                                                                : "another's");
}

/* argv[1]: the true path of this program. */
static int exe(int argc, char **argv)
{
	char numbered[64];
	char target[PATH_MAX];
	struct statx stx;
	struct stat own;
	struct stat st;
	ssize_t n;
	int dir;

	CHECK(argc > 1 && !stat(argv[1], &own));
	snprintf(numbered, sizeof(numbered), "/proc/%d/exe", getpid());
	n = readlink(EXE, target, sizeof(target));
	CHECK(n > 0);
	printf("readlink %.*s\n", (int)n, target);
	printf("short %zd\n", readlink(EXE, target, 5));
	n = readlinkat(AT_FDCWD, numbered, target, sizeof(target));
	printf("readlinkat %.*s\n", (int)n, target);
	show_file("open", open(EXE, O_RDONLY), &own);
	show_file("open numbered", open(numbered, O_RDONLY | O_CLOEXEC), &own);
	show_file("openat", openat(AT_FDCWD, EXE, O_RDONLY | O_NONBLOCK), &own);
	show_file("open path", open(EXE, O_PATH), &own);
	show_file("open link", open(EXE, O_PATH | O_NOFOLLOW), &own);
	show_file("open nofollow", open(EXE, O_RDONLY | O_NOFOLLOW), &own);
	show_file("open directory", open(EXE, O_RDONLY | O_DIRECTORY), &own);
	show_file("open to write", open(EXE, O_WRONLY), &own);
	show_file("open exclusively", open(EXE, O_RDONLY | O_CREAT | O_EXCL, 0600), &own);
	show_file("raw open", (int)syscall(SYS_open, EXE, O_RDONLY), &own);
	dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
	show_file("openat directory", openat(dir, "exe", O_RDONLY), &own);
	show_stat("stat", stat(EXE, &st), &st, &own);
	show_stat("lstat", lstat(EXE, &st), &st, &own);
	show_stat("fstatat", fstatat(AT_FDCWD, EXE, &st, 0), &st, &own);
	show_stat("fstatat link", fstatat(AT_FDCWD, EXE, &st, AT_SYMLINK_NOFOLLOW), &st, &own);
	show_stat("fstatat directory", fstatat(dir, "exe", &st, 0), &st, &own);
	show_stat("raw stat", (int)syscall(SYS_stat, EXE, &st), &st, &own);
	CHECK(!statx(AT_FDCWD, EXE, 0, STATX_INO, &stx));
	printf("statx: %s\n", stx.stx_ino == own.st_ino ? "own" : "another's");
	printf("access %d %d\n", access(EXE, X_OK), access(EXE, F_OK));
	printf("faccessat %d\n", faccessat(AT_FDCWD, EXE, R_OK, AT_EACCESS));
	return 0;
}

/* Calls with pointers and flags that are none: the kernel's own errors, and no crash. */
static int bad_paths(int argc, char **argv)
{
	const char *volatile nowhere = (const char *)(uintptr_t)8;
	struct stat st;
	char buf[8];

	printf("open %d", open(nowhere, O_RDONLY));
	printf(" %d\n", errno);
	printf("openat %d", openat(-1, "relative", O_RDONLY));
	printf(" %d\n", errno);
	printf("stat %d", stat(nowhere, &st));
	printf(" %d\n", errno);
	printf("access %d", access(nowhere, F_OK));
	printf(" %d\n", errno);
	printf("flags %d", faccessat(AT_FDCWD, nowhere, F_OK, 0x4000));
	printf(" %d\n", errno);
	printf("statx %ld", syscall(SYS_statx, AT_FDCWD, nowhere, 0x6000, 0, &st));
	printf(" %d\n", errno);
	printf("readlink %zd", readlink(nowhere, buf, sizeof(buf)));
	printf(" %d\n", errno);
	printf("result %d", (int)syscall(SYS_stat, EXE, nowhere));
	printf(" %d\n", errno);
	printf("empty %d", open("", O_RDONLY));
	printf(" %d\n", errno);
	printf("execve %d", execve(nowhere, argv, NULL));
	printf(" %d\n", errno);
	return 0;
}

/* Runs itself by its link, with one argument more, until there are three. */
static int again(int argc, char **argv)
{
	char *next[] = {"self", "again", "x", argc > 1 ? "x" : NULL, NULL};

	printf("run with %d\n", argc);
	fflush(stdout);
	if (argc < 3)
		execv(EXE, next);
	return 0;
}

static int names(int argc, char **argv)
{
	char name[16];

	prctl(PR_GET_NAME, name);
	printf("comm %s\n", name);
	printf("execfn %s\n", (const char *)getauxval(AT_EXECFN));
	printf("invocation %s %s\n", program_invocation_name, program_invocation_short_name);
	CHECK(!prctl(PR_SET_NAME, "renamed"));
	prctl(PR_GET_NAME, name);
	printf("comm %s\n", name);
	return 0;
}

/* getpid, /proc/self and the files below it speak of one process. */
static int pids(int argc, char **argv)
{
	char link[32];
	char line[256];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
	FILE *status = fopen("/proc/self/status", "r");
	int entries = 0;
	DIR *tasks = opendir("/proc/self/task");

	CHECK(n > 0 && status && tasks);
	link[n] = '\0';
	printf("link %d\n", atoi(link) == getpid());
	while (fgets(line, sizeof(line), status)) {
		if (!strncmp(line, "Tgid:", 5) || !strncmp(line, "Pid:", 4))
			printf("status %d\n", atoi(strchr(line, ':') + 1) == getpid());
		if (!strncmp(line, "Threads:", 8) || !strncmp(line, "Name:", 5))
			printf("%s", line);
	}
	for (struct dirent *entry; (entry = readdir(tasks));)
		entries += entry->d_name[0] != '.';
	printf("tasks %d tid %d\n", entries, gettid() == getpid());
	fclose(status);
	closedir(tasks);
	return 0;
}

/* Prints a file below /proc/self, with newlines for zeros. */
static int file(int argc, char **argv)
{
	char path[64];
	int c;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/%s", argc > 1 ? argv[1] : "cmdline");
	in = fopen(path, "r");
	CHECK(in);
	while ((c = getc(in)) != EOF)
		putchar(c ? c : '\n');
	fclose(in);
	return 0;
}

/* Names of files that are mapped, each once: none is another program's. */
static int maps(int argc, char **argv)
{
	FILE *in = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 100];
	char last[PATH_MAX] = "";

	CHECK(in);
	while (fgets(line, sizeof(line), in)) {
		char *name = strchr(line, '/');

		if (!name || !strcmp(name, last))
			continue;
		strcpy(last, name);
		fputs(name, stdout);
	}
	fclose(in);
	return 0;
}

static const struct verb verbs[] = {
	{"exe", exe},   {"bad-paths", bad_paths}, {"again", again}, {"names", names},
	{"pids", pids}, {"file", file},           {"maps", maps},
};

VERBS_MAIN(verbs)
