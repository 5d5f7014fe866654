/*
 * builder.h - text that grows.
 *
 * Failures (memory is short, or the text too long) are remembered: builder_take returns NULL.
 */
#ifndef TPROC_TYPES_BUILDER_H
#define TPROC_TYPES_BUILDER_H

#include "lib/types/arena.h"

#include <stdbool.h>
#include <stddef.h>

#define BUILDER_MAX (1u << 20)

/* Zeros are an empty text. */
struct builder {
	char *text;
	size_t used;
	size_t room;
	bool failed;
};

void builder_put(struct builder *builder, const char *text, size_t len);
void builder_printf(struct builder *builder, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends what a target or a file says, escaped (lib/base/text.h). */
void builder_escaped(struct builder *builder, const char *text);

/* The text, copied into the arena; the builder is empty again.  NULL when something failed. */
const char *builder_take(struct builder *builder, struct arena *arena);

void builder_deinit(struct builder *builder);

#endif
