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
	pid_t pid;               /* 0: a list */
	int fd;                  /* /proc/PID/maps; -1 once the query is known not to work */
	struct maps_entry *list; /* ascending and disjoint */
	size_t count;
	char *store; /* what the paths of a text point into */
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
#define QUERY_OR_NEXT 0x10u

/* 0 when found, else -errno; -ENOTTY when the kernel does not know the query. */
static int query(int fd, uint64_t addr, uint64_t flags, struct mapping *m)
{
	struct procmap_query_arg arg = {
		.size = sizeof(arg),
		.query_flags = flags,
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
	m->partial = false;
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
	perms[3] = mapping->shared ? 's' : mapping->partial ? '?' : 'p';
	perms[4] = '\0';
	return perms;
}

static int no_mapping(uint64_t addr, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "0x%" PRIx64 ": not mapped", addr);
}

/* Lines in ascending order; one that is none is passed over. */
static int each_in_stream(FILE *stream, uint64_t lo, uint64_t hi, maps_visitor *visit,
                          void *context, struct err *err)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	struct err ignored;
	struct mapping m;
	int ret = 0;

	while (!ret && getline(&line, &size, stream) > 0) {
		if (maps_parse_line(line, &m, &ignored) || m.hi <= lo)
			continue;
		if (m.lo >= hi)
			break;
		ret = visit(context, &m, err);
	}
	return ret;
}

static int each_in_text(pid_t pid, uint64_t lo, uint64_t hi, maps_visitor *visit, void *context,
                        struct err *err)
{
	char path[64];
	FILE *stream;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	stream = fopen(path, "re");
	if (!stream)
		return err_os(err, errno, "cannot open %s", path);
	ret = each_in_stream(stream, lo, hi, visit, context, err);
	fclose(stream);
	return ret;
}

/* ---- List ---------------------------------------------------------------- */

static void entry_mapping(const struct maps_entry *entry, struct mapping *m)
{
	*m = (struct mapping){
		.lo = entry->lo,
		.hi = entry->hi,
		.prot = entry->prot,
		.shared = entry->shared,
		.offset = entry->offset,
		.dev_major = entry->dev_major,
		.dev_minor = entry->dev_minor,
		.ino = entry->ino,
		.partial = entry->partial,
	};
	snprintf(m->path, sizeof(m->path), "%s", entry->path);
}

