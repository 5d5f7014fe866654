/*
 * registry_builder.h - registries made in memory, for tests that read and spoil them.
 */
#ifndef TPROC_TESTS_REGISTRY_BUILDER_H
#define TPROC_TESTS_REGISTRY_BUILDER_H

#include "lib/read/registry.h"
#include "tproc/abi.h"

#include <stddef.h>

/* How many bytes each element is longer than this version's, as a later layout may have it. */
struct registry_shape {
	uint32_t extra;
};

struct registry_builder {
	char *bytes;
	size_t size;
	uint32_t heap_used;
};

/* An empty registry with small tables: 8 threadprocs, 8 images, 8 names, 4 fixed ranges. */
void registry_builder_init(struct registry_builder *b, struct registry_shape shape);
void registry_builder_deinit(struct registry_builder *b);

struct tp_registry *rb_header(struct registry_builder *b);
struct tp_granule *rb_granule(struct registry_builder *b, uint32_t granule);
struct tp_fixed *rb_fixed(struct registry_builder *b, uint32_t i);
struct tp_threadproc *rb_threadproc(struct registry_builder *b, uint32_t i);
struct tp_image *rb_image(struct registry_builder *b, uint32_t i);
struct tp_name *rb_name(struct registry_builder *b, uint32_t i);

/* What a reader makes of it; NULL when it is refused. */
struct snapshot *rb_snapshot(const struct registry_builder *b);

/* Appends to the heap. */
struct tp_ref rb_bytes(struct registry_builder *b, const void *bytes, size_t len);
struct tp_ref rb_text(struct registry_builder *b, const char *text);

/* What ref leads to. */
void *rb_at(struct registry_builder *b, struct tp_ref ref);

/* Gives granules to a record, and the record its next run. */
void rb_give(struct registry_builder *b, uint32_t record, uint32_t first, uint32_t count,
             enum tp_granule_state state);

/* ---- The sample ---------------------------------------------------------- */

#define SAMPLE_GRANULE(n) ((uint64_t)(n) << TP_GRANULE_SHIFT)

/* Record 1: "allocstr", runs, with a stack, a heap, a program, libc and two descriptors. */
#define SAMPLE_SLOT SAMPLE_GRANULE(1028)
#define SAMPLE_PROGRAM (SAMPLE_SLOT + 0x100000)
#define SAMPLE_LIBC (SAMPLE_SLOT + 0x200000)
#define SAMPLE_BRK (SAMPLE_SLOT + 0x1000000)
#define SAMPLE_STACK_LO (SAMPLE_SLOT + 0x2000000)
#define SAMPLE_STACK_HI (SAMPLE_SLOT + 0x2800000)
/* Record 2: "printstr", stopped, two granules and a fixed image. */
#define SAMPLE_SLOT_2 SAMPLE_GRANULE(1029)
#define SAMPLE_FIXED UINT64_C(0x400000)
/* Record 3: "gone", exited with status 3, its granule in quarantine. */
#define SAMPLE_SLOT_3 SAMPLE_GRANULE(1031)

/* Pids that no system has. */
#define SAMPLE_PID(n) (1000000000 + (n))

/* A named pointer of record 1's into its heap: "greeting", "std::string", 32 bytes. */
#define SAMPLE_NAMED (SAMPLE_BRK + 0x2c0)

void registry_builder_sample(struct registry_builder *b, struct registry_shape shape);

#endif
