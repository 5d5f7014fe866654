#include "loader/server/caller.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATUS_SIZE 8192 /* more than /proc/PID/status has before the capabilities */

static int by_number(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a;
	gid_t y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

static int read_groups(struct caller *caller, int sock, struct err *err)
{
	socklen_t length = 0;

	/* Asked with no room it says how much is needed, and ERANGE when that is anything. */
	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) && errno != ERANGE)
		return err_os(err, errno, "cannot read the caller's groups");
	caller->groups = malloc(length + sizeof(gid_t));
	if (!caller->groups)
		return err_os(err, ENOMEM, "the caller's groups");
	if (length && getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, caller->groups, &length))
		return err_os(err, errno, "cannot read the caller's groups");
	caller->group_count = length / sizeof(gid_t);
	qsort(caller->groups, caller->group_count, sizeof(gid_t), by_number);
	return 0;
}

static bool has_same_groups(const struct caller *caller)
{
	int count = getgroups(0, NULL);
	AUTO_FREE gid_t *own = NULL;

	if (caller->gid != getegid() || count != (int)caller->group_count)
		return false;
	own = calloc((size_t)count + 1, sizeof(*own));
	if (!own || getgroups(count, own) != count)
		return false;
	qsort(own, (size_t)count, sizeof(*own), by_number);
	return !memcmp(own, caller->groups, (size_t)count * sizeof(*own));
}

/* 0, or -1 when there is no such process. */
static int get_capabilities(pid_t pid, struct slot_capabilities *ret)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	*ret = (struct slot_capabilities){
		.effective = data[0].effective | (uint64_t)data[1].effective << 32,
		.permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
		.inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
	};
	return 0;
}

/* The server's own do not change. */
static const struct slot_capabilities *own_capabilities(void)
{
	static struct slot_capabilities own;
	static bool known;

	if (!known)
		known = !get_capabilities(0, &own);
	return &own;
}

bool caller_server_may(int capability)
{
	return own_capabilities()->effective >> capability & 1;
}

static uint64_t find_set(const char *status, const char *label)
{
	const char *line = strstr(status, label);

	return line ? strtoull(line + strlen(label), NULL, 16) : 0;
}

/* The sets that have no system call for another process. */
static int read_status(pid_t pid, struct slot_capabilities *capabilities)
{
	char text[STATUS_SIZE];
	AUTO_CLOSE int fd = -1;
	char path[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	capabilities->bounding = find_set(text, "\nCapBnd:");
	capabilities->ambient = find_set(text, "\nCapAmb:");
	return 0;
}

static int read_capabilities(struct caller *caller, struct err *err)
{
	const struct slot_capabilities *own = own_capabilities();
	struct slot_capabilities *its = &caller->capabilities;

	if (get_capabilities(caller->pid, its))
		return err_os(err, errno, "cannot read the caller's capabilities");
	caller->same_capabilities = !memcmp(own, its, sizeof(*own));
	caller->more_capabilities = its->permitted & ~own->permitted;
	its->effective &= own->permitted;
	its->permitted &= own->permitted;
	its->inheritable &= own->permitted;
	if (!caller->same_capabilities && read_status(caller->pid, its))
		return err_os(err, errno, "cannot read the caller's capabilities");
	return 0;
}

int caller_init(struct caller *caller, int sock, struct err *err)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	*caller = (struct caller){0};
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		return err_os(err, errno, "cannot see who calls");
	caller->pid = peer.pid;
	caller->uid = peer.uid;
	caller->gid = peer.gid;
	if (caller->uid != geteuid())
		return err_set(err, ERR_DENIED, "this space belongs to another user");
	if (read_groups(caller, sock, err) || read_capabilities(caller, err)) {
		caller_deinit(caller);
		return -1;
	}
	caller->same_groups = has_same_groups(caller);
	return 0;
}

void caller_deinit(struct caller *caller)
{
	free(caller->groups);
	caller->groups = NULL;
}
