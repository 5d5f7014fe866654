/*
 * value.h - a value of a type: in the target's memory, or computed.
 *
 * What is in memory is read when it is needed, so that "&huge[5]" and "sizeof *p" read little
 * or nothing.
 */
#ifndef TPROC_TYPES_VALUE_H
#define TPROC_TYPES_VALUE_H

#include "lib/base/err.h"
#include "lib/types/catalog.h"
#include "lib/types/type.h"

#include <stdbool.h>
#include <stdint.h>

#define VALUE_BYTES_MAX 16

struct value {
	const struct type *type;
	const struct reg_threadproc *tp; /* by whose modules it is understood; may be NULL */
	bool in_memory;
	uint64_t addr;                  /* in_memory */
	uint32_t bit_at;                /* of a bit-field: its first bit, counted from addr up */
	uint32_t bit_size;              /* 0: none */
	uint8_t bytes[VALUE_BYTES_MAX]; /* not in_memory */
};

struct value value_at(const struct type *type, const struct reg_threadproc *tp, uint64_t addr);

/* Of an integer, an enum, a pointer; its bytes are the lowest ones of integer. */
struct value value_of_integer(const struct type *type, uint64_t integer);
struct value value_of_float(const struct type *type, long double number);

/* The first size bytes of it.  ERR_NOT_FOUND when they cannot be read. */
int value_read(struct catalog *catalog, const struct value *value, void *buf, size_t size,
               struct err *err);

/*
 * The number that an integer, an enum, a bit-field, a pointer, a reference or a member pointer
 * is, extended to 64 bits by its sign.  ERR_USAGE when it is none of these.
 */
int value_integer(struct catalog *catalog, const struct value *value, uint64_t *ret_integer,
                  struct err *err);

/* The same, or a floating-point number. */
int value_number(struct catalog *catalog, const struct value *value, long double *ret_number,
                 struct err *err);

/* What a pointer or a reference leads to.  ERR_USAGE when it is neither, or leads to void. */
int value_follow(struct catalog *catalog, const struct value *value, struct value *ret_value,
                 struct err *err);

/* Itself, or what it refers to when it is a reference. */
int value_referred(struct catalog *catalog, const struct value *value, struct value *ret_value,
                   struct err *err);

/* A member (or base class) of a record. */
int value_member(struct catalog *catalog, const struct value *value, const struct member *member,
                 struct value *ret_value, struct err *err);

/*
 * The member of that name, in base classes and in anonymous members too; a base class by its
 * name.  ERR_NOT_FOUND when there is none.
 */
int value_find_member(struct catalog *catalog, const struct value *value, const char *name,
                      struct value *ret_value, struct err *err);

/* One element of an array, which need not have it. */
int value_element(struct catalog *catalog, const struct value *value, int64_t index,
                  struct value *ret_value, struct err *err);

/*
 * Where the object of type `wanted` lies that is a base class of one of type `type` at addr, or
 * that addr is a base class of.  False when neither is the other's base class.
 */
bool value_base_offset(struct catalog *catalog, const struct type *type, const struct type *wanted,
                       uint64_t addr, uint64_t *ret_addr);

/* Whether both mean the same type, for what is asked of them here: by name and kind. */
bool type_is_same(const struct type *a, const struct type *b);

#endif
