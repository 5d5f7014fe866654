/*
 * What /proc says of the process itself.  Some of its files tell of the memory, which here is
 * everybody's: exe, cmdline, environ and auxv are the agent's to the kernel, maps and smaps list
 * the whole space.  A program that asks for its own gets the answer it would get outside.
 *
 * The kernel goes first: it reads the path, so that a pointer into nowhere gets its error, and a
 * call about any other file costs no more than a look at the first letters.
 */
#include "inspace.h"

#include <linux/fcntl.h>
#include <linux/resource.h>

/* Of the names below; a longer path is no name of these files. */
#define MAX_TARGET 64
#define W_OK 2
/* Less than this allowed for files, and the kernel's answer stands: see make_file. */
#define ENOUGH_FILE_SIZE (UINT64_C(16) << 20)
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1u
#endif

enum proc_file {
	PROC_OTHER, /* of somebody else, or not about the memory */
	PROC_EXE,
	PROC_CMDLINE,
	PROC_ENVIRON,
	PROC_AUXV,
	PROC_MAPS,
	PROC_SMAPS,
};

static const struct {
	const char *name;
	enum proc_file file;
} names[] = {
	{"exe", PROC_EXE},   {"cmdline", PROC_CMDLINE}, {"environ", PROC_ENVIRON},
	{"auxv", PROC_AUXV}, {"maps", PROC_MAPS},       {"smaps", PROC_SMAPS},
};

/* ---- names ---------------------------------------------------------------------------- */

/* What follows the prefix, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	for (; *prefix; text++, prefix++)
		if (*text != *prefix)
			return 0;
	return text;
}

/* "123/..." with the number of this process, or of the threadproc that it was forked by. */
static const char *after_own_pid(const struct slot *slot, const char *text)
{
	uint32_t pid = 0;

	if (*text < '1' || *text > '9')
		return 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (pid > UINT32_MAX / 10 - 1)
			return 0;
		pid = pid * 10 + (uint32_t)(*text - '0');
	}
	if (*text != '/' || (pid != slot->pid && pid != (uint32_t)sys0(__NR_getpid)))
		return 0;
	return text + 1;
}

/* What follows "/proc/self/" in any of its forms, or NULL. */
static const char *after_own_directory(const struct slot *slot, const char *path)
{
	const char *rest = after(path, "/proc/");
	const char *name;

	if (!rest)
		return 0;
	name = after(rest, "self/");
	if (!name)
		name = after(rest, "thread-self/");
	return name ? name : after_own_pid(slot, rest);
}

/* "/proc/self/fd/N" */
static void name_descriptor(int fd, char name[32])
{
	char digits[12];
	int count = 0;
	char *to = name;

	for (const char *from = "/proc/self/fd/"; *from; from++)
		*to++ = *from;
	do {
		digits[count++] = (char)('0' + fd % 10);
		fd /= 10;
	} while (fd);
	while (count)
		*to++ = digits[--count];
	*to = '\0';
}

/* True when a relative path begins at this process's own directory of /proc. */
static bool is_own_directory(const struct slot *slot, int dir)
{
	char link[32] = "/proc/self/cwd";
	char target[MAX_TARGET];
	const char *rest;
	long length;

	if (dir >= 0)
		name_descriptor(dir, link);
	length = sys3(__NR_readlink, link, target, sizeof(target) - 2);
	if (length <= 0)
		return false;
	target[length] = '/';
	target[length + 1] = '\0';
	rest = after_own_directory(slot, target);
	return rest && !*rest;
}

/* The path is known to be readable. */
static enum proc_file find_file(const struct slot *slot, int dir, const char *path)
{
	const char *name = *path == '/' ? after_own_directory(slot, path) : path;

	for (unsigned i = 0; name && i < sizeof(names) / sizeof(names[0]); i++) {
		if (*name != *names[i].name || !str_equal(name, names[i].name))
			continue;
		if (name == path && !is_own_directory(slot, dir))
			return PROC_OTHER;
		return names[i].file;
	}
	return PROC_OTHER;
}

/*
 * After a call of the kernel's about a path.  Its own errors for arguments that it looks at
 * before the path, or for the path itself, tell that nothing may be known of it.
 */
static enum proc_file find_after(const struct slot *slot, long result, long dir, const void *path)
{
	if (result == -EFAULT || result == -EINVAL || result == -ENAMETOOLONG)
		return PROC_OTHER;
	return find_file(slot, (int)dir, path);
}

/* ---- the executable ------------------------------------------------------------------- */

long proc_readlink(struct slot *slot, struct arch_call *call)
{
	bool at = call->nr == __NR_readlinkat;
	const unsigned long *arg = call->arg + at;
	long result = arch_pass(call);
	uint64_t length = slot->exe_length;

	if (sys_failed(result) ||
	    find_after(slot, result, at ? (int)call->arg[0] : AT_FDCWD, (void *)arg[0]) != PROC_EXE)
		return result;
	if (length > arg[2])
		length = arg[2];
	arch_copy((char *)arg[1], slot->exe, length);
	/* The agent's name may have been longer, and who cleared the buffer relies on that. */
	if (length < (uint64_t)result)
		arch_fill((char *)arg[1] + length, 0, (uint64_t)result - length);
	return (long)length;
}

void proc_name_exe(const struct slot *slot, struct arch_call *call)
{
	bool at = call->nr == __NR_execveat;
	unsigned long *path = &call->arg[at];
	long result = sys4(__NR_faccessat, at ? (long)call->arg[0] : AT_FDCWD, *path, 0, 0);

	if (find_after(slot, result, at ? (int)call->arg[0] : AT_FDCWD, (void *)*path) == PROC_EXE)
		*path = (unsigned long)slot->exe;
}

