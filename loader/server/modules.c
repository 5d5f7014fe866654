/*
 * The link map of a threadproc, read from its memory and published.
 *
 * In-space code, called by the dynamic linker through _dl_debug_state, only counts: odd
 * while the list changes, even when it is consistent.  The server reads the list itself,
 * believes nothing in it, and reads again when the counter moved meanwhile.
 */
#include "loader/server/threadproc.h"

#include "lib/base/cleanup.h"
#include "loader/server/debug.h"
#include "loader/server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_MODULES 4096
#define MAX_NAMESPACES 16
#define VDSO_SPAN 0x4000
/* The last one a second after the one before. */
#define LOOK_TRIES 10

/* The list while it is put together. */
struct module_list {
	struct tp_module *modules;
	struct cached_image **images; /* one for each module, counted; NULL: not identified */
	char **paths;
	uint32_t count;
	uint32_t capacity;
};

static void list_deinit(struct server *server, struct module_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->images[i])
			image_cache_put(&server->images, list->images[i]);
		free(list->paths[i]);
	}
	free(list->modules);
	free(list->images);
	free(list->paths);
}

static int grow(struct module_list *list)
{
	uint32_t capacity = list->capacity ? list->capacity * 2 : 16;
	void *modules = reallocarray(list->modules, capacity, sizeof(*list->modules));
	void *images;
	void *paths;

	if (!modules)
		return -1;
	list->modules = modules;
	images = reallocarray(list->images, capacity, sizeof(*list->images));
	if (!images)
		return -1;
	list->images = images;
	paths = reallocarray(list->paths, capacity, sizeof(*list->paths));
	if (!paths)
		return -1;
	list->paths = paths;
	list->capacity = capacity;
	return 0;
}

/* Takes the image's count over, also on failure. */
static int list_add(struct server *server, struct module_list *list, struct tp_module module,
		    struct cached_image *image, const char *path)
{
	char *copy = strdup(path);

	if (!copy || (list->count == list->capacity && grow(list))) {
		free(copy);
		if (image)
			image_cache_put(&server->images, image);
		return -1;
	}
	module.image = image ? image->index : 0;
	list->modules[list->count] = module;
	list->images[list->count] = image;
	list->paths[list->count] = copy;
	list->count++;
	return 0;
}

/* ---- publishing ------------------------------------------------------------------------ */

void modules_drop(struct server *server, uint32_t index)
{
	struct image_refs *refs = &server->image_refs[index];

	for (uint32_t i = 0; i < refs->count; i++)
		if (refs->images[i])
			image_cache_put(&server->images, refs->images[i]);
	free(refs->images);
	*refs = (struct image_refs){ 0 };
}

/* Replaces what is published; the images' counts go from the list to the record. */
static void publish(struct threadproc *tp, struct module_list *list)
{
	struct registry *registry = &tp->server->registry;
	struct tp_threadproc *record = threadproc_record(tp);

	registry_begin(registry);
	registry_seq_begin(&record->seq);
	registry_free_modules(registry, record);
	for (uint32_t i = 0; i < list->count; i++)
		list->modules[i].path = heap_put_string(&registry->heap, list->paths[i]);
	record->modules = heap_put(&registry->heap, list->modules,
				   list->count * (uint32_t)sizeof(*list->modules));
	registry_seq_end(&record->seq);
	registry_end(registry);
	modules_drop(tp->server, tp->index);
	tp->server->image_refs[tp->index] =
		(struct image_refs){ .images = list->images, .count = list->count };
	for (uint32_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->modules);
	free(list->paths);
}

static struct cached_image *share(struct cached_image *image)
{
	image->users++;
	return image;
}

static uint64_t dynamic_of(const struct cached_image *image, uint64_t bias)
{
	return image->image->dynamic ? image->image->dynamic + bias : 0;
}

static int add_program(struct threadproc *tp, struct module_list *list, uint64_t dynamic)
{
	return list_add(tp->server, list,
			(struct tp_module){ .kind = TP_MODULE_PROGRAM,
					    .bias = tp->program_bias,
					    .dynamic = dynamic },
			share(tp->image), tp->image->image->path);
}

static int add_interp(struct threadproc *tp, struct module_list *list, uint64_t dynamic,
		      uint32_t link_namespace, const char *path)
{
	return list_add(tp->server, list,
			(struct tp_module){ .kind = TP_MODULE_INTERP,
					    .link_namespace = link_namespace,
					    .bias = tp->interp_bias,
					    .dynamic = dynamic },
			share(tp->interp), path);
}

void modules_publish_first(struct threadproc *tp)
{
	struct module_list list = { 0 };

	if (add_program(tp, &list, dynamic_of(tp->image, tp->program_bias)) ||
	    (tp->interp && add_interp(tp, &list, dynamic_of(tp->interp, tp->interp_bias), 0,
				      tp->interp->image->path))) {
		list_deinit(tp->server, &list);
		return;
	}
	publish(tp, &list);
}

/* ---- reading --------------------------------------------------------------------------- */

/* A string of the space, cut at PATH_MAX.  Read page by page, since the next may be missing. */
static int read_string(struct threadproc *tp, uint64_t addr, char to[PATH_MAX])
{
	size_t done = 0;

	while (done < PATH_MAX) {
		size_t part = 4096 - (addr + done) % 4096;

		if (part > 256)
			part = 256;
		if (part > PATH_MAX - done)
			part = PATH_MAX - done;
		if (server_read_space(tp->server, addr + done, to + done, part))
			return -1;
		if (memchr(to + done, '\0', part))
			return 0;
		done += part;
	}
	to[PATH_MAX - 1] = '\0';
	return 0;
}

