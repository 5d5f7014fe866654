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

static int fault(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "cannot read memory at 0x%" PRIx64, addr);
}

void mem_close(struct mem *mem)
{
	if (mem)
		mem->ops->close(mem);
}

int mem_read(struct mem *mem, uint64_t addr, void *buf, size_t len, struct err *err)
{
	uint64_t end;

	if (!len)
		return 0;
	if (__builtin_add_overflow(addr, len, &end))
		return fault(addr, err);
	return mem->ops->read(mem, addr, buf, len, err);
}

/* ---- A live process ------------------------------------------------------ */

struct mem_live {
	struct mem mem;
	pid_t pid;
	int fd; /* /proc/PID/mem once it was needed, else -1 */
};

/* As much as can be read at once; -errno when nothing can. */
static ssize_t live_read_some(struct mem_live *live, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = {buf, len};
	/* An address of another address space: never dereferenced here. */
	struct iovec remote = {(void *)(uintptr_t)addr, len};
	char path[64];
	ssize_t got;

	if (live->fd < 0) {
		got = process_vm_readv(live->pid, &local, 1, &remote, 1, 0);
		if (got >= 0 || (errno != ENOSYS && errno != EPERM))
			return got < 0 ? -errno : got;
		snprintf(path, sizeof(path), "/proc/%d/mem", (int)live->pid);
		live->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (live->fd < 0)
			return -errno;
	}
	if (addr > INT64_MAX)
		return -EFAULT;
	got = pread(live->fd, buf, len, (off_t)addr);
	return got < 0 ? -errno : got;
}

static int live_read(struct mem *mem, uint64_t addr, void *buf, size_t len, struct err *err)
{
	struct mem_live *live = (struct mem_live *)mem;
	size_t done = 0;

	while (done < len) {
		size_t want = len - done;
		ssize_t got;

		if (want > SSIZE_MAX / 2)
			want = SSIZE_MAX / 2;
		got = live_read_some(live, addr + done, (char *)buf + done, want);
		if (got == -EINTR)
			continue;
		if (got == 0 || got == -EFAULT || got == -EIO)
			return fault(addr + done, err);
		if (got < 0)
			return err_os(err, (int)-got,
			              "cannot read memory of process %d at 0x%" PRIx64,
			              (int)live->pid, addr + done);
		done += (size_t)got;
	}
	return 0;
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
	static const struct mem_ops ops = {live_read, live_close};
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

static int runs_read(struct mem *mem, uint64_t addr, void *buf, size_t len, struct err *err)
{
	const struct mem_runs *m = (const struct mem_runs *)mem;
	size_t done = 0;

	while (done < len) {
		const struct mem_bytes *run = run_at(m, addr + done);
		size_t skip, part;

		if (!run)
			return fault(addr + done, err);
		skip = (size_t)(addr + done - run->addr);
		part = run->len - skip < len - done ? run->len - skip : len - done;
		memcpy((char *)buf + done, (const char *)run->bytes + skip, part);
		done += part;
	}
	return 0;
}

static void runs_close(struct mem *mem)
{
	free(mem);
}

int mem_open_bytes(const struct mem_bytes *runs, size_t count, struct mem **ret_mem,
                   struct err *err)
{
	static const struct mem_ops ops = {runs_read, runs_close};
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
