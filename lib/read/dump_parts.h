/*
 * dump_parts.h - what the parts of dump.h share.
 */
#ifndef TPROC_READ_DUMP_PARTS_H
#define TPROC_READ_DUMP_PARTS_H

#include "lib/read/dump.h"

#include <elf.h>
#include <stdio.h>
#include <sys/procfs.h>

#define DUMP_PAGE UINT64_C(4096)

/* Memory that is copied: [lo, hi) of the segment that it lies in. */
struct dump_run {
	uint64_t lo;
	uint64_t hi;
};

/* A PT_LOAD.  Without runs, the file has nothing of it. */
struct dump_segment {
	uint64_t lo;
	uint64_t hi;
	int prot;
	bool registry;   /* comes from registry_fd, if that is there */
	size_t run;      /* index of the first */
	size_t runs;     /* of these */
	uint64_t offset; /* in the file */
};

/* A line of NT_FILE. */
struct dump_file {
	uint64_t lo;
	uint64_t hi;
	uint64_t offset;
	char *path;
};

/* A thread as its notes have it.  Those of a crash come from the crash record. */
struct dump_thread {
	struct capture capture;
	struct thread_info info;
	bool crashed;
};

struct dump {
	const struct target *target;
	const struct reg_threadproc *tp;
	int registry_fd;
	struct dump_segment *segments; /* ascending */
	size_t segment_count;
	size_t segment_room;
	struct dump_run *runs;
	size_t run_count;
	size_t run_room;
	struct dump_file *files; /* ascending */
	size_t file_count;
	size_t file_room;
	struct dump_thread *threads; /* the one that crashed first, else the main thread */
	size_t thread_count;
	uint64_t bytes;
	char *notes;
	size_t notes_size;
};

/* dump_plan.c: segments, runs, files. */
int dump_plan(struct dump *dump, struct err *err);

/* dump_threads.c: captures them. */
int dump_take_threads(struct dump *dump, struct dump_result *result, struct err *err);

/* dump_notes.c: fills in notes. */
int dump_make_notes(struct dump *dump, struct err *err);

#endif
