/*
 * registry.h - the registry of a space, read from outside.
 *
 * A registry is opened from a live space or from bytes (of a core file, of a test); a
 * snapshot is a consistent, checked copy of what it says.  The memory is shared with the
 * server, and nothing in it is believed: everything is copied once and the copy is checked.
 * A record that is wrong in part has that part emptied and a reason; the others are read.
 */
#ifndef TPROC_READ_REGISTRY_H
#define TPROC_READ_REGISTRY_H

#include "lib/base/err.h"
#include "tproc/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry;

/*
 * Opens the registry of the space (a name that space_name_choose accepted).  ERR_NO_SPACE
 * when there is no such space or its server is gone, ERR_REGISTRY when what is there is no
 * registry of a known version.
 */
int registry_open_space(const char *space, struct registry **ret_registry, struct err *err);

/*
 * Opens the registry behind a descriptor of a regular file, which stays the caller's.  It is
 * mapped when it cannot shrink (F_SEAL_SHRINK), else copied.
 */
int registry_open_fd(int fd, struct registry **ret_registry, struct err *err);

/* A copy of the bytes.  ERR_REGISTRY when they are no registry. */
int registry_from_bytes(const void *bytes, size_t len, struct registry **ret_registry,
                        struct err *err);

/* The bytes themselves, which malloc gave: the registry's from now on, even after a failure. */
int registry_take_bytes(void *bytes, size_t len, struct registry **ret_registry, struct err *err);

void registry_close(struct registry *registry);

/* The file of a space's registry, the caller's; ERR_NO_SPACE as above. */
int registry_open_file(const char *space, int *ret_fd, struct err *err);

/* ---- Snapshot ------------------------------------------------------------ */

#define REG_PROBLEM_SIZE 112

/* What may be wrong with a record. */
struct reg_health {
	bool unstable;                  /* it was being written whenever it was looked at */
	char problem[REG_PROBLEM_SIZE]; /* the first thing found wrong, else empty */
};

struct reg_module {
	struct tp_module abi; /* image is 0 or the index of a sound image */
	char *path;           /* never NULL */
};

struct reg_fd {
	struct tp_fd abi;
	char *target; /* never NULL */
};

/*
 * abi is the record's checked copy: name is terminated, ranges have lo <= hi, the first
 * run_count runs are disjoint and within the granule table, images are 0 or sound.
 */
struct reg_threadproc {
	struct tp_threadproc abi;
	struct reg_health health;
	char *exe; /* NULL when it cannot be had, like the next */
	char *cwd;
	char **argv; /* NULL-terminated, argc strings */
	size_t argc;
	struct reg_module *modules;
	size_t module_count;
	struct reg_fd *fds;
	size_t fd_count;
	struct tp_crash *crash; /* NULL: none; lengths in it are in range */
};

/* abi is the checked copy: build_id_len is in range, spans have lo <= hi. */
struct reg_image {
	struct tp_image abi;
	struct reg_health health;
	char *path; /* NULL: the record is not in use, or broken */
};

struct reg_name {
	struct tp_name abi; /* name and type are terminated */
	struct reg_health health;
	const struct reg_threadproc *owner; /* NULL when it is gone */
};

/* Tables are indexed as the registry's own are; entry 0 is never in use. */
struct snapshot {
	struct tp_registry header;          /* checked; space is terminated */
	bool consistent;                    /* nothing was written while the whole was read */
	struct reg_threadproc *threadprocs; /* state TP_STATE_NONE: not in use */
	size_t threadproc_count;
	struct reg_image *images;
	size_t image_count;
	struct reg_name *names; /* those in use, in the registry's order */
	size_t name_count;
	struct tp_granule *granules;
	size_t granule_count;
	struct tp_fixed *fixed;
	size_t fixed_count;
};

/* Fails for lack of memory, or with ERR_REGISTRY when the header became invalid. */
int registry_snapshot(const struct registry *registry, struct snapshot **ret_snapshot,
                      struct err *err);
void snapshot_destroy(struct snapshot *snapshot);

/* NULL for 0, an index out of range, and a record not in use. */
const struct reg_image *snapshot_image(const struct snapshot *snapshot, uint32_t index);

/* Whether the threadproc still lives in the space. */
bool reg_threadproc_lives(const struct reg_threadproc *tp);

/* "running" and so on; "unknown" for a state that this version does not know. */
const char *reg_state_name(uint32_t state);

/* ---- Owners -------------------------------------------------------------- */

enum owner_kind {
	OWNER_NONE = 0, /* outside every slot */
	OWNER_LIVE,     /* a threadproc that lives */
	OWNER_EXITED,   /* its memory goes, or is in quarantine; tp is NULL when its record serves another now */
	OWNER_TOOLKIT,  /* the server's and the agent's own ranges */
};

struct owner {
	enum owner_kind kind;
	const struct reg_threadproc *tp;
	uint64_t lo; /* the stretch of slot, or the range, that addr lies in; 0,0 for none */
	uint64_t hi;
};

/* Whose address that is: by the granule table, then by the fixed ranges. */
struct owner registry_owner(const struct snapshot *snapshot, uint64_t addr);

#endif
