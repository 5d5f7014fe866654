/*
 * identify.h - everything there is to say about one address.
 */
#ifndef TPROC_READ_IDENTIFY_H
#define TPROC_READ_IDENTIFY_H

#include "lib/read/heap.h"
#include "lib/read/symbols.h"
#include "lib/read/target.h"
#include "lib/read/tls.h"

/* What kind of memory it is. */
enum place {
	PLACE_UNMAPPED = 0,
	PLACE_REGISTRY,
	PLACE_AGENT,
	PLACE_MAILBOX,
	PLACE_VDSO, /* and the kernel's data beside it */
	PLACE_PROGRAM,
	PLACE_LIBRARY, /* the program interpreter too */
	PLACE_HEAP,    /* the zone of brk, and what else malloc has */
	PLACE_STACK,
	PLACE_GUARD, /* below a stack */
	PLACE_FILE,  /* any other mapping of a file */
	PLACE_ANON,
};

#define IDENTITY_NAME_SIZE SYMBOL_NAME_SIZE
#define IDENTITY_NOTE_SIZE 256

/* The frame of a thread that an address on its stack lies in. */
struct identity_frame {
	size_t number; /* 0: the innermost */
	uint64_t sp;
	uint64_t pc;
	bool trampoline;                   /* the C library's return from a signal handler */
	char function[IDENTITY_NAME_SIZE]; /* "main+0x10", raw; "": not known */
};

/* Where in the source some code is of: a function that was inlined, or the one around all. */
struct identity_line {
	const char *function; /* NULL: not said */
	const char *file;
	unsigned int line;
	bool is_inlined;
};

#define IDENTITY_LINES_MAX 16

/* Pointers lead into the target's snapshot and symbols.  All text is raw. */
struct identity {
	uint64_t addr;
	struct owner owner;
	enum place place;
	bool mapped;
	struct mapping mapping; /* when mapped */

	pid_t tid;         /* PLACE_STACK, PLACE_GUARD: whose; 0 otherwise */
	uint64_t stack_hi; /* where that ends, of another thread than the main one; 0 otherwise */
	/* Not by identify(), which stops nobody: by who asks for it.  NULL: not known. */
	const struct identity_frame *frame;
	const struct reg_threadproc *mailbox_of; /* PLACE_MAILBOX: NULL for its header */

	const struct tls_block *tls; /* in thread-local storage, NULL: not */
	struct symbol tls_symbol;    /* there; value is an offset; symbol_name has its name too */
	bool has_chunk;
	struct heap_chunk chunk;

	const struct reg_module *module; /* when it lies in one the registry knows */
	const char *file;                /* path, NULL when no file is behind it */
	uint32_t build_id_len;
	uint8_t build_id[TP_BUILD_ID_SIZE];
	const struct symbols *symbols; /* of the file; NULL: none */
	bool has_vaddr;
	uint64_t vaddr;                       /* the file's own address for it */
	struct section section;               /* name NULL: none */
	struct symbol symbol;                 /* name NULL: none */
	char symbol_name[IDENTITY_NAME_SIZE]; /* as in the source */

	/* By debugging information, which lib/types adds (locate.h); the innermost line first. */
	struct identity_line lines[IDENTITY_LINES_MAX];
	size_t line_count;
	char variable[IDENTITY_NAME_SIZE]; /* "config.table[3].name", else empty */

	const struct reg_name *name;   /* a named pointer that covers it, the closest */
	char note[IDENTITY_NOTE_SIZE]; /* why something is missing, else empty */
};

/* Fills in all of it; what cannot be had is left out, with a note. */
void identify(const struct target *target, uint64_t addr, struct identity *ret_identity);

/*
 * Owner, place, file and symbol only, given what is mapped there (NULL: nothing); of this the
 * rest is the same for all addresses between the borders of mappings, records and stacks.
 */
void identify_place(const struct target *target, uint64_t addr, const struct mapping *mapping,
                    struct identity *ret_identity);

/* Whether there is anything at the address, or was. */
bool identify_found(const struct target *target, const struct identity *id);

/* Owner, place and what belongs to it, of the first address of a mapping; cheap. */
void identify_mapping(const struct target *target, const struct mapping *mapping,
                      struct identity *ret_identity);

/* "threadproc", "exited", "toolkit", "kernel" or "unowned". */
const char *owner_kind_word(const struct owner *owner, enum place place);

/* "heap" and so on, one word. */
const char *place_name(enum place place);

#endif
