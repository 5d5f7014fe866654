#include "loader/server/request.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NICE_MIN (-20)
#define NICE_MAX 19
#define PRIORITY_MAX 99
#define IOPRIO_CLASS_SHIFT 13 /* linux/ioprio.h */
#define IOPRIO_CLASS_MAX 3
#define PERSONALITY_QUERY 0xffffffffu

#define SIGNALS 64
#define SIGNAL_BIT(signo) (UINT64_C(1) << ((signo)-1))

static const uint32_t known_flags = WIRE_NO_NEW_PRIVS | WIRE_HAS_AFFINITY | WIRE_HAS_IOPRIO |
                                    WIRE_FORK_ALL | WIRE_HOLD_CRASH | WIRE_CRASH_STOPS_SPACE |
                                    WIRE_HAS_TERMINAL | WIRE_WAIT_DEBUGGER | WIRE_HAS_QUARANTINE |
                                    WIRE_GUARD_FREE;

/* Printable ASCII: the name goes to terminals and into JSON. */
static int check_name(const char name[WIRE_NAME_SIZE], struct err *err)
{
	size_t length = strnlen(name, WIRE_NAME_SIZE);

	if (length == WIRE_NAME_SIZE)
		return err_set(err, ERR_PROTOCOL, "the name has no end");
	for (size_t i = 0; i < length; i++) {
		if (name[i] < ' ' || name[i] > '~')
			return err_set(err, ERR_PROTOCOL, "the name is not printable ASCII");
	}
	return 0;
}

/* SCHED_DEADLINE needs more parameters than there are here, and no fork keeps it. */
static int check_scheduler(const struct wire_launch *launch, struct err *err)
{
	int policy = launch->sched_policy & ~SCHED_RESET_ON_FORK;
	int priority = launch->sched_priority;
	bool fits;

	switch (policy) {
	case SCHED_OTHER:
	case SCHED_BATCH:
	case SCHED_IDLE:
		fits = priority == 0;
		break;
	case SCHED_FIFO:
	case SCHED_RR:
		fits = priority >= 1 && priority <= PRIORITY_MAX;
		break;
	default:
		return err_set(err, ERR_PROTOCOL, "no scheduling policy %d", policy);
	}
	if (!fits)
		return err_set(err, ERR_PROTOCOL, "scheduling policy %d has no priority %d", policy,
		               priority);
	return 0;
}

static int check_signals(const struct wire_launch *launch, struct err *err)
{
	uint64_t never = SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP);

	if ((launch->sig_blocked | launch->sig_ignored | launch->sig_forwarded) & never)
		return err_set(err, ERR_PROTOCOL, "SIGKILL and SIGSTOP cannot be handled");
	return 0;
}

static int check_rlimits(const struct wire_launch *launch, struct err *err)
{
	for (int i = 0; i < WIRE_RLIMITS; i++) {
		if (launch->rlimits[i].soft > launch->rlimits[i].hard)
			return err_set(err, ERR_PROTOCOL,
			               "resource limit %d: the soft limit is above the hard one",
			               i);
	}
	return 0;
}

static int check_affinity(const struct wire_launch *launch, struct err *err)
{
	uint64_t any = 0;

	if (!(launch->flags & WIRE_HAS_AFFINITY))
		return 0;
	for (int i = 0; i < WIRE_CPUS / 64; i++)
		any |= launch->affinity[i];
	if (!any)
		return err_set(err, ERR_PROTOCOL, "the affinity mask names no CPU");
	return 0;
}

static int check_attributes(const struct wire_launch *launch, struct err *err)
{
	if (launch->flags & ~known_flags)
		return err_set(err, ERR_PROTOCOL, "unknown flags 0x%x", launch->flags);
	if (!(launch->flags & WIRE_HAS_QUARANTINE) && launch->quarantine)
		return err_set(err, ERR_PROTOCOL, "a quarantine that is not asked for");
	if (launch->death_signal > SIGNALS)
		return err_set(err, ERR_PROTOCOL, "no signal %u", launch->death_signal);
	if (launch->pgid < 0 || launch->sid < 0)
		return err_set(err, ERR_PROTOCOL, "negative process group or session");
	if (launch->umask_bits > 0777)
		return err_set(err, ERR_PROTOCOL, "no umask 0%o", launch->umask_bits);
	if (launch->nice < NICE_MIN || launch->nice > NICE_MAX)
		return err_set(err, ERR_PROTOCOL, "no nice value %d", launch->nice);
	if ((launch->flags & WIRE_HAS_IOPRIO) &&
	    launch->ioprio >> IOPRIO_CLASS_SHIFT > IOPRIO_CLASS_MAX)
		return err_set(err, ERR_PROTOCOL, "no I/O priority 0x%x", launch->ioprio);
	if (launch->personality == PERSONALITY_QUERY)
		return err_set(err, ERR_PROTOCOL, "no personality 0x%x", launch->personality);
	if (check_name(launch->name, err) || check_scheduler(launch, err) ||
	    check_signals(launch, err) || check_rlimits(launch, err))
		return -1;
	return check_affinity(launch, err);
}

