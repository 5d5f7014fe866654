/* Every way to get memory, and what a program may expect of it. */
#include "verbs.h"

#include <alloca.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define TIB ((size_t)1 << 40)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)

static char *map(void *at, size_t size, int prot, int flags)
{
	char *area = mmap(at, size, prot, flags, -1, 0);

	CHECK(area != MAP_FAILED);
	return area;
}

static int brk_moves(int argc, char **argv)
{
	char *was = sbrk(0);

	CHECK(sbrk((intptr_t)MIB) == was);
	memset(was, 1, MIB);
	CHECK(sbrk(0) == (void *)(was + MIB));
	CHECK(brk(was) == 0 && sbrk(0) == (void *)was);
	CHECK(sbrk((intptr_t)MIB) == was);
	/* what was given back comes as zeros */
	CHECK(was[4096] == 0);
	CHECK(brk(was + 100 * MIB) == 0);
	was[100 * MIB - 1] = 1;
	puts("ok");
	return 0;
}

/* A break that somebody else moves meanwhile would show. */
static int brk_alone(int argc, char **argv)
{
	char *was = sbrk(0);

	for (int i = 0; i < 2000; i++) {
		char *more = sbrk(8192);

		CHECK(more == was + (size_t)i * 8192);
		memset(more, i, 8192);
	}
	for (int i = 0; i < 2000; i++)
		CHECK(was[i * 8192] == (char)i && was[i * 8192 + 8191] == (char)i);
	puts("ok");
	return 0;
}

static int brk_limit(int argc, char **argv)
{
	const struct rlimit small = {16 * MIB, 16 * MIB};
	char *was = sbrk(0);

	CHECK(!setrlimit(RLIMIT_DATA, &small));
	CHECK(sbrk((intptr_t)(64 * MIB)) == (void *)-1 && errno == ENOMEM);
	CHECK(sbrk(0) == (void *)was);
	puts("ok");
	return 0;
}

