#include "loader/client/launch.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KIND_CANNOT_RUN 126
#define KIND_OUR_FAILURE 125
#define MOMENT_NS 1000000
#define MOMENTS 10000

/* Adds up what the strings take, and counts them. */
static size_t measure(char *const *strings, uint32_t *ret_count)
{
	size_t length = 0;
	uint32_t count = 0;

	for (; strings[count]; count++)
		length += strlen(strings[count]) + 1;
	*ret_count = count;
	return length;
}

static char *put(char *at, const char *string)
{
	return stpcpy(at, string) + 1;
}

static int write_all(int fd, const char *bytes, size_t length, struct err *err)
{
	while (length) {
		ssize_t done = write(fd, bytes, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_os(err, errno, "cannot write the arguments");
		bytes += done;
		length -= (size_t)done;
	}
	return 0;
}

/*
 * A memfd is a file to RLIMIT_FSIZE, which execve would not have asked: what is written
 * here is not the program's.
 */
static int write_unlimited(int fd, const char *bytes, size_t length,
                           const struct wire_rlimit *file_size, struct err *err)
{
	const struct rlimit was = {file_size->soft, file_size->hard};
	const struct rlimit most = {file_size->hard, file_size->hard};
	int result;

	if (file_size->soft >= length)
		return write_all(fd, bytes, length, err);
	setrlimit(RLIMIT_FSIZE, &most);
	result = write_all(fd, bytes, length, err);
	setrlimit(RLIMIT_FSIZE, &was);
	return result;
}

static char *join_strings(const struct launch *launch, const struct wire_launch *message)
{
	char *bytes = malloc(message->strings_length);
	char *at;

	if (!bytes)
		return NULL;
	at = put(bytes, launch->path);
	for (uint32_t i = 0; i < message->argc; i++)
		at = put(at, launch->argv[i]);
	for (uint32_t i = 0; i < message->envc; i++)
		at = put(at, launch->envp[i]);
	return bytes;
}

/*
 * Path, arguments and environment, the caller's to free, and their counts for the message,
 * which has the caller's attributes already.
 */
static int pack_strings(const struct launch *launch, struct wire_launch *message, char **ret_bytes,
                        struct err *err)
{
	size_t length = strlen(launch->path) + 1;

	length += measure(launch->argv, &message->argc);
	length += measure(launch->envp, &message->envc);
	if (length > WIRE_MAX_STRINGS)
		return err_os(err, E2BIG, "%zu bytes of arguments and environment", length);
	message->strings_length = (uint32_t)length;
	*ret_bytes = join_strings(launch, message);
	if (!*ret_bytes)
		return err_os(err, ENOMEM, "%u bytes of arguments", message->strings_length);
	return 0;
}

static int open_strings(const char *bytes, const struct wire_launch *message, int *ret_fd,
                        struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("tproc-strings", MFD_CLOEXEC);

	if (fd < 0)
		return err_os(err, errno, "cannot make a memfd");
	if (write_unlimited(fd, bytes, message->strings_length, &message->rlimits[RLIMIT_FSIZE],
	                    err))
		return -1;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* How many descriptors go with the launch itself. */
static unsigned first_of(const struct descriptors *descriptors)
{
	return descriptors->count < WIRE_FIRST_FDS ? descriptors->count : WIRE_FIRST_FDS;
}

/*
 * The kernel bounds how many descriptors of one user are under way, his other programs' too.
 * They are not for long.
 */
static enum packet_result send_patiently(int sock, enum wire_type type, union packet_body *body,
                                         const char *extra, unsigned extra_length, const int *fds,
                                         unsigned fd_count, struct err *err)
{
	const struct timespec moment = {.tv_nsec = MOMENT_NS};
	enum packet_result result = PACKET_ERROR;

	for (int i = 0; i < MOMENTS && result == PACKET_ERROR; i++) {
		if (i)
			nanosleep(&moment, NULL);
		result =
			packet_send_more(sock, type, body, extra, extra_length, fds, fd_count, err);
		if (err->os_errno != ETOOMANYREFS)
			break;
	}
	return result;
}

static enum packet_result send_launch(int sock, const struct launch *launch, int *ret_kind,
                                      struct err *err)
{
	AUTO_FREE char *strings = NULL;
	AUTO_CLOSE int strings_fd = -1;
	AUTO_CLOSE int cwd_fd = -1;
	union packet_body body = {0};
	int fds[2 + WIRE_FIRST_FDS];
	unsigned fd_count = 0;
	unsigned extra;
	unsigned first = first_of(&launch->descriptors);

	if (launch->attributes)
		body.launch = *launch->attributes;
	else
		caller_describe(&body.launch);
	body.launch.flags |= launch->flags;
	body.launch.quarantine = launch->quarantine;
	body.launch.first_fds = first;
	body.launch.fd_count = launch->descriptors.count;
	body.launch.sig_blocked = launch->signals.blocked;
	body.launch.sig_ignored = launch->signals.ignored;
	if (launch->name) {
		if (strlen(launch->name) >= WIRE_NAME_SIZE)
			return err_set(err, ERR_USAGE, "the name is too long");
		strcpy(body.launch.name, launch->name);
	}
	/* all that arrive are passed on */
	body.launch.sig_forwarded = caller_catchable_signals();
	if (pack_strings(launch, &body.launch, &strings, err)) {
		if (err->os_errno == E2BIG)
			*ret_kind = KIND_CANNOT_RUN;
		return PACKET_ERROR;
	}
	if (caller_open_cwd(&cwd_fd, err))
		return PACKET_ERROR;
	extra = body.launch.strings_length <= WIRE_INLINE_STRINGS ? body.launch.strings_length : 0;
	if (!extra) {
		if (open_strings(strings, &body.launch, &strings_fd, err))
			return PACKET_ERROR;
		fds[fd_count++] = strings_fd;
	}
	fds[fd_count++] = cwd_fd;
	for (unsigned i = 0; i < first; i++)
		fds[fd_count++] = body.launch.targets[i] = launch->descriptors.fds[i];
	return send_patiently(sock, WIRE_LAUNCH, &body, strings, extra, fds, fd_count, err);
}

static enum packet_result send_descriptors(int sock, const struct descriptors *descriptors,
                                           struct err *err)
{
	enum packet_result result = PACKET_OK;

	for (unsigned done = first_of(descriptors);
	     result == PACKET_OK && done < descriptors->count;) {
		union packet_body body = {0};
		unsigned count = descriptors->count - done;

		if (count > WIRE_FDS_PER_PACKET)
			count = WIRE_FDS_PER_PACKET;
		body.fds.count = count;
		memcpy(body.fds.targets, descriptors->fds + done, count * sizeof(int));
		result = send_patiently(sock, WIRE_FDS, &body, NULL, 0, descriptors->fds + done,
		                        count, err);
		done += count;
	}
	return result;
}

/*
 * A server that ends with the launch unread leaves ECONNRESET behind, once: then it cannot
 * have started anything, and the launch may be tried again without doubt.
 */
static bool was_left_unread(int sock)
{
	char byte;

	return recv(sock, &byte, sizeof(byte), MSG_PEEK) < 0 && errno == ECONNRESET;
}

static enum launch_result take_started(struct packet *packet, struct launched *ret_launched)
{
	const struct wire_started *started = &packet->body.started;

	*ret_launched = (struct launched){
		.id = started->id,
		.pid = started->pid,
		.pgid = started->pgid,
		.pidfd = packet->fds[0],
	};
	packet->fd_count = 0;
	return LAUNCH_STARTED;
}

static enum launch_result take_failed(const struct wire_failed *failed, int *ret_kind,
                                      struct err *err)
{
	if (failed->kind > KIND_OUR_FAILURE && failed->kind <= 127)
		*ret_kind = failed->kind;
	err_set(err, ERR_INVALID, "%.*s", (int)strnlen(failed->reason, WIRE_REASON_SIZE),
	        failed->reason);
	err->os_errno = failed->os_errno;
	return LAUNCH_FAILED;
}

/* The server makes room for one that suits better; once it is gone, its socket is too. */
static enum launch_result await_leaving(int sock)
{
	char byte;

	while (recv(sock, &byte, sizeof(byte), 0) < 0 && errno == EINTR)
		;
	return LAUNCH_UNSEEN;
}

static enum launch_result await_answer(int sock, bool unread, struct launched *ret_launched,
                                       int *ret_kind, struct err *err)
{
	enum launch_result result = LAUNCH_ERROR;
	/* The caller's stack may be small. */
	AUTO_FREE struct packet *packet = malloc(sizeof(*packet));

	if (!packet) {
		err_os(err, ENOMEM, "the server's answer");
		return LAUNCH_ERROR;
	}
	switch (packet_recv(sock, PACKET_FROM_SERVER, packet, err)) {
	case PACKET_OK:
		break;
	case PACKET_EOF:
		if (unread)
			return LAUNCH_UNSEEN;
		err_set(err, ERR_NO_SPACE, "the server died before the program was started");
		return LAUNCH_ERROR;
	default:
		return LAUNCH_ERROR;
	}
	if (packet->body.h.type == WIRE_STARTED)
		result = take_started(packet, ret_launched);
	else if (packet->body.h.type == WIRE_FAILED)
		result = take_failed(&packet->body.failed, ret_kind, err);
	else if (packet->body.h.type == WIRE_LEAVING)
		result = await_leaving(sock);
	else
		err_set(err, ERR_PROTOCOL, "the server answered with message type %u",
		        packet->body.h.type);
	packet_deinit(packet);
	return result;
}

enum launch_result launch_program(int sock, const struct launch *launch,
                                  struct launched *ret_launched, int *ret_kind, struct err *err)
{
	enum packet_result sent;
	bool unread;

	*ret_kind = KIND_OUR_FAILURE;
	sent = send_launch(sock, launch, ret_kind, err);
	if (sent == PACKET_OK)
		sent = send_descriptors(sock, &launch->descriptors, err);
	if (sent == PACKET_ERROR)
		return LAUNCH_ERROR;
	/* what could not be sent was not seen either, but a server that closed may have said why */
	unread = sent == PACKET_EOF || was_left_unread(sock);
	return await_answer(sock, unread, ret_launched, ret_kind, err);
}