long proc_look(struct slot *slot, struct arch_call *call)
{
	bool at = call->nr != __NR_stat && call->nr != __NR_access;
	unsigned long *path = &call->arg[at];
	unsigned long flags = 0;
	long result = arch_pass(call);

	if (call->nr == __NR_newfstatat || call->nr == __NR_faccessat2)
		flags = call->arg[3];
	else if (call->nr == __NR_statx)
		flags = call->arg[2];
	if ((flags & AT_SYMLINK_NOFOLLOW) ||
	    find_after(slot, result, at ? (int)call->arg[0] : AT_FDCWD, (void *)*path) != PROC_EXE)
		return result;
	*path = (unsigned long)slot->exe;
	return arch_pass(call);
}

/* ---- files that are made -------------------------------------------------------------- */

/* As the kernel tells it: what overwrites its arguments may run on into the environment. */
static void put_cmdline(int fd, const struct slot *slot)
{
	const struct prctl_mm_map *memory = &slot->memory;
	uint64_t end = memory->arg_end;

	if (end > memory->arg_start && end == memory->env_start && *(const char *)(end - 1)) {
		while (end < memory->env_end && *(const char *)end)
			end++;
	}
	sys3(__NR_write, fd, memory->arg_start, end - memory->arg_start);
}

/* From memory that the program may have unmapped: then the kernel says so, and nothing is there. */
static void put_text(int fd, const struct slot *slot, enum proc_file file)
{
	const struct prctl_mm_map *memory = &slot->memory;

	switch (file) {
	case PROC_CMDLINE:
		put_cmdline(fd, slot);
		return;
	case PROC_ENVIRON:
		sys3(__NR_write, fd, memory->env_start, memory->env_end - memory->env_start);
		return;
	case PROC_AUXV:
		sys3(__NR_write, fd, memory->auxv, memory->auxv_size);
		return;
	case PROC_MAPS:
		maps_copy(slot, "/proc/self/maps", fd);
		return;
	default:
		maps_copy(slot, "/proc/self/smaps", fd);
	}
}

/*
 * A file with the text, open as flags say.  It lives in memory, but counts as a file: not under
 * a limit that would bring a signal.
 */
static long make_file(const struct slot *slot, enum proc_file file, unsigned long flags)
{
	uint64_t limit[2] = {0};
	char link[32];
	long writable;
	long result;

	if (sys4(__NR_prlimit64, 0, RLIMIT_FSIZE, 0, limit) || limit[0] < ENOUGH_FILE_SIZE)
		return -EFBIG;
	writable = sys2(__NR_memfd_create, "proc", MFD_CLOEXEC);
	if (sys_failed(writable))
		return writable;
	put_text((int)writable, slot, file);
	name_descriptor((int)writable, link);
	result = sys3(__NR_open, link, flags & (O_CLOEXEC | O_NONBLOCK), 0);
	sys1(__NR_close, writable);
	return result;
}

/* ---- the terminal --------------------------------------------------------------------- */

/* To the kernel /dev/tty is that of the server's session; the launcher's may be another one. */
static bool is_terminal_of_others(const struct slot *slot, long result, const char *path)
{
	return slot->terminal[0] && result != -EFAULT && result != -EINVAL &&
	       result != -ENAMETOOLONG && str_equal(path, "/dev/tty");
}

/* ---- open ----------------------------------------------------------------------------- */

/* Puts descriptor `from` in the place of `to`. */
static long replace(long to, long from, unsigned long flags)
{
	sys3(__NR_dup3, from, to, flags & O_CLOEXEC);
	sys1(__NR_close, from);
	return to;
}

/* Opens the path in the place of what the kernel has opened, or refused. */
static long reopen(long result, const char *path, unsigned long flags)
{
	long own = sys3(__NR_open, path, flags, 0);

	if (sys_failed(result))
		return own;
	if (!sys_failed(own))
		return replace(result, own, flags);
	sys1(__NR_close, result);
	return own;
}

static long open_exe(const struct slot *slot, long result, unsigned long flags)
{
	if ((flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return result;
	/* Nobody writes to an executable that runs: the kernel said so of the agent's. */
	if ((flags & O_TRUNC) || (flags & O_ACCMODE) != O_RDONLY) {
		long allowed = sys4(__NR_faccessat2, AT_FDCWD, slot->exe, W_OK, AT_EACCESS);

		return allowed ? allowed : -ETXTBSY;
	}
	return reopen(result, slot->exe, flags & ~(unsigned long)O_CREAT);
}

long proc_open(struct slot *slot, struct arch_call *call)
{
	bool at = call->nr == __NR_openat;
	const char *path = (const char *)call->arg[at];
	unsigned long flags = call->arg[at + 1];
	long result = arch_pass(call);
	enum proc_file file = find_after(slot, result, at ? (int)call->arg[0] : AT_FDCWD, path);
	long made;

	if (is_terminal_of_others(slot, result, path))
		return reopen(result, slot->terminal, flags | O_NOCTTY);
	if (file == PROC_OTHER)
		return result;
	if (file == PROC_EXE)
		return open_exe(slot, result, flags);
	if (sys_failed(result) || (flags & O_PATH) || (flags & O_ACCMODE) != O_RDONLY)
		return result;
	made = make_file(slot, file, flags);
	return sys_failed(made) ? result : replace(result, made, flags);
}