/* The first that ends above addr. */
static size_t first_above(const struct maps *maps, uint64_t addr)
{
	size_t lo = 0, hi = maps->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (maps->list[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int each_in_list(const struct maps *maps, uint64_t lo, uint64_t hi, maps_visitor *visit,
                        void *context, struct mapping *m, struct err *err)
{
	int ret = 0;

	for (size_t i = first_above(maps, lo); i < maps->count && maps->list[i].lo < hi && !ret;
	     i++) {
		entry_mapping(&maps->list[i], m);
		ret = visit(context, m, err);
	}
	return ret;
}

/* ---- Both ---------------------------------------------------------------- */

/*
 * The query for the mapping at addr, or the next one above.  0, -ENOENT when there is none,
 * or another -errno when the text has to be asked.
 */
static int ask(struct maps *maps, uint64_t addr, uint64_t flags, struct mapping *m)
{
	int status;

	if (maps->fd < 0)
		return -ENOTTY;
	status = query(maps->fd, addr, flags, m);
	if (status == -ENOTTY) {
		close(maps->fd);
		maps->fd = -1;
	}
	return status;
}

static int keep(void *context, const struct mapping *mapping, struct err *err)
{
	*(struct mapping *)context = *mapping;
	return 1;
}

static int find_live(struct maps *maps, uint64_t addr, struct mapping *ret_mapping, struct err *err)
{
	struct mapping m;
	int status = ask(maps, addr, 0, &m);
	int ret;

	if (status == -ESRCH)
		return err_os(err, ESRCH, "mappings of process %d", (int)maps->pid);
	if (status == 0) {
		*ret_mapping = m;
		return 0;
	}
	/* Else the query is not known, or met a limit (a name too long): the text has none. */
	ret = status == -ENOENT || addr == UINT64_MAX
	              ? 0
	              : each_in_text(maps->pid, addr, addr + 1, keep, ret_mapping, err);
	if (ret < 0)
		return -1;
	if (ret)
		return 0;
	return no_mapping(addr, err);
}

int maps_find(struct maps *maps, uint64_t addr, struct mapping *ret_mapping, struct err *err)
{
	size_t i;

	if (maps->pid)
		return find_live(maps, addr, ret_mapping, err);
	i = first_above(maps, addr);
	if (i == maps->count || addr < maps->list[i].lo)
		return no_mapping(addr, err);
	entry_mapping(&maps->list[i], ret_mapping);
	return 0;
}

int maps_each(struct maps *maps, uint64_t lo, uint64_t hi, maps_visitor *visit, void *context,
              struct err *err)
{
	AUTO_FREE struct mapping *m = malloc(sizeof(*m));
	int ret = 0;

	if (!m)
		return err_os(err, ENOMEM, "mappings");
	if (!maps->pid)
		return each_in_list(maps, lo, hi, visit, context, m, err);
	while (!ret && lo < hi) {
		int status = ask(maps, lo, QUERY_OR_NEXT, m);

		if (status == -ENOENT || (status == 0 && m->lo >= hi))
			return 0;
		if (status == -ESRCH)
			return err_os(err, ESRCH, "mappings of process %d", (int)maps->pid);
		if (status)
			return each_in_text(maps->pid, lo, hi, visit, context, err);
		lo = m->hi;
		ret = visit(context, m, err);
	}
	return ret;
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

/* Adds what a line says, if it is one and goes on ascending; its path stays in the line. */
static void take_line(struct maps *maps, char *line)
{
	struct mapping m;
	struct err ignored;
	char *path;

	if (maps_parse_line(line, &m, &ignored))
		return;
	if (maps->count && m.lo < maps->list[maps->count - 1].hi)
		return;
	/* The path is no longer than what it was parsed from, which ends the line. */
	path = line + strlen(line) - strlen(m.path);
	memcpy(path, m.path, strlen(m.path) + 1);
	maps->list[maps->count++] = (struct maps_entry){
		m.lo,        m.hi,   m.offset, m.ino, m.dev_major,
		m.dev_minor, m.prot, m.shared, false, path,
	};
}

int maps_open_text(const char *text, struct maps **ret_maps, struct err *err)
{
	struct maps *maps = NULL;
	size_t lines = 1;
	char *save = NULL;

	if (maps_create(&maps, err))
		return -1;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	maps->store = strdup(text);
	maps->list = calloc(lines, sizeof(*maps->list));
	if (!maps->store || !maps->list) {
		maps_close(maps);
		return err_os(err, ENOMEM, "mappings");
	}
	for (char *line = strtok_r(maps->store, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		take_line(maps, line);
	*ret_maps = maps;
	return 0;
}

int maps_open_list(const struct maps_entry *entries, size_t count, struct maps **ret_maps,
                   struct err *err)
{
	struct maps *maps = NULL;

	for (size_t i = 0; i < count; i++) {
		if (entries[i].lo >= entries[i].hi || (i && entries[i].lo < entries[i - 1].hi))
			return err_set(err, ERR_INVALID, "mappings overlap");
	}
	if (maps_create(&maps, err))
		return -1;
	maps->list = calloc(count ? count : 1, sizeof(*maps->list));
	if (!maps->list) {
		maps_close(maps);
		return err_os(err, ENOMEM, "mappings");
	}
	if (count)
		memcpy(maps->list, entries, count * sizeof(*entries));
	maps->count = count;
	*ret_maps = maps;
	return 0;
}

void maps_close(struct maps *maps)
{
	if (!maps)
		return;
	if (maps->fd >= 0)
		close(maps->fd);
	free(maps->list);
	free(maps->store);
	free(maps);
}
