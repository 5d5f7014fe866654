/* Everything that tells a program of something: signals, timers, queues of events. */
#include "verbs.h"

#include <aio.h>
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

static void note(int signo)
{
	caught = signo;
}

static int signal_fd(int argc, char **argv)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	CHECK(!kill(getpid(), SIGUSR1) && read(fd, &info, sizeof(info)) == sizeof(info));
	printf("signal %u from itself %d\n", info.ssi_signo, (int)info.ssi_pid == getpid());
	return 0;
}

static int timer_fd(int argc, char **argv)
{
	const struct itimerspec soon = {.it_value = {0, 1000000}, .it_interval = {0, 1000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t sum = 0;

	CHECK(fd >= 0 && !timerfd_settime(fd, 0, &soon, NULL));
	while (sum < 5) {
		uint64_t ticks;

		CHECK(read(fd, &ticks, sizeof(ticks)) == sizeof(ticks));
		sum += ticks;
	}
	puts("ok");
	return 0;
}

static int epoll(int argc, char **argv)
{
	int queue = epoll_create1(EPOLL_CLOEXEC);
	int fd = eventfd(0, EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = 77};

	CHECK(queue >= 0 && fd >= 0 && !epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event));
	CHECK(epoll_wait(queue, &event, 1, 0) == 0);
	CHECK(!eventfd_write(fd, 3));
	CHECK(epoll_wait(queue, &event, 1, -1) == 1);
	printf("event %u\n", event.data.u32);
	return 0;
}

/* The rings are mapped by the program; a no-op and a read go through them. */
static int uring(int argc, char **argv)
{
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	struct io_uring_sqe *entries;
	char *ring;
	unsigned *tail;
	char text[8] = "";
	int file = memfd_create("file", 0);

	if (fd < 0) {
		printf("io_uring_setup: %s\n", strerror(errno));
		return 0;
	}
	CHECK(params.features & IORING_FEAT_SINGLE_MMAP);
	CHECK(write(file, "content", 7) == 7);
	ring = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
	            PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
	               MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	CHECK(ring != MAP_FAILED && (void *)entries != MAP_FAILED);
	tail = (unsigned *)(ring + params.sq_off.tail);
	entries[0] = (struct io_uring_sqe){.opcode = IORING_OP_READ,
	                                   .fd = file,
	                                   .len = 7,
	                                   .addr = (uintptr_t)text,
	                                   .user_data = 5};
	*(unsigned *)(ring + params.sq_off.array) = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	CHECK(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
	printf("read '%s': %d\n", text, ((struct io_uring_cqe *)(ring + params.cq_off.cqes))->res);
	return 0;
}

static int interval(int argc, char **argv)
{
	const struct itimerval soon = {.it_value = {0, 1000}};
	sigset_t none;

	signal(SIGALRM, note);
	sigemptyset(&none);
	CHECK(!setitimer(ITIMER_REAL, &soon, NULL));
	while (caught != SIGALRM)
		;
	signal(SIGPROF, note);
	CHECK(!setitimer(ITIMER_PROF, &soon, NULL));
	while (caught != SIGPROF)
		;
	signal(SIGVTALRM, note);
	CHECK(!setitimer(ITIMER_VIRTUAL, &soon, NULL));
	while (caught != SIGVTALRM)
		;
	puts("ok");
	return 0;
}

static volatile int fired;

static void in_thread(union sigval value)
{
	fired = value.sival_int;
}

static int timers(int argc, char **argv)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD,
	                         .sigev_notify_function = in_thread,
	                         .sigev_value.sival_int = 6};
	const struct itimerspec soon = {.it_value = {0, 1000000}};
	timer_t timer;

	CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer) &&
	      !timer_settime(timer, 0, &soon, NULL));
	while (!fired)
		sched_yield();
	event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	signal(SIGRTMIN, note);
	CHECK(!timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer));
	CHECK(!timer_settime(timer, 0, &soon, NULL));
	while (caught != SIGRTMIN)
		;
	printf("thread %d\n", fired);
	return 0;
}

static sigjmp_buf back;

static void recover(int signo, siginfo_t *info, void *context)
{
	printf("signal %d at %p, context %d\n", signo, info->si_addr, context != NULL);
	siglongjmp(back, 1);
}

/* A handler of the program's own, on a stack of its own, goes on after a fault. */
static int faults(int argc, char **argv)
{
	stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
	struct sigaction action = {.sa_sigaction = recover, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	CHECK(!sigaltstack(&stack, NULL));
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < 3; i++) {
		if (!sigsetjmp(back, 1))
			*(volatile int *)0x1230 = 1;
	}
	return 0;
}

/* The handler repairs what was wrong, and the instruction is made again. */
static void *page;

static void repair(int signo, siginfo_t *info, void *context)
{
	caught++;
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static int repairs(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};

	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	for (int i = 0; i < 10; i++) {
		CHECK(!mprotect(page, 4096, PROT_READ));
		*(volatile char *)page = 1;
	}
	printf("caught %d\n", caught);
	return 0;
}

static int waits(int argc, char **argv)
{
	union sigval value = {.sival_int = 12};
	siginfo_t info;
	sigset_t set;
	sigset_t pending;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(!sigqueue(getpid(), SIGRTMIN + 2, value) && !raise(SIGINT));
	CHECK(!sigpending(&pending));
	printf("pending %d %d\n", sigismember(&pending, SIGINT), sigismember(&pending, SIGTERM));
	CHECK(sigwaitinfo(&set, &info) == SIGINT);
	CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 2);
	printf("value %d\n", info.si_value.sival_int);
	return 0;
}