static int remap(int argc, char **argv)
{
	char *area = map(NULL, 4 * MIB, READ_WRITE, ANONYMOUS);
	char *grown;
	char *fixed;

	area[4 * MIB - 1] = 7;
	grown = mremap(area, 4 * MIB, 64 * MIB, MREMAP_MAYMOVE);
	CHECK(grown != MAP_FAILED && grown[4 * MIB - 1] == 7);
	grown[64 * MIB - 1] = 8;
	CHECK(mremap(grown, 64 * MIB, MIB, 0) == (void *)grown);
	fixed = map(NULL, 2 * MIB, PROT_NONE, ANONYMOUS);
	grown[0] = 9;
	CHECK(mremap(grown, MIB, MIB, MREMAP_MAYMOVE | MREMAP_FIXED, fixed) == (void *)fixed);
	CHECK(fixed[0] == 9);
	CHECK(mremap(fixed, MIB, 0, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap((void *)4096, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	puts("ok");
	return 0;
}

static int dontunmap(int argc, char **argv)
{
	char *area = map(NULL, MIB, READ_WRITE, ANONYMOUS);
	char *moved;

	area[0] = 3;
	moved = mremap(area, MIB, MIB, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(moved != MAP_FAILED && moved != area && moved[0] == 3 && area[0] == 0);
	puts("ok");
	return 0;
}

static int noreplace(int argc, char **argv)
{
	char *area = map(NULL, MIB, READ_WRITE, ANONYMOUS);

	CHECK(mmap(area, 4096, PROT_READ, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED);
	CHECK(errno == EEXIST);
	CHECK(!munmap(area, MIB));
	CHECK(map(area, MIB, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE) == area);
	CHECK(map(area, MIB, PROT_READ, ANONYMOUS | MAP_FIXED) == area);
	puts("ok");
	return 0;
}

static int hint(int argc, char **argv)
{
	char *area = map(NULL, MIB, READ_WRITE, ANONYMOUS);

	CHECK(!munmap(area, MIB));
	CHECK(map(area, MIB, READ_WRITE, ANONYMOUS) == area);
	/* taken: somewhere else */
	CHECK(map(area, MIB, READ_WRITE, ANONYMOUS) != area);
	/* as Go asks for its arenas; the hint may be refused, the mapping not */
	map((void *)0xc000000000, 64 * MIB, READ_WRITE, ANONYMOUS)[5] = 1;
	puts("ok");
	return 0;
}

static int low(int argc, char **argv)
{
	char *area = mmap(NULL, MIB, READ_WRITE, ANONYMOUS | MAP_32BIT, -1, 0);

	CHECK(area != MAP_FAILED);
	area[0] = 1;
	puts((uintptr_t)area + MIB <= UINT64_C(0x80000000) ? "below 2 GiB" : "above 2 GiB");
	return 0;
}

static int huge(int argc, char **argv)
{
	char *area = map(NULL, 16 * MIB, READ_WRITE, ANONYMOUS);
	void *aligned;

	printf("advice %d\n", madvise(area, 16 * MIB, MADV_HUGEPAGE));
	memset(area, 1, 16 * MIB);
	CHECK(!posix_memalign(&aligned, 2 * MIB, 8 * MIB));
	memset(aligned, 2, 8 * MIB);
	/* none are reserved as a rule: the same error then */
	area = mmap(NULL, 2 * MIB, READ_WRITE, ANONYMOUS | MAP_HUGETLB, -1, 0);
	printf("hugetlb %s\n", area == MAP_FAILED ? strerror(errno) : "mapped");
	return 0;
}

static int reserve(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoull(argv[1], NULL, 0) * GIB : TIB;
	char *area = map(NULL, size, PROT_NONE, ANONYMOUS | MAP_NORESERVE);

	CHECK(!mprotect(area + size / 2, MIB, READ_WRITE));
	memset(area + size / 2, 1, MIB);
	CHECK(!munmap(area, size));
	puts("ok");
	return 0;
}

static int locks(int argc, char **argv)
{
	char *area = map(NULL, 32 * 1024, READ_WRITE, ANONYMOUS);
	const struct rlimit small = {16 * 1024, 16 * 1024};

	CHECK(!mlock(area, 16 * 1024) && !munlock(area, 16 * 1024));
	CHECK(!mlock2(area, 4096, MLOCK_ONFAULT) && !munlock(area, 4096));
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &small));
	printf("%d\n", mlock(area, 32 * 1024) ? errno : 0);
	return 0;
}

static int lock_all(int argc, char **argv)
{
	printf("%d\n", mlockall(MCL_CURRENT | MCL_FUTURE) ? errno : 0);
	printf("%d\n", munlockall() ? errno : 0);
	return 0;
}

static int memfd(int argc, char **argv)
{
	int fd = memfd_create("file", MFD_ALLOW_SEALING);
	char *shared;
	char *again;

	CHECK(fd >= 0 && !ftruncate(fd, (off_t)MIB));
	shared = mmap(NULL, MIB, READ_WRITE, MAP_SHARED, fd, 0);
	again = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(shared != MAP_FAILED && again != MAP_FAILED && shared != again);
	shared[1000] = 5;
	CHECK(again[1000] == 5);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 && ftruncate(fd, 0) < 0);
	puts("ok");
	return 0;
}

static int sysv(int argc, char **argv)
{
	int id = shmget(IPC_PRIVATE, MIB, 0600 | IPC_CREAT);
	char *first = shmat(id, NULL, 0);
	char *second = shmat(id, NULL, SHM_RDONLY);

	CHECK(first != (void *)-1 && second != (void *)-1);
	CHECK(!shmctl(id, IPC_RMID, NULL));
	first[9] = 4;
	CHECK(second[9] == 4 && !shmdt(first) && !shmdt(second));
	puts("ok");
	return 0;
}

static bool deeper(size_t left)
{
	volatile char *frame = alloca(16 * 1024);

	frame[0] = 1;
	return left > 16 * 1024 ? deeper(left - 16 * 1024) && frame[0] : true;
}

/* As deep as the limit allows, but for what the start has used. */
static int deep(int argc, char **argv)
{
	struct rlimit limit;

	CHECK(!getrlimit(RLIMIT_STACK, &limit));
	CHECK(deeper(limit.rlim_cur - 256 * 1024));
	puts("ok");
	return 0;
}

static int executable(int argc, char **argv)
{
	static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42,%eax; ret */
	char *area = map(NULL, 4096, READ_WRITE, ANONYMOUS);

	memcpy(area, code, sizeof(code));
	CHECK(!mprotect(area, 4096, PROT_READ | PROT_EXEC));
	printf("%d\n", ((int (*)(void))area)());
	return 0;
}

/* The same function of the kernel by the general entry of libc. */
static int raw(int argc, char **argv)
{
	long area = syscall(SYS_mmap, NULL, MIB, READ_WRITE, ANONYMOUS, -1, 0);

	CHECK(area > 0);
	*(char *)area = 1;
	CHECK(!syscall(SYS_munmap, area, MIB));
	CHECK(syscall(SYS_mmap, NULL, 0, READ_WRITE, ANONYMOUS, -1, 0) == -1 && errno == EINVAL);
	CHECK(mmap(NULL, 4096, READ_WRITE, MAP_PRIVATE, -1, 0) == MAP_FAILED && errno == EBADF);
	CHECK(mmap((void *)1, 4096, READ_WRITE, ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED);
	CHECK(munmap((void *)1, 4096) && errno == EINVAL);
	CHECK(mmap(NULL, SIZE_MAX / 2, PROT_READ, ANONYMOUS, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	puts("ok");
	return 0;
}

static int grows_down(int argc, char **argv)
{
	char *area =
		mmap(NULL, 64 * 1024, READ_WRITE, ANONYMOUS | MAP_GROWSDOWN | MAP_STACK, -1, 0);

	CHECK(area != MAP_FAILED);
	area[0] = 1;
	puts("ok");
	return 0;
}

static const struct verb verbs[] = {
	{"brk", brk_moves},
	{"brk-alone", brk_alone},
	{"brk-limit", brk_limit},
	{"remap", remap},
	{"dontunmap", dontunmap},
	{"noreplace", noreplace},
	{"hint", hint},
	{"low", low},
	{"huge", huge},
	{"reserve", reserve},
	{"lock", locks},
	{"lock-all", lock_all},
	{"memfd", memfd},
	{"sysv", sysv},
	{"deep", deep},
	{"executable", executable},
	{"raw", raw},
	{"grows-down", grows_down},
};

VERBS_MAIN(verbs)
