/*
 * library_parts.h - what the files that show the C++ library's classes share.
 *
 * They go by the names of libstdc++'s members, as the debugging information has them; where
 * such a member is missing, the class is another library's, and is shown as any other.
 */
#ifndef TPROC_TYPES_LIBRARY_PARTS_H
#define TPROC_TYPES_LIBRARY_PARTS_H

#include "lib/types/render_parts.h"

#define LIBRARY_PATH_MAX 8
#define LIBRARY_TUPLE_MAX 64

/* 0: shown; -1: it is not what it seemed, and nothing was added. */
typedef int library_renderer(struct render *r, const struct value *value, const struct type *type,
                             const char *name, struct shown *shown);

library_renderer library_string, library_string_view, library_vector, library_deque, library_list,
	library_forward_list, library_tree, library_hash, library_array, library_tuple,
	library_optional, library_variant, library_unique_ptr, library_shared_ptr, library_function;

/* The member at the end of a path of names, ended by NULL. */
int library_member(struct render *r, const struct value *value, const char *const *path,
                   struct value *ret_value);

/* The same for a member that is a pointer or an integer. */
int library_integer(struct render *r, const struct value *value, const char *const *path,
                    uint64_t *ret_integer);

#define PATH(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A template's argument that is a type; NULL when there is none. */
const struct type *library_argument(const struct type *type, size_t which);

/* The type that "NAME::nested" or, without that, `name` alone is; NULL when there is none. */
const struct type *library_nested(struct render *r, const struct value *value,
                                  const struct type *type, const char *nested);
const struct type *library_type(struct render *r, const struct value *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* What is stored in a node of that type at addr, as a value of type element. */
int library_stored(struct render *r, const struct value *value, const struct type *node,
                   const struct type *element, uint64_t addr, struct value *ret_value);

/* "std::NAME with 3 elements" */
void library_head(struct render *r, struct shown *shown, const char *name, uint64_t count);

/* A part that is a key or an element; false when no more can be added. */
bool library_add(struct render *r, struct shown *shown, const char *name,
                 const struct value *value);

/* The values of a tuple, in order; returns how many, 0 when it is none. */
size_t library_tuple_values(struct render *r, const struct value *value,
                            struct value values[LIBRARY_TUPLE_MAX]);

/* Whether a further element is to be shown; says so in shown if not. */
bool library_wants(struct render *r, struct shown *shown, uint64_t done);

#endif
