/*
 * type.h - types as a program was compiled with them.
 *
 * A type is made from its entry when it is first asked for, and knows of others only what is
 * asked: that keeps it finite however its entries refer to each other.  Types live as long as the
 * store they were made in.
 */
#ifndef TPROC_TYPES_TYPE_H
#define TPROC_TYPES_TYPE_H

#include "lib/base/err.h"
#include "lib/types/debug.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many typedefs, qualifiers and dimensions are followed. */
#define TYPE_CHAIN_MAX 64

enum type_kind {
	TYPE_VOID = 0, /* and what is not understood */
	TYPE_BOOL,
	TYPE_CHAR, /* one character, of any size */
	TYPE_INT,
	TYPE_FLOAT,
	TYPE_COMPLEX,
	TYPE_ENUM,
	TYPE_POINTER,
	TYPE_REFERENCE,      /* & */
	TYPE_RVALUE,         /* && */
	TYPE_MEMBER_POINTER, /* T C::* */
	TYPE_ARRAY,
	TYPE_STRUCT,
	TYPE_CLASS,
	TYPE_UNION,
	TYPE_TYPEDEF,
	TYPE_QUALIFIED,
	TYPE_FUNCTION,
};

enum type_qualifier {
	TYPE_CONST = 1,
	TYPE_VOLATILE = 2,
	TYPE_RESTRICT = 4,
	TYPE_ATOMIC = 8,
};

struct type_store;
struct type_parts;

struct type {
	enum type_kind kind;
	unsigned int qualifiers; /* TYPE_QUALIFIED */
	bool is_signed;          /* TYPE_CHAR, TYPE_INT, TYPE_ENUM */
	bool declaration;        /* its definition is elsewhere */
	bool has_count;          /* TYPE_ARRAY: the number of its elements is known */
	const char *name;        /* raw; NULL: none */
	uint64_t count;
	uint64_t size; /* bytes; 0: not known, or none.  For others than arrays see type_size. */
	struct type_store *store;
	Dwarf_Die die;    /* addr NULL: made up */
	size_t dimension; /* TYPE_ARRAY: of the entry's dimensions, which */
	const struct type *target;
	bool has_target;
	struct type_parts *parts;
};

struct member {
	const char *name; /* NULL: anonymous */
	const struct type *type;
	uint64_t offset;   /* bytes from where the record begins */
	uint32_t bit_at;   /* of a bit-field: its first bit, counted from offset up */
	uint32_t bit_size; /* 0: no bit-field */
	bool is_base;
	bool is_virtual;    /* a base class; its place depends on the object */
	bool is_artificial; /* the compiler's own, such as the pointer to virtual functions */
	Dwarf_Die die;
};

struct enumerator {
	const char *name;
	int64_t value; /* to be taken as unsigned if the type is */
};

/* A template's argument: a type, or a value of it. */
struct template_argument {
	const char *name;
	const struct type *type;
	bool has_value;
	int64_t value;
};

/* What a type consists of. */
struct type_parts {
	struct member *members; /* base classes first, in the order of the source; no static ones */
	size_t member_count;
	struct member *statics;
	size_t static_count;
	struct enumerator *enumerators;
	size_t enumerator_count;
	struct template_argument *arguments;
	size_t argument_count;
	const struct type **parameters; /* of a function */
	size_t parameter_count;
	bool variadic;
	bool has_virtuals; /* has a pointer to virtual functions of its own */
};

/* debug may be NULL: then types can be made up only. */
int type_store_create(struct debug *debug, struct type_store **ret_store, struct err *err);
void type_store_destroy(struct type_store *store);

/* NULL for a store of made up types only. */
struct debug *type_store_debug(const struct type_store *store);

/* Zeroed memory that lives as long as the store; NULL when it is short. */
void *type_store_alloc(struct type_store *store, size_t count, size_t size);

const struct type *type_store_void(const struct type_store *store);

/* The type of an entry that is one. */
int type_of_die(struct type_store *store, Dwarf_Die *die, const struct type **ret_type,
                struct err *err);

/* The type that an entry's DW_AT_type names; void when it has none. */
int type_of_entry(struct type_store *store, Dwarf_Die *die, const struct type **ret_type,
                  struct err *err);

/*
 * What a pointer, reference, array, typedef, qualified type or enum is of; what a function
 * returns.  Never NULL: void when there is nothing.
 */
const struct type *type_target(const struct type *type);

/* Without typedefs and qualifiers. */
const struct type *type_strip(const struct type *type);

/* Members, enumerators and so on; empty when it has none, or memory is short. */
const struct type_parts *type_get_parts(const struct type *type);

/* Bytes that an object takes.  False when that is not known, as of void, or a declaration. */
bool type_size(const struct type *type, uint64_t *ret_size);

bool type_is_record(const struct type *type);  /* after stripping, like the next ones */
bool type_is_integer(const struct type *type); /* bool, characters and enums too */
bool type_is_number(const struct type *type);
bool type_is_pointer(const struct type *type);
bool type_is_reference(const struct type *type); /* & or && */
bool type_is_scoped(const struct type *type);    /* an enum class */

/* ---- Made up ------------------------------------------------------------- */

/* NULL when memory is short, like the next ones. */
const struct type *type_make_base(struct type_store *store, enum type_kind kind, const char *name,
                                  uint64_t size, bool is_signed);
const struct type *type_make_pointer(const struct type *target, enum type_kind kind);
const struct type *type_make_array(const struct type *element, uint64_t count);
const struct type *type_make_qualified(const struct type *target, unsigned int qualifiers);

/* ---- Names --------------------------------------------------------------- */

/*
 * The name of a type that has one, with what it is in: "std::pair<...>".  Cut to size, raw; ""
 * when it has none.
 */
void type_path(const struct type *type, char *dst, size_t size);

/* "const struct node *(*)[3]", as its language writes it; cut to size, raw. */
void type_name(const struct type *type, char *dst, size_t size);

/* The same around the name of something of that type: "const char *(*name)[3]". */
void type_declare(const struct type *type, const char *name, char *dst, size_t size);

/* The same as people write it: std::string by that name. */
void type_display(const struct type *type, const char *name, char *dst, size_t size);

#define TYPE_NAME_SIZE 4096

#endif
