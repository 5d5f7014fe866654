/* Lists the descriptors that it was started with: what they are, and every flag of theirs. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "device";
	case S_IFLNK:
		return "link";
	default:
		return "other";
	}
}

static void show(int fd)
{
	int status = fcntl(fd, F_GETFL);
	char target[64];
	char path[32];
	struct stat st;
	ssize_t length;

	if (status < 0)
		return;
	fstat(fd, &st);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	printf("%d %s flags %o at %ld%s", fd, kind_of(st.st_mode), status,
	       (long)lseek(fd, 0, SEEK_CUR), fcntl(fd, F_GETFD) ? " cloexec" : "");
	/* numbers of pipes and sockets differ from run to run, names of other kinds do not */
	if (target[0] == 'a')
		printf(" %s", target);
	if (S_ISCHR(st.st_mode))
		printf(" %lx", (unsigned long)st.st_rdev);
	printf("%s\n", isatty(fd) ? " terminal" : "");
}

int main(void)
{
	for (int fd = 0; fd < 70000; fd++)
		show(fd);
	return 0;
}
