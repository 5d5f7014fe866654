#include "lib/read/maps.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

struct maps {
	pid_t pid;  /* 0: text */
	int fd;     /* /proc/PID/maps; -1 once the query is known not to work */
	char *text; /* owned; NULL: live */
};

/* ---- The query of Linux 6.11 (include/uapi/linux/fs.h), which older headers lack ---- */

struct procmap_query_arg {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_addr;
	uint64_t vma_start;
	uint64_t vma_end;
	uint64_t vma_flags;
	uint64_t vma_page_size;
	uint64_t vma_offset;
	uint64_t inode;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t vma_name_size;
	uint32_t build_id_size;
	uint64_t vma_name_addr;
	uint64_t build_id_addr;
};

#define PROCMAP_QUERY_REQUEST _IOWR('f', 17, struct procmap_query_arg)
#define QUERY_READABLE 0x01u
#define QUERY_WRITABLE 0x02u
#define QUERY_EXECUTABLE 0x04u
#define QUERY_SHARED 0x08u

/* 0 when found, else -errno; -ENOTTY when the kernel does not know the query. */
static int query(int fd, uint64_t addr, struct mapping *m)
{
	struct procmap_query_arg arg = {
		.size = sizeof(arg),
		.query_addr = addr,
		.vma_name_size = sizeof(m->path),
		.vma_name_addr = (uintptr_t)m->path,
	};

	m->path[0] = '\0';
	if (ioctl(fd, PROCMAP_QUERY_REQUEST, &arg))
		return -errno;
	m->path[sizeof(m->path) - 1] = '\0';
	m->lo = arg.vma_start;
	m->hi = arg.vma_end;
	m->prot = (arg.vma_flags & QUERY_READABLE ? PROT_READ : 0) |
	          (arg.vma_flags & QUERY_WRITABLE ? PROT_WRITE : 0) |
	          (arg.vma_flags & QUERY_EXECUTABLE ? PROT_EXEC : 0);
	m->shared = arg.vma_flags & QUERY_SHARED;
	m->offset = arg.vma_offset;
	m->dev_major = arg.dev_major;
	m->dev_minor = arg.dev_minor;
	m->ino = arg.inode;
	return 0;
}

/* ---- Text ---------------------------------------------------------------- */

/* The kernel writes a newline in a path as \012 (seq_path), and nothing else specially. */
static void copy_path(char *dst, size_t size, const char *src)
{
	size_t used = 0;

	while (*src && *src != '\n' && used < size - 1) {
		if (!strncmp(src, "\\012", 4)) {
			dst[used++] = '\n';
			src += 4;
		} else {
			dst[used++] = *src++;
		}
	}
	dst[used] = '\0';
}

int maps_parse_line(const char *line, struct mapping *ret_mapping, struct err *err)
{
	struct mapping m = {0};
	char perms[5];
	int path_at = -1;

	if (sscanf(line, "%16" SCNx64 "-%16" SCNx64 " %4s %16" SCNx64 " %8x:%8x %20" SCNu64 "%n",
	           &m.lo, &m.hi, perms, &m.offset, &m.dev_major, &m.dev_minor, &m.ino,
	           &path_at) != 7 ||
	    path_at < 0 || strlen(perms) != 4 || m.lo >= m.hi)
		return err_set(err, ERR_INVALID, "not a line of /proc/PID/maps");
	m.prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
	         (perms[2] == 'x' ? PROT_EXEC : 0);
	m.shared = perms[3] == 's';
	copy_path(m.path, sizeof(m.path), line + path_at + strspn(line + path_at, " "));
	*ret_mapping = m;
	return 0;
}

const char *mapping_perms(const struct mapping *mapping, char perms[5])
{
	perms[0] = mapping->prot & PROT_READ ? 'r' : '-';
	perms[1] = mapping->prot & PROT_WRITE ? 'w' : '-';
	perms[2] = mapping->prot & PROT_EXEC ? 'x' : '-';
	perms[3] = mapping->shared ? 's' : 'p';
	perms[4] = '\0';
	return perms;
}

static int no_mapping(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "0x%" PRIx64 ": not mapped", addr);
}

/* Looks through lines in ascending order; a line that is none is passed over. */
static int find_in_stream(FILE *stream, uint64_t addr, struct mapping *ret_mapping, struct err *err)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	struct err ignored;
	struct mapping m;

	while (getline(&line, &size, stream) > 0) {
		if (maps_parse_line(line, &m, &ignored) || addr >= m.hi)
			continue;
		if (addr < m.lo)
			break;
		*ret_mapping = m;
		return 0;
	}
	return no_mapping(addr, err);
}

/* ---- Both ---------------------------------------------------------------- */

static int find_in_proc(pid_t pid, uint64_t addr, struct mapping *ret_mapping, struct err *err)
{
	char path[64];
	FILE *stream;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	stream = fopen(path, "re");
	if (!stream)
		return err_os(err, errno, "cannot open %s", path);
	ret = find_in_stream(stream, addr, ret_mapping, err);
	fclose(stream);
	return ret;
}

static int find_in_text(char *text, uint64_t addr, struct mapping *ret_mapping, struct err *err)
{
	FILE *stream;
	int ret;

	if (!*text)
		return no_mapping(addr, err);
	stream = fmemopen(text, strlen(text), "r");
	if (!stream)
		return err_os(err, errno, "text of mappings");
	ret = find_in_stream(stream, addr, ret_mapping, err);
	fclose(stream);
	return ret;
}

int maps_find(struct maps *maps, uint64_t addr, struct mapping *ret_mapping, struct err *err)
{
	struct mapping m;
	int status;

	if (maps->text)
		return find_in_text(maps->text, addr, ret_mapping, err);
	if (maps->fd < 0)
		return find_in_proc(maps->pid, addr, ret_mapping, err);
	status = query(maps->fd, addr, &m);
	switch (status) {
	case 0:
		*ret_mapping = m;
		return 0;
	case -ENOENT:
		return no_mapping(addr, err);
	case -ESRCH:
		return err_os(err, ESRCH, "mappings of process %d", (int)maps->pid);
	case -ENOTTY:
		close(maps->fd);
		maps->fd = -1;
		break;
	default: /* a name too long, or a limit of the query: the text has none */
		break;
	}
	return find_in_proc(maps->pid, addr, ret_mapping, err);
}

static int maps_create(struct maps **ret_maps, struct err *err)
{
	struct maps *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return err_os(err, ENOMEM, "mappings");
	maps->fd = -1;
	*ret_maps = maps;
	return 0;
}

int maps_open_live(pid_t pid, struct maps **ret_maps, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	struct maps *maps = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_os(err, errno, "cannot open %s", path);
	if (maps_create(&maps, err))
		return -1;
	maps->pid = pid;
	maps->fd = TAKE_FD(fd);
	*ret_maps = maps;
	return 0;
}

int maps_open_text(const char *text, struct maps **ret_maps, struct err *err)
{
	struct maps *maps = NULL;

	if (maps_create(&maps, err))
		return -1;
	maps->text = strdup(text);
	if (!maps->text) {
		maps_close(maps);
		return err_os(err, ENOMEM, "mappings");
	}
	*ret_maps = maps;
	return 0;
}

void maps_close(struct maps *maps)
{
	if (!maps)
		return;
	if (maps->fd >= 0)
		close(maps->fd);
	free(maps->text);
	free(maps);
}