/* The counts must fit each other before any of them decides on an allocation. */
static int check_counts(const struct wire_launch *launch, struct err *err)
{
	if (launch->strings_length > WIRE_MAX_STRINGS)
		return err_set(err, ERR_PROTOCOL, "%u bytes of strings, at most %u are allowed",
		               launch->strings_length, WIRE_MAX_STRINGS);
	if (UINT64_C(1) + launch->argc + launch->envc > launch->strings_length)
		return err_set(err, ERR_PROTOCOL,
		               "%u arguments and %u variables do not fit in %u bytes", launch->argc,
		               launch->envc, launch->strings_length);
	if (launch->fd_count > WIRE_MAX_FDS)
		return err_set(err, ERR_PROTOCOL, "%u descriptors, at most %u are allowed",
		               launch->fd_count, WIRE_MAX_FDS);
	return 0;
}

/* The type is asked for without asking a network or a FUSE daemon: that could block. */
static int check_cwd(int fd, struct err *err)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st))
		return err_os(err, errno, "working directory");
	if (!S_ISDIR(st.stx_mode))
		return err_set(err, ERR_PROTOCOL, "the working directory is not a directory");
	/* Its caller is in there, and may not go in again: better no program than one elsewhere. */
	if (faccessat(fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH))
		return err_os(err, errno, "cannot enter the working directory");
	return 0;
}

/*
 * Copies the strings out of their memfd.  Anything else than a memfd (it alone has
 * seals) is refused: reading a pipe or a file of a FUSE daemon could block for ever.
 * The client may shrink or change it meanwhile; what was copied is checked afterwards.
 */
static int read_strings(int fd, uint32_t length, char **ret_strings, struct err *err)
{
	AUTO_FREE char *strings = NULL;
	struct stat st;
	uint32_t done = 0;

	if (fcntl(fd, F_GET_SEALS) < 0)
		return err_set(err, ERR_PROTOCOL, "the strings are not in a memfd");
	if (fstat(fd, &st))
		return err_os(err, errno, "strings");
	if (st.st_size != (off_t)length)
		return err_set(err, ERR_PROTOCOL, "%lld bytes of strings, %u are claimed",
		               (long long)st.st_size, length);
	strings = malloc(length);
	if (!strings)
		return err_os(err, ENOMEM, "%u bytes of strings", length);
	while (done < length) {
		ssize_t got = pread(fd, strings + done, length - done, done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_os(err, errno, "cannot read the strings");
		if (got == 0)
			return err_set(err, ERR_PROTOCOL, "the strings end after %u of %u bytes",
			               done, length);
		done += (uint32_t)got;
	}
	*ret_strings = TAKE_PTR(strings);
	return 0;
}

static int check_strings(const char *strings, uint32_t length, uint64_t count, struct err *err)
{
	uint64_t seen = 0;

	if (strings[length - 1])
		return err_set(err, ERR_PROTOCOL, "the last string has no end");
	for (uint32_t i = 0; i < length; i++)
		seen += strings[i] == '\0';
	if (seen != count)
		return err_set(err, ERR_PROTOCOL, "%llu strings, %llu are claimed",
		               (unsigned long long)seen, (unsigned long long)count);
	return 0;
}

/* Makes a vector of the count strings from *at on, and moves *at behind them. */
static char **make_vector(char **at, uint32_t count)
{
	char **vector = calloc((size_t)count + 1, sizeof(*vector));

	if (!vector)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		vector[i] = *at;
		*at += strlen(*at) + 1;
	}
	return vector;
}

/* Those that came in the packet. */
static int copy_strings(const struct packet *packet, uint32_t length, char **ret_strings,
                        struct err *err)
{
	if (packet->extra_length != length)
		return err_set(err, ERR_PROTOCOL, "%u bytes of strings, %u are claimed",
		               packet->extra_length, length);
	*ret_strings = malloc(length);
	if (!*ret_strings)
		return err_os(err, ENOMEM, "%u bytes of strings", length);
	memcpy(*ret_strings, packet->extra, length);
	return 0;
}

/* fd is a memfd with the strings, or -1 when the packet has them. */
static int take_strings(struct request *request, const struct packet *packet, int fd,
                        struct err *err)
{
	struct wire_launch *launch = &request->launch;
	uint64_t count = UINT64_C(1) + launch->argc + launch->envc;
	char *at;

