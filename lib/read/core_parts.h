/*
 * core_parts.h - what the parts of the core reader share.
 */
#ifndef TPROC_READ_CORE_PARTS_H
#define TPROC_READ_CORE_PARTS_H

#include "lib/read/core.h"
#include "tproc/abi.h"

#include <libelf.h>
#include <sys/time.h>
#include <sys/user.h>

/* A PT_LOAD segment, checked: ascending, disjoint, filed <= dumped <= hi - lo. */
struct core_load {
	uint64_t lo;
	uint64_t hi;
	uint64_t offset; /* in the core */
	uint64_t dumped; /* bytes that the dump meant to have */
	uint64_t filed;  /* of these, what the core really has */
	int prot;        /* PROT_ bits */
};

enum core_path_state { CORE_PATH_NEW = 0, CORE_PATH_SOUND, CORE_PATH_REFUSED };

/* A file that was mapped. */
struct core_path {
	const char *name; /* in core->names */
	enum core_path_state state;
	bool noticed;
	int fd;        /* -1: not open now */
	uint64_t size; /* when sound */
	uint64_t used; /* when it was read last, by core->clock */
	char why[120]; /* when refused */
};

/* An entry of NT_FILE, checked: ascending, disjoint. */
struct core_range {
	uint64_t lo;
	uint64_t hi;
	uint64_t offset; /* into the file, bytes */
	size_t path;     /* index */
};

struct core_thread {
	pid_t pid; /* its process; 0: the core does not say */
	pid_t tid;
	struct user_regs_struct regs;
	uint64_t pending; /* signals, bit N-1 for N */
	uint64_t blocked;
	struct timeval user; /* processor time */
	struct timeval system;
};

struct core_view {
	struct mem mem;
	struct core *core;
};

struct core {
	char *name;
	int fd;
	uint64_t size;
	struct core_load *loads;
	size_t load_count;
	size_t load_last; /* where the last look-up ended */
	struct core_range *ranges;
	size_t range_count;
	struct core_path *paths;
	size_t path_count;
	char *names;
	struct core_thread *threads;
	size_t thread_count;
	const struct snapshot *snapshot; /* of the target; NULL before */
	uint64_t clock;
	size_t open_files;
	dev_t device; /* the last one that was asked about */
	bool device_asked;
	bool device_same; /* some file on record is still what it was there */
	bool by_gcore;
	bool has_private; /* the dump has private memory: what it omitted was not modified */
	struct core_view view;
	size_t cut_loads;   /* segments that the file ends in or before */
	size_t wrong_loads; /* impossible ones, which were left out */
	bool notes_wrong;
	unsigned noticed; /* how many kinds of damage were told */
	char notice[512];
};

/* core_notes.c: takes one PT_NOTE segment's data.  Fails for lack of memory only. */
int core_take_notes(struct core *core, Elf_Data *data, struct err *err);
/* When all are taken: puts them in order. */
int core_finish_notes(struct core *core, struct err *err);

/* The segment, and the mapped file, that cover addr; NULL when none does. */
const struct core_load *core_load_at(struct core *core, uint64_t addr);
const struct core_range *core_range_at(const struct core *core, uint64_t addr);

/* Where the first segment, or mapped file, above addr begins; UINT64_MAX when there is none. */
uint64_t core_next_load(const struct core *core, uint64_t addr);
uint64_t core_next_range(const struct core *core, uint64_t addr);

/* Reads from the core file: all, or as much as there is.  -errno. */
ssize_t core_pread(const struct core *core, void *buf, size_t len, uint64_t offset);

/* core_mem.c: memory that the dump has, without any file's. */
size_t core_read_dumped(struct core *core, uint64_t addr, void *buf, size_t len);
/*
 * The pages of [lo, hi), which lies in the segment, that the core has data for: the kernel leaves
 * holes in the file for what nobody touched.
 */
int core_each_data(const struct core *core, const struct core_load *load, uint64_t lo, uint64_t hi,
                   pages_visitor *visit, void *context, struct err *err);
void core_view_init(struct core *core);

/*
 * core_files.c: up to len bytes at an offset of a mapped file, if it is the version that was
 * mapped; 0 when it is not, or ends before.
 */
ssize_t core_read_path(struct core *core, const struct core_range *range, uint64_t offset,
                       void *buf, size_t len);
/* Which version of a file is mapped: by its build-id in the core.  Returns that length. */
uint32_t core_build_id(struct core *core, size_t path, uint8_t build_id[TP_BUILD_ID_SIZE]);
void core_close_paths(struct core *core);

/* core_maps.c */
int core_maps(struct core *core, struct maps **ret_maps, struct err *err);

#endif
