#include "loader/server/program.h"

#include "lib/base/cleanup.h"
#include "loader/server/clip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What the kernel looks at of a script (BINPRM_BUF_SIZE), and how many it follows. */
#define SCRIPT_HEAD 256
#define SCRIPT_DEPTH 5

/* What a `#!` line says; both point into the head it was parsed from. */
struct script {
	const char *interp;
	const char *arg; /* NULL when there is none */
};

/* A refusal that execve(2) would answer with os_errno. */
static int __attribute__((format(printf, 3, 4)))
refuse(struct err *err, int os_errno, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(err, os_errno == EACCES ? ERR_DENIED : ERR_INVALID, "%s", text);
	err->os_errno = os_errno;
	return -1;
}

/* ---- Opening ----------------------------------------------------------------- */

static const char *file_type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	default:
		return "not a regular file";
	}
}

static int check_kind(const struct stat *st, const char *path, struct err *err)
{
	if (S_ISREG(st->st_mode))
		return 0;
	return refuse(err, EACCES, "%s: is %s, not a program", clip_path(path).text,
	              file_type_name(st->st_mode));
}

static int check_executable(int fd, const char *path, struct err *err)
{
	struct clip name = clip_path(path);
	struct statvfs fs;
	struct stat st;
	int error;

	if (fstat(fd, &st))
		return err_os(err, errno, "%s", name.text);
	if (check_kind(&st, path, err))
		return -1;
	if (faccessat(fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH) == 0)
		return 0;
	error = errno;
	if (error == EACCES && fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
		return refuse(
			err, EACCES,
			"%s: lies in a file system that is mounted without execution (noexec)",
			name.text);
	if (error == EACCES)
		return refuse(err, EACCES, "%s: no permission to execute it", name.text);
	return err_os(err, error, "%s", name.text);
}

static void fd_link(int fd, char link[32])
{
	snprintf(link, 32, "/proc/self/fd/%d", fd);
}

/* The kernel's answer was that it may not be read: whether it may not be executed either. */
static int refuse_unreadable(int cwd_fd, const char *at, const char *path, struct err *err)
{
	AUTO_CLOSE int pin = openat(cwd_fd, at, O_PATH | O_CLOEXEC);

	if (pin < 0)
		return err_os(err, errno, "%s", clip_path(path).text);
	if (check_executable(pin, path, err))
		return -1;
	return refuse(err, EACCES,
	              "%s: may be executed but not read, and it has to be read to load it",
	              clip_path(path).text);
}

/*
 * Opens the file at `at` for reading if it may be executed; errors call it path.  Its kind is
 * looked at first, because opening touches a FIFO's writer and a device; what counts is what is
 * found when it is open.
 */
static int open_executable(int cwd_fd, const char *at, const char *path, int *ret_fd,
                           struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (fstatat(cwd_fd, at, &st, 0))
		return err_os(err, errno, "%s", clip_path(path).text);
	if (check_kind(&st, path, err))
		return -1;
	fd = openat(cwd_fd, at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == EACCES)
		return refuse_unreadable(cwd_fd, at, path, err);
	if (fd < 0)
		return err_os(err, errno, "%s", clip_path(path).text);
	if (check_executable(fd, path, err))
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int canonical_path(int fd, const char *path, char **ret_path, struct err *err)
{
	char link[32], target[PATH_MAX];
	ssize_t length;

	fd_link(fd, link);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return err_os(err, errno, "%s: cannot find its full path", clip_path(path).text);
	target[length] = '\0';
	*ret_path = strdup(target);
	if (!*ret_path)
		return err_os(err, ENOMEM, "%s", clip_path(path).text);
	return 0;
}

/* ---- Scripts ------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *skip_blanks(char *from, const char *end)
{
	while (from < end && is_blank(*from))
		from++;
	return from;
}

/* The first blank or NUL in [from, end), or end. */
static char *skip_word(char *from, const char *end)
{
	while (from < end && *from && !is_blank(*from))
		from++;
	return from;
}

/*
 * Parses head, the first SCRIPT_HEAD bytes of a file that begins with "#!", zero-padded, as
 * the kernel does: the interpreter's name ends at a blank, a NUL or the end of the line, and
 * without any of these in sight it might be cut short and is refused.  All the rest, without
 * the blanks around it, is one argument, which may be cut short.  Blanks at the end of a file
 * without a newline are not trimmed: NUL bytes follow them.  A carriage return is part
 * of the name.  Writes NULs into head.  False when there is no name.
 */
static bool parse_script(char head[SCRIPT_HEAD], struct script *ret)
{
	char *last = head + SCRIPT_HEAD - 1;
	char *end = memchr(head, '\n', strnlen(head, SCRIPT_HEAD));
	char *name, *name_end, *arg;

	if (!end) {
		name = skip_blanks(head + 2, last + 1);
		if (skip_word(name, last + 1) == last + 1)
			return false;
		end = last;
	}
	while (is_blank(end[-1]))
		end--;
	*end = '\0';
	name = skip_blanks(head + 2, end);
	name_end = skip_word(name, end);
	if (name_end == name)
		return false;
	arg = *name_end ? skip_blanks(name_end, end) : NULL;
	*name_end = '\0';
	*ret = (struct script){.interp = name, .arg = arg};
	return true;
}

/* Returns 1 and fills head when the file behind fd is a script, 0 when it is not, -1 on error. */
static int read_script_head(int fd, const char *path, char head[SCRIPT_HEAD], struct err *err)
{
	ssize_t got;

	memset(head, 0, SCRIPT_HEAD);
	do
		got = pread(fd, head, SCRIPT_HEAD, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_os(err, errno, "%s: cannot read", clip_path(path).text);
	return head[0] == '#' && head[1] == '!';
}

static void free_strings(char **strings)
{
	for (char **s = strings; s && *s; s++)
		free(*s);
	free(strings);
}

static void cleanup_strings(char ***strings)
{
	free_strings(*strings);
}

#define AUTO_STRINGS __attribute__((cleanup(cleanup_strings)))

static int copy_strings(int count, char *const strings[], char ***ret)
{
	AUTO_STRINGS char **copy = calloc((size_t)count + 1, sizeof(*copy));

	if (!copy)
		return -1;
	for (int i = 0; i < count; i++) {
		copy[i] = strdup(strings[i]);
		if (!copy[i])
			return -1;
	}
	*ret = TAKE_PTR(copy);
	return 0;
}

/*
 * Puts interpreter, its argument if any and the script's path in place of argv[0].
 * Returns -1 when memory runs out, and leaves the program as it was.
 */
static int splice_interp(struct program *program, const struct script *script, const char *path)
{
	const char *front[3] = {script->interp};
	int front_count = 1;
	int kept = program->argc > 1 ? program->argc - 1 : 0;
	AUTO_STRINGS char **added = NULL;
	char **argv;

	if (script->arg)
		front[front_count++] = script->arg;
	front[front_count++] = path;
	if (copy_strings(front_count, (char *const *)front, &added))
		return -1;
	argv = calloc((size_t)(front_count + kept) + 1, sizeof(*argv));
	if (!argv)
		return -1;
	memcpy(argv, added, (size_t)front_count * sizeof(*argv));
	added[0] = NULL; /* the strings have moved */
	if (kept) {
		memcpy(argv + front_count, program->argv + 1, (size_t)kept * sizeof(*argv));
		program->argv[1] = NULL;
	}
	free_strings(program->argv);
	program->argv = argv;
	program->argc = front_count + kept;
	return 0;
}

/*
 * One step along the chain: program->fd is the script at path and becomes its interpreter.
 * *ret_path gets the interpreter's name, which is the path of the next step.
 */
static int enter_interp(int cwd_fd, const char *path, struct program *program,
                        char head[SCRIPT_HEAD], char **ret_path, struct err *err)
{
	struct clip name = clip_path(path);
	AUTO_FREE char *interp = NULL;
	struct script script;
	int fd;

	if (!parse_script(head, &script))
		return refuse(err, ENOEXEC,
		              "%s: the #! line names no interpreter, or one of more than %d bytes",
		              name.text, SCRIPT_HEAD - 3);
	interp = strdup(script.interp);
	if (!interp || splice_interp(program, &script, path))
		return err_os(err, ENOMEM, "%s", name.text);
	if (open_executable(cwd_fd, interp, interp, &fd, err))
		return err_prefix(err, "%s: bad interpreter", name.text);
	close(program->fd);
	program->fd = fd;
	*ret_path = TAKE_PTR(interp);
	return 0;
}

static int follow_scripts(int cwd_fd, struct program *program, struct err *err)
{
	AUTO_FREE char *path = strdup(program->execfn);
	char head[SCRIPT_HEAD];
	char *next = NULL;
	int is_script;

	if (!path)
		return err_os(err, ENOMEM, "%s", clip_path(program->execfn).text);
	for (int depth = 0;; depth++) {
		is_script = read_script_head(program->fd, path, head, err);
		if (is_script <= 0)
			return is_script;
		if (depth == SCRIPT_DEPTH)
			return refuse(err, ELOOP,
			              "%s: more than %d scripts are each other's interpreters",
			              clip_path(program->execfn).text, SCRIPT_DEPTH);
		if (enter_interp(cwd_fd, path, program, head, &next, err))
			return -1;
		free(path);
		path = next;
	}
}

/* ---- The whole ----------------------------------------------------------------- */

/*
 * A path that leads through the caller's own directory of /proc, as /dev/fd/3 does, leads
 * there from here only with his pid in it.  The answer is the path itself, or in seen.
 */
static const char *as_the_caller_sees(pid_t caller, const char *path, char seen[PATH_MAX])
{
	static const char *const own[][2] = {
		{"/proc/self/", ""},
		{"/proc/thread-self/", ""},
		{"/dev/fd/", "fd/"},
		{"/dev/stdin", "fd/0"},
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t length = strlen(own[i][0]);

		if (!strncmp(path, own[i][0], length) &&
		    snprintf(seen, PATH_MAX, "/proc/%d/%s%s", (int)caller, own[i][1],
		             path + length) < PATH_MAX)
			return seen;
	}
	return path;
}

static int open_program(pid_t caller, int cwd_fd, const char *path, int argc, char *const argv[],
                        struct program *program, struct err *err)
{
	char seen[PATH_MAX];

	if (!*path)
		return err_os(err, ENOENT, "the program's name is empty");
	program->execfn = strdup(path);
	if (!program->execfn || copy_strings(argc, argv, &program->argv))
		return err_os(err, ENOMEM, "%s", clip_path(path).text);
	program->argc = argc;
	if (open_executable(cwd_fd, as_the_caller_sees(caller, path, seen), path, &program->fd,
	                    err))
		return -1;
	if (follow_scripts(cwd_fd, program, err))
		return -1;
	return canonical_path(program->fd, path, &program->path, err);
}

int program_open(pid_t caller, int cwd_fd, const char *path, int argc, char *const argv[],
                 struct program *program, struct err *err)
{
	bool missing;

	*program = (struct program){.fd = -1};
	if (open_program(caller, cwd_fd, path, argc, argv, program, err) == 0)
		return 0;
	program_deinit(program);
	missing = err->os_errno == ENOENT || err->os_errno == ENOTDIR;
	program->failure = missing ? PROGRAM_NOT_FOUND : PROGRAM_CANNOT_RUN;
	return -1;
}

void program_deinit(struct program *program)
{
	if (program->fd >= 0)
		close(program->fd);
	free(program->path);
	free(program->execfn);
	free_strings(program->argv);
	*program = (struct program){.fd = -1};
}

int program_open_interp(const char *path, int *ret_fd, struct err *err)
{
	if (*path != '/')
		return refuse(err, ENOENT,
		              "%s: the interpreter's name (PT_INTERP) is not an absolute path",
		              clip_path(path).text);
	return open_executable(AT_FDCWD, path, path, ret_fd, err);
}