	if ((fd >= 0 ? read_strings(fd, launch->strings_length, &request->strings, err)
	             : copy_strings(packet, launch->strings_length, &request->strings, err)) ||
	    check_strings(request->strings, launch->strings_length, count, err))
		return -1;
	request->path = request->strings;
	at = request->strings + strlen(request->path) + 1;
	if (launch->argc) {
		request->argv = make_vector(&at, launch->argc);
	} else {
		/* execve with no arguments passes one empty string (Linux 5.18) */
		request->argv = calloc(2, sizeof(*request->argv));
		if (request->argv)
			request->argv[0] = request->strings + launch->strings_length - 1;
		launch->argc = 1;
	}
	request->envp = make_vector(&at, launch->envc);
	if (!request->argv || !request->envp)
		return err_os(err, ENOMEM, "%llu strings", (unsigned long long)count);
	return 0;
}

static int fill(struct request *request, const struct packet *packet, int strings_fd,
                struct err *err)
{
	if (check_attributes(&request->launch, err) || check_counts(&request->launch, err) ||
	    check_cwd(request->cwd_fd, err) || take_strings(request, packet, strings_fd, err))
		return -1;
	request->fds = calloc(request->launch.fd_count + 1, sizeof(*request->fds));
	if (!request->fds)
		return err_os(err, ENOMEM, "%u descriptors", request->launch.fd_count);
	return 0;
}

static int by_target(const void *a, const void *b)
{
	const struct request_fd *x = a;
	const struct request_fd *y = b;

	return (x->target > y->target) - (x->target < y->target);
}

static int sort_fds(struct request *request, struct err *err)
{
	qsort(request->fds, request->fd_count, sizeof(*request->fds), by_target);
	for (unsigned i = 1; i < request->fd_count; i++) {
		if (request->fds[i].target == request->fds[i - 1].target)
			return err_set(err, ERR_PROTOCOL, "two descriptors for number %d",
			               request->fds[i].target);
	}
	return 0;
}

/* Takes the packet's descriptors, one for each target. */
static int take_fds(struct request *request, struct packet *packet, const int32_t *targets,
                    struct err *err)
{
	unsigned count = packet->fd_count;

	if (count > request->launch.fd_count - request->fd_count)
		return err_set(err, ERR_PROTOCOL, "more descriptors than the %u announced",
		               request->launch.fd_count);
	for (unsigned i = 0; i < count; i++) {
		/* close_range and the like count from the number after it */
		if (targets[i] < 0 || targets[i] == INT32_MAX)
			return err_set(err, ERR_PROTOCOL, "descriptor number %d", targets[i]);
	}
	for (unsigned i = 0; i < count; i++)
		request->fds[request->fd_count++] =
			(struct request_fd){packet->fds[i], targets[i]};
	packet->fd_count = 0;
	return request_complete(request) ? sort_fds(request, err) : 0;
}

static int take_first_fds(struct request *request, struct packet *packet, struct err *err)
{
	const struct wire_launch *launch = &request->launch;

	if (launch->first_fds > WIRE_FIRST_FDS || launch->first_fds != packet->fd_count)
		return err_set(err, ERR_PROTOCOL, "a launch with %u descriptors that says %u",
		               packet->fd_count, launch->first_fds);
	return take_fds(request, packet, launch->targets, err);
}

static int take_first(struct packet *packet)
{
	int fd = packet->fds[0];

	packet->fd_count--;
	memmove(packet->fds, packet->fds + 1, packet->fd_count * sizeof(packet->fds[0]));
	return fd;
}

int request_init(struct request *request, struct packet *packet, struct err *err)
{
	AUTO_CLOSE int strings_fd = -1;

	*request = (struct request){.cwd_fd = -1};
	if (packet->body.h.type != WIRE_LAUNCH || packet->fd_count < (packet->extra_length ? 1 : 2))
		return err_set(err, ERR_PROTOCOL, "a launch begins with message type %u, not %u",
		               WIRE_LAUNCH, packet->body.h.type);
	request->launch = packet->body.launch;
	if (!packet->extra_length)
		strings_fd = take_first(packet);
	request->cwd_fd = take_first(packet);
	if (fill(request, packet, strings_fd, err) || take_first_fds(request, packet, err)) {
		request_deinit(request);
		return -1;
	}
	return 0;
}

int request_add_fds(struct request *request, struct packet *packet, struct err *err)
{
	const struct wire_fds *message = &packet->body.fds;
	unsigned count = packet->fd_count;

	if (message->h.type != WIRE_FDS || !count || message->count != count || message->pad)
		return err_set(err, ERR_PROTOCOL,
		               "message type %u with %u descriptors, where descriptors should come",
		               message->h.type, count);
	return take_fds(request, packet, message->targets, err);
}

bool request_complete(const struct request *request)
{
	return request->fd_count == request->launch.fd_count;
}

void request_deinit(struct request *request)
{
	cleanup_close(&request->cwd_fd);
	for (unsigned i = 0; i < request->fd_count; i++)
		cleanup_close(&request->fds[i].fd);
	free(request->fds);
	free(request->argv);
	free(request->envp);
	free(request->strings);
	*request = (struct request){.cwd_fd = -1};
}
