/*
 * render_parts.h - what the files that render share.
 */
#ifndef TPROC_TYPES_RENDER_PARTS_H
#define TPROC_TYPES_RENDER_PARTS_H

#include "lib/types/builder.h"
#include "lib/types/dynamic.h"
#include "lib/types/render.h"

#define FOLLOWED_MAX 64
#define BASES_MAX 64

struct render {
	struct catalog *catalog;
	const struct render_options *options;
	struct arena *arena;
	struct builder text; /* of the part being made */
	unsigned depth;
	size_t parts;
	uint64_t
		followed[FOLLOWED_MAX]; /* objects that smart pointers led to, from the root down */
	size_t followed_count;
	uint64_t bases[BASES_MAX]; /* virtual base classes of the object being shown */
	size_t base_count;
	bool failed;  /* memory is short */
	bool stopped; /* too much, or the user wants it to end */
};

/* Fills in a part (of which name and kind are the caller's) for a value. */
void render_into(struct render *r, const struct value *value, struct shown *shown);

/* A new part at the end of parent's; NULL when there can be none. */
struct shown *render_add(struct render *r, struct shown *parent, const char *name);

/* The text made so far, taken; "" when memory is short. */
const char *render_take(struct render *r);

/* Text and error messages that are escaped and copied. */
const char *render_text(struct render *r, const char *text);
void render_error(struct render *r, struct shown *shown, const struct err *err);

/* Scalars: numbers, enums, pointers. */
void render_scalar(struct render *r, const struct value *value, struct shown *shown);

/* Appends the text of a scalar; false when it is none or cannot be read. */
bool render_number(struct render *r, const struct value *value, struct err *err);

/* Characters of `size` bytes each, with their quotes; cut says that there are more. */
void render_characters(struct render *r, const uint8_t *bytes, size_t count, size_t size,
                       const char *prefix, bool cut);
void render_character(struct render *r, uint64_t character, size_t size);

/* The letter before the quotes of characters of that type; NULL: they are none. */
const char *render_prefix(const struct type *type);

/* A string that ends with a NUL, from memory; at most options->limit characters. */
int render_string_at(struct render *r, uint64_t addr, const struct type *character,
                     struct err *err);

/* Whether arrays of it are text. */
bool render_is_character(const struct type *type);

/* "0x1234 <symbol+4>", and whose it is. */
void render_pointer(struct render *r, const struct value *value, struct shown *shown);

/* An array's or a container's elements. */
void render_array(struct render *r, const struct value *value, struct shown *shown);
void render_elements(struct render *r, const struct value *first, uint64_t count,
                     struct shown *shown);

/* A class of the C++ library that is shown by its contents; false when it is none. */
bool render_library(struct render *r, const struct value *value, const struct type *type,
                    struct shown *shown);

/* The same for strings only. */
bool render_library_text(struct render *r, const struct value *value, const struct type *type,
                         struct shown *shown);

#endif