/* A library's file, as the process sees it: its path may be relative. */
static int open_library(const struct threadproc *tp, const char *path)
{
	AUTO_CLOSE int cwd = -1;
	AUTO_CLOSE int fd = -1;
	char proc[40];
	struct stat st;

	if (*path != '/') {
		snprintf(proc, sizeof(proc), "/proc/%d/cwd", (int)tp->pid);
		cwd = open(proc, O_PATH | O_CLOEXEC);
		if (cwd < 0)
			return -1;
	}
	fd = openat(cwd < 0 ? AT_FDCWD : cwd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	return TAKE_FD(fd);
}

/* The image of a library; NULL when its file is not, or no longer, what is mapped. */
static struct cached_image *identify(struct threadproc *tp, const struct link_map *map,
				     const char *path)
{
	struct image_cache *cache = &tp->server->images;
	AUTO_CLOSE int fd = open_library(tp, path);
	struct cached_image *image;
	struct err err;

	if (fd < 0 || image_cache_get(cache, fd, path, &image, &err))
		return NULL;
	if (dynamic_of(image, map->l_addr) == (uint64_t)map->l_ld)
		return image;
	image_cache_put(cache, image);
	return NULL;
}

static bool is_vdso(const struct threadproc *tp, const struct link_map *map)
{
	uint64_t vdso = tp->server->launch.vdso;
	uint64_t dynamic = (uint64_t)map->l_ld;

	return vdso && dynamic >= vdso && dynamic < vdso + VDSO_SPAN;
}

static int add_map(struct threadproc *tp, struct module_list *list, const struct link_map *map,
		   uint32_t link_namespace, bool first)
{
	struct tp_module module = {
		.kind = TP_MODULE_LIBRARY,
		.link_namespace = link_namespace,
		.bias = map->l_addr,
		.dynamic = (uint64_t)map->l_ld,
	};
	char path[PATH_MAX];

	if (first && !link_namespace)
		return add_program(tp, list, module.dynamic);
	if (read_string(tp, (uint64_t)map->l_name, path))
		path[0] = '\0';
	if (is_vdso(tp, map)) {
		module.kind = TP_MODULE_VDSO;
		return list_add(tp->server, list, module, NULL, path);
	}
	if (tp->interp && map->l_addr == tp->interp_bias)
		return add_interp(tp, list, module.dynamic, link_namespace, path);
	return list_add(tp->server, list, module, identify(tp, map, path), path);
}

/* One namespace's list.  A list that goes in a circle ends at MAX_MODULES. */
static int read_namespace(struct threadproc *tp, struct module_list *list, uint64_t head,
			  uint32_t link_namespace)
{
	uint64_t addr = head;

	while (addr) {
		struct link_map map;

		if (list->count == MAX_MODULES ||
		    server_read_space(tp->server, addr, &map, sizeof(map)) ||
		    add_map(tp, list, &map, link_namespace, addr == head))
			return -1;
		addr = (uint64_t)map.l_next;
	}
	return 0;
}

/* struct r_debug, and what glibc 2.35 adds to it when r_version is 2 or more. */
struct debug {
	struct r_debug base;
	uint64_t next;
};

static int read_all(struct threadproc *tp, uint64_t addr, struct module_list *list)
{
	for (uint32_t n = 0; addr && n < MAX_NAMESPACES; n++) {
		struct debug debug = { .next = 0 };

		if (server_read_space(tp->server, addr, &debug.base, sizeof(debug.base)))
			return -1;
		if (debug.base.r_version >= 2 &&
		    server_read_space(tp->server, addr, &debug, sizeof(debug)))
			return -1;
		if (read_namespace(tp, list, (uint64_t)debug.base.r_map, n))
			return -1;
		addr = debug.next;
	}
	return list->count ? 0 : -1;
}

/* What could not be read once may be readable soon: nobody rings for that. */
static void look_again(struct threadproc *tp)
{
	if (tp->phase != THREADPROC_LIVING || tp->look_tries == LOOK_TRIES)
		return;
	if (!tp->look_tries)
		log_error("the modules of threadproc %u cannot be read yet", tp->id);
	tp->look_tries++;
	loop_arm(&tp->server->loop, &tp->first_look, 1u << tp->look_tries);
}

void modules_refresh(struct threadproc *tp)
{
	const struct tp_mailbox *mailbox = mailboxes_at(&tp->server->mailboxes, tp->index);
	uint32_t seq = __atomic_load_n(&mailbox->modules_seq, __ATOMIC_ACQUIRE);
	struct tp_threadproc *record = threadproc_record(tp);
	struct module_list list = { 0 };
	uint64_t r_debug = record->r_debug ? record->r_debug : mailbox->r_debug;
	bool failed, moved;

	if ((seq & 1) || seq == tp->modules_seq)
		return;
	failed = read_all(tp, r_debug, &list);
	moved = __atomic_load_n(&mailbox->modules_seq, __ATOMIC_ACQUIRE) != seq;
	if (failed || moved) {
		list_deinit(tp->server, &list);
		/* When it moved, another ring follows. */
		if (!moved)
			look_again(tp);
		return;
	}
	tp->modules_seq = seq;
	tp->look_tries = 0;
	if (!record->r_debug) {
		registry_seq_begin(&record->seq);
		record->r_debug = r_debug;
		registry_seq_end(&record->seq);
	}
	publish(tp, &list);
	debug_tell(tp->server, WIRE_EVENT_MODULES, tp, 0);
}