static int told[2];

static void tell(int signo)
{
	CHECK(write(told[1], "x", 1) == 1);
}

static int restarts(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = note};
	const struct itimerval soon = {.it_value = {0, 20000}};
	char byte;
	int ends[2];

	CHECK(!pipe(ends) && !pipe(told) && !sigaction(SIGALRM, &action, NULL));
	CHECK(!setitimer(ITIMER_REAL, &soon, NULL));
	printf("read %zd", read(ends[0], &byte, 1));
	printf(" %s\n", strerror(errno));
	action = (struct sigaction){.sa_handler = tell, .sa_flags = SA_RESTART};
	CHECK(!sigaction(SIGALRM, &action, NULL) && !setitimer(ITIMER_REAL, &soon, NULL));
	if (fork() == 0) {
		CHECK(read(told[0], &byte, 1) == 1);
		_exit(write(ends[1], "x", 1) != 1);
	}
	printf("read %zd\n", read(ends[0], &byte, 1));
	wait(NULL);
	return 0;
}

static int watches(int argc, char **argv)
{
	char events[4096];
	int fd = inotify_init1(IN_CLOEXEC);

	CHECK(fd >= 0 && inotify_add_watch(fd, ".", IN_CREATE) >= 0);
	close(creat("created", 0600));
	CHECK(read(fd, events, sizeof(events)) > 0);
	printf("%s\n", ((struct inotify_event *)events)->name);
	return unlink("created");
}

static int asynchronous(int argc, char **argv)
{
	char text[8] = "";
	int fd = memfd_create("file", 0);
	struct aiocb block = {.aio_fildes = fd, .aio_buf = text, .aio_nbytes = 7};
	const struct aiocb *list[] = {&block};

	CHECK(write(fd, "content", 7) == 7 && !aio_read(&block));
	CHECK(!aio_suspend(list, 1, NULL));
	printf("%zd %s\n", aio_return(&block), text);
	return 0;
}

static int queues(int argc, char **argv)
{
	struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 16};
	char name[64];
	char text[16] = "";
	mqd_t queue;

	snprintf(name, sizeof(name), "/fidelity-%d", getpid());
	queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	CHECK(queue >= 0 && !mq_unlink(name));
	CHECK(!mq_send(queue, "message", 8, 1) && mq_receive(queue, text, 16, NULL) == 8);
	puts(text);
	return 0;
}

/* A filter of its own: uname is refused from then on, everything else goes through. */
static int filters(int argc, char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};
	char buffer[512];

	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	printf("uname %ld", syscall(SYS_uname, buffer));
	printf(" %s\n", strerror(errno));
	CHECK(malloc(10 << 20));
	printf("fork %d\n", fork() ? wait(NULL) > 0 : 0);
	return 0;
}

static int strict(int argc, char **argv)
{
	static const char text[] = "strict\n";

	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	syscall(SYS_write, 1, text, sizeof(text) - 1);
	syscall(SYS_getpid);
	return 0;
}

static void count_one(int signo)
{
	fired++;
}

/* Counts a signal that comes to its group; a line for each. */
static int group(int argc, char **argv)
{
	sigset_t none;
	sigset_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&none);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR1, count_one);
	signal(SIGTERM, note);
	puts("ready");
	while (caught != SIGTERM)
		sigsuspend(&none);
	printf("counted %d\n", fired);
	return 0;
}

/* ---- calls that are dispatched to a handler ----------------------------------------------- */

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static volatile char dispatched;
static volatile sig_atomic_t caught_calls;

static void take_call(int signo, siginfo_t *info, void *context)
{
	dispatched = 0;
	caught_calls++;
}

struct range {
	unsigned long start;
	unsigned long size;
};

/* The text of the C library. */
static int find_libc(struct dl_phdr_info *info, size_t size, void *to)
{
	struct range *range = to;

	if (!strstr(info->dlpi_name, "libc.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X)
			*range = (struct range){info->dlpi_addr + segment->p_vaddr,
			                        segment->p_memsz};
	}
	return 1;
}

/* All calls go to the handler, but those that the C library makes. */
static int dispatches(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = take_call, .sa_flags = SA_SIGINFO};
	struct range libc = {0};
	char link[8];

	CHECK(!sigaction(SIGSYS, &action, NULL));
	CHECK(dl_iterate_phdr(find_libc, &libc) == 1);
	CHECK(!prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, libc.start, libc.size, &dispatched));
	dispatched = 1;
	getpid();
	dispatched = 0;
	printf("getpid: %d\n", (int)caught_calls);
	dispatched = 1;
	/* what it returns is whatever the handler has left */
	(void)!readlink("/proc/self/cwd", link, sizeof(link));
	dispatched = 0;
	printf("readlink: %d\n", (int)caught_calls);
	return 0;
}

static const struct verb verbs[] = {
	{"signalfd", signal_fd}, {"timerfd", timer_fd},    {"epoll", epoll},
	{"io-uring", uring},     {"setitimer", interval},  {"timer", timers},
	{"fault", faults},       {"repair", repairs},      {"sigwait", waits},
	{"restart", restarts},   {"inotify", watches},     {"aio", asynchronous},
	{"mqueue", queues},      {"seccomp", filters},     {"strict", strict},
	{"group", group},        {"dispatch", dispatches},
};

VERBS_MAIN(verbs)
