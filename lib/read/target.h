/*
 * target.h - what is looked at: a space that lives, a core file of one, a test's own.
 */
#ifndef TPROC_READ_TARGET_H
#define TPROC_READ_TARGET_H

#include "lib/base/err.h"
#include "lib/read/capture.h"
#include "lib/read/files.h"
#include "lib/read/maps.h"
#include "lib/read/mem.h"
#include "lib/read/pages.h"
#include "lib/read/registry.h"
#include "lib/read/symcache.h"
#include "lib/read/thread_info.h"
#include "lib/read/threads.h"

struct target;
struct components;

/* What depends on the kind of target besides memory and mappings.  Any may be NULL: not known. */
struct target_ops {
	/* The threads of a threadproc.  ERR_NOT_FOUND when it is gone. */
	int (*threads)(const struct target *target, const struct reg_threadproc *tp,
	               struct threads *ret_threads, struct err *err);
	/* A thread of it, stopped for the moment that it takes; errors as capture_live has them. */
	int (*capture)(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
	               struct capture *ret_capture, struct err *err);
	/* What a thread of it does; nothing is stopped.  ERR_NOT_FOUND when it is gone. */
	int (*thread_info)(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
	                   struct thread_info *ret_info, struct err *err);
	/* As thread_asleep. */
	int (*asleep)(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
	              uint64_t *ret_ns, struct err *err);
	/* Its open descriptors: all of them, or one.  ERR_NOT_FOUND when it is not there. */
	int (*files)(const struct target *target, const struct reg_threadproc *tp,
	             struct open_files *ret_files, struct err *err);
	int (*file)(const struct target *target, const struct reg_threadproc *tp, int fd,
	            struct open_file *ret_file, struct err *err);
	/* As open_file_compare. */
	int (*compare_files)(const struct target *target, const struct reg_threadproc *tp_a,
	                     int fd_a, const struct reg_threadproc *tp_b, int fd_b, int *ret_order,
	                     struct err *err);
	/* As target_pages. */
	int (*pages)(const struct target *target, uint64_t lo, uint64_t hi, pages_visitor *visit,
	             void *context, struct err *err);
	/* pages tells what was dumped, which is not what was in memory. */
	bool dump;
	/* Releases source. */
	void (*close)(struct target *target);
};

/* Snapshot and symbols are borrowed; maps and mem belong to whoever opened the target. */
struct target {
	const struct target_ops *ops;
	const struct snapshot *snapshot;
	struct symcache *symbols;
	struct maps *maps; /* NULL: no process of the space can be looked at */
	struct mem *mem;   /* likewise */
	void *source;      /* ops' own */
	/* What was found out about the threadprocs (component.h); NULL: nothing is kept. */
	struct components *components;
};

/* ops->threads, or ERR_NOT_FOUND when threads are not known. */
int target_threads(const struct target *target, const struct reg_threadproc *tp,
                   struct threads *ret_threads, struct err *err);

/* ops->capture, or ERR_NOT_FOUND when registers are not known. */
int target_capture(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                   struct capture *ret_capture, struct err *err);

/* ops->thread_info; without it, nothing but the tid is known. */
int target_thread_info(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                       struct thread_info *ret_info, struct err *err);

/* ops->asleep, or ERR_NOT_FOUND when that is not known. */
int target_thread_asleep(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                         uint64_t *ret_ns, struct err *err);

/* ops->files, ops->file, ops->compare_files, or ERR_NOT_FOUND when that is not known. */
int target_files(const struct target *target, const struct reg_threadproc *tp,
                 struct open_files *ret_files, struct err *err);
int target_file(const struct target *target, const struct reg_threadproc *tp, int fd,
                struct open_file *ret_file, struct err *err);
int target_compare_files(const struct target *target, const struct reg_threadproc *tp_a, int fd_a,
                         const struct reg_threadproc *tp_b, int fd_b, int *ret_order,
                         struct err *err);

/*
 * The live space that the snapshot is of: by the agent, else by any threadproc that lives.  A
 * process counts only if the registry is mapped where the registry says, so that a reused
 * pid is not mistaken.  When none can be had, maps and mem stay NULL.  To be closed.
 */
void target_open_live(const struct snapshot *snapshot, struct symcache *symbols,
                      struct target *ret_target);
void target_close(struct target *target);

#endif
