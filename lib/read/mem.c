#include "lib/read/mem.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE UINT64_C(4096)

static int fault(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "cannot read memory at 0x%" PRIx64, addr);
}

void mem_close(struct mem *mem)
{
	if (mem)
		mem->ops->close(mem);
}

uint64_t mem_next(struct mem *mem, uint64_t addr)
{
	uint64_t page = addr | (PAGE - 1);

	if (mem->ops->next)
		return mem->ops->next(mem, addr);
	return page < UINT64_MAX ? page + 1 : page;
}

/* Reads until len bytes are there or nothing more is. */
static int read_up_to(struct mem *mem, uint64_t addr, char *buf, size_t len, size_t *ret_got,
                      struct err *err)
{
	uint64_t end;
	size_t done = 0;

	if (__builtin_add_overflow(addr, len, &end))
		len = (size_t)(UINT64_MAX - addr);
	while (done < len) {
		ssize_t got = mem->ops->read(mem, addr + done, buf + done, len - done);

		if (got == -EINTR)
			continue;
		if (got < 0)
			return err_os(err, (int)-got, "cannot read memory at 0x%" PRIx64,
			              addr + done);
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_got = done;
	return 0;
}

int mem_read_some(struct mem *mem, uint64_t addr, void *buf, size_t len, size_t *ret_got,
                  struct err *err)
{
	return read_up_to(mem, addr, buf, len, ret_got, err);
}

int mem_read(struct mem *mem, uint64_t addr, void *buf, size_t len, struct err *err)
{
	size_t got;

	if (read_up_to(mem, addr, buf, len, &got, err))
		return -1;
	return got == len ? 0 : fault(addr + got, err);
}

int mem_read_string(struct mem *mem, uint64_t addr, char *buf, size_t size, bool *ret_whole,
                    struct err *err)
{
	enum { STEP = 256 };
	size_t used = 0;
	bool whole = false;

	while (used < size - 1 && !whole) {
		size_t want = size - 1 - used < STEP ? size - 1 - used : STEP;
		size_t got;

		if (mem_read_some(mem, addr + used, buf + used, want, &got, err))
			return -1;
		whole = memchr(buf + used, '\0', got);
		used += got;
		if (got < want)
			break;
	}
	if (!used && size > 1)
		return fault(addr, err);
	buf[used] = '\0';
	*ret_whole = whole;
	return 0;
}

/* ---- A live process ------------------------------------------------------ */

struct mem_live {
	struct mem mem;
	pid_t pid;
	int fd; /* /proc/PID/mem once it was needed, else -1 */
};

static ssize_t live_read_file(struct mem_live *live, uint64_t addr, void *buf, size_t len)
{
	ssize_t got;

	if (addr > INT64_MAX)
		return 0;
	got = pread(live->fd, buf, len, (off_t)addr);
	if (got < 0 && errno == EIO)
		return 0;
	return got < 0 ? -errno : got;
}

static ssize_t live_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	struct mem_live *live = (struct mem_live *)mem;
	struct iovec local = {buf, len < SSIZE_MAX / 2 ? len : SSIZE_MAX / 2};
	/* An address of another address space: never dereferenced here. */
	struct iovec remote = {(void *)(uintptr_t)addr, local.iov_len};
	char path[64];
	ssize_t got;

	if (live->fd >= 0)
		return live_read_file(live, addr, buf, local.iov_len);
	got = process_vm_readv(live->pid, &local, 1, &remote, 1, 0);
	if (got < 0 && errno == EFAULT)
		return 0;
	if (got >= 0 || (errno != ENOSYS && errno != EPERM))
		return got < 0 ? -errno : got;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)live->pid);
	live->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (live->fd < 0)
		return -errno;
	return live_read_file(live, addr, buf, local.iov_len);
}

static void live_close(struct mem *mem)
{
	struct mem_live *live = (struct mem_live *)mem;

	if (live->fd >= 0)
		close(live->fd);
	free(live);
}

int mem_open_live(pid_t pid, struct mem **ret_mem, struct err *err)
{
	static const struct mem_ops ops = {.read = live_read, .close = live_close};
	struct mem_live *live = calloc(1, sizeof(*live));

	if (!live)
		return err_os(err, ENOMEM, "memory of process %d", (int)pid);
	live->mem.ops = &ops;
	live->pid = pid;
	live->fd = -1;
	*ret_mem = &live->mem;
	return 0;
}

/* ---- Bytes --------------------------------------------------------------- */

struct mem_runs {
	struct mem mem;
	size_t count;
	struct mem_bytes runs[];
};

static const struct mem_bytes *run_at(const struct mem_runs *m, uint64_t addr)
{
	for (size_t i = 0; i < m->count; i++) {
		if (addr >= m->runs[i].addr && addr - m->runs[i].addr < m->runs[i].len)
			return &m->runs[i];
	}
	return NULL;
}

static ssize_t runs_read(struct mem *mem, uint64_t addr, void *buf, size_t len)
{
	const struct mem_bytes *run = run_at((const struct mem_runs *)mem, addr);
	size_t skip, part;

	if (!run)
		return 0;
	skip = (size_t)(addr - run->addr);
	part = run->len - skip < len ? run->len - skip : len;
	memcpy(buf, (const char *)run->bytes + skip, part);
	return (ssize_t)part;
}

static uint64_t runs_next(struct mem *mem, uint64_t addr)
{
	const struct mem_runs *m = (const struct mem_runs *)mem;
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < m->count; i++) {
		if (m->runs[i].addr > addr && m->runs[i].addr < next)
			next = m->runs[i].addr;
	}
	return next;
}

static void runs_close(struct mem *mem)
{
	free(mem);
}

int mem_open_bytes(const struct mem_bytes *runs, size_t count, struct mem **ret_mem,
                   struct err *err)
{
	static const struct mem_ops ops = {
		.read = runs_read, .next = runs_next, .close = runs_close};
	struct mem_runs *m = calloc(1, sizeof(*m) + count * sizeof(*runs));

	if (!m)
		return err_os(err, ENOMEM, "memory of bytes");
	m->mem.ops = &ops;
	m->count = count;
	if (count)
		memcpy(m->runs, runs, count * sizeof(*runs));
	*ret_mem = &m->mem;
	return 0;
}
