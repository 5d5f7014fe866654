/*
 * render.h - a value as a tree of what is to be shown of it.
 *
 * The tree is bounded in depth, breadth and size, and all of its text is escaped: it can be
 * written to a terminal as it is.  Text and JSON are two ways of writing it (inspect/).
 */
#ifndef TPROC_TYPES_RENDER_H
#define TPROC_TYPES_RENDER_H

#include "lib/base/err.h"
#include "lib/types/arena.h"
#include "lib/types/catalog.h"
#include "lib/types/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RENDER_DEPTH 20
#define RENDER_LIMIT 200
#define RENDER_DEPTH_MAX 64
#define RENDER_LIMIT_MAX 100000

/* As many parts as a tree has at most. */
#define RENDER_PARTS_MAX 200000

struct render_options {
	char format;    /* as behind GDB's print/: one of "xduotcafsz"; 0: by the type */
	unsigned depth; /* of records and arrays in each other */
	unsigned limit; /* of elements and characters each */
	bool plain;     /* as GDB shows it: no owners, nothing followed, types as declared */
	bool (*stopped)(void *context); /* asked now and then; true gives up.  May be NULL. */
	void *context;
};

enum shown_kind {
	SHOWN_SCALAR,   /* text */
	SHOWN_RECORD,   /* parts are members and base classes */
	SHOWN_SEQUENCE, /* parts are elements */
	SHOWN_MAP,      /* parts come in pairs: key, value */
};

struct shown {
	enum shown_kind kind;
	struct shown *next;  /* beside it */
	struct shown *parts; /* in it */
	struct shown *last;  /* of these */
	size_t part_count;
	const char *name; /* of a member or base class; NULL: none */
	bool is_base;
	bool is_reference; /* head is where it refers to */
	const char *type;  /* as declared */
	const char *real;  /* the class it really is of, when that is another one; else NULL */
	const char *head;  /* what comes before the parts: "std::vector of length 3"; else NULL */
	const char *text;  /* SHOWN_SCALAR */
	const char *owner; /* of a pointer: whose what it leads to is; else NULL */
	bool has_pointer;
	uint64_t pointer;
	bool has_addr;
	uint64_t addr;
	uint64_t repeats; /* how many equal elements it stands for, 1 for itself */
	bool is_cut;      /* there are more parts than are shown */
	bool is_error;    /* text says why there is nothing */
};

struct rendering {
	struct arena arena;
	struct shown *root;
};

/* ERR_LIMIT "interrupted"; what cannot be read is part of the tree. */
int render_value(struct catalog *catalog, const struct value *value,
                 const struct render_options *options, struct rendering *ret_rendering,
                 struct err *err);
void rendering_deinit(struct rendering *rendering);

#endif
