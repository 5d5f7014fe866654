/*
 * An address is identified in steps, each of which adds what it knows to what the steps
 * before it found.  A further kind of knowledge is a further step in the table below.
 */
#include "lib/read/identify.h"

#include "lib/base/cleanup.h"
#include "lib/read/component.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

__attribute__((format(printf, 2, 3))) static void note(struct identity *id, const char *fmt, ...)
{
	va_list args;

	if (*id->note)
		return;
	va_start(args, fmt);
	vsnprintf(id->note, sizeof(id->note), fmt, args);
	va_end(args);
}

/* ---- Owner and mapping --------------------------------------------------- */

static void find_owner(const struct target *target, struct identity *id)
{
	id->owner = registry_owner(target->snapshot, id->addr);
}

static void find_mapping(const struct target *target, struct identity *id)
{
	struct err err;

	if (!target->maps) {
		note(id, "no process of the space can be looked at");
		return;
	}
	if (!maps_find(target->maps, id->addr, &id->mapping, &err))
		id->mapped = true;
	else if (err.code != ERR_NOT_FOUND)
		note(id, "%s", err.text);
}

/* ---- Place --------------------------------------------------------------- */

static bool within(uint64_t addr, uint64_t lo, uint64_t hi)
{
	return addr >= lo && addr < hi;
}

static bool place_toolkit(const struct target *target, struct identity *id)
{
	const struct snapshot *s = target->snapshot;
	const struct tp_registry *h = &s->header;
	uint64_t at;

	if (id->owner.kind != OWNER_TOOLKIT)
		return false;
	if (within(id->addr, h->agent_lo, h->agent_hi)) {
		id->place = PLACE_AGENT;
		return true;
	}
	if (!within(id->addr, h->mailbox_addr, h->mailbox_addr + h->mailbox_size)) {
		id->place = PLACE_REGISTRY;
		return true;
	}
	id->place = PLACE_MAILBOX;
	at = id->addr - h->mailbox_addr;
	if (at < TP_MAILBOX_HEADER_SIZE)
		return true;
	at = (at - TP_MAILBOX_HEADER_SIZE) / TP_MAILBOX_STRIDE;
	if (at < s->threadproc_count && s->threadprocs[at].abi.state != TP_STATE_NONE)
		id->mailbox_of = &s->threadprocs[at];
	return true;
}

static bool place_vdso(const struct target *target, struct identity *id)
{
	if (strncmp(id->mapping.path, "[vdso", 5) && strncmp(id->mapping.path, "[vvar", 5))
		return false;
	id->place = PLACE_VDSO;
	return true;
}

/* The memory's first stack is the agent's; threadprocs have theirs in their slots. */
static bool place_agent_stack(const struct target *target, struct identity *id)
{
	if (id->owner.kind != OWNER_NONE || strcmp(id->mapping.path, "[stack]"))
		return false;
	id->owner.kind = OWNER_TOOLKIT;
	id->place = PLACE_AGENT;
	return true;
}

/* What the record alone tells: the main thread's stack and its guard, the heap. */
static bool place_by_record(const struct target *target, struct identity *id)
{
	const struct tp_threadproc *abi;

	if (!id->owner.tp)
		return false;
	abi = &id->owner.tp->abi;
	if (within(id->addr, abi->stack_lo, abi->stack_hi)) {
		id->place = PLACE_STACK;
		id->tid = abi->pid;
		return true;
	}
	if (!id->mapping.prot && abi->stack_lo != abi->stack_hi &&
	    id->mapping.hi == abi->stack_lo) {
		id->place = PLACE_GUARD;
		id->tid = abi->pid;
		return true;
	}
	if (!within(id->addr, abi->brk_lo, abi->brk_hi))
		return false;
	id->place = PLACE_HEAP;
	return true;
}

static bool place_module(const struct target *target, struct identity *id)
{
	const struct reg_threadproc *tp = id->owner.tp;

	for (size_t i = 0; tp && i < tp->module_count; i++) {
		const struct reg_module *module = &tp->modules[i];
		const struct reg_image *image = snapshot_image(target->snapshot, module->abi.image);
		uint64_t vaddr = id->addr - module->abi.bias;

		if (!image || !within(vaddr, image->abi.vaddr_lo, image->abi.vaddr_hi))
			continue;
		id->module = module;
		id->place = module->abi.kind == TP_MODULE_PROGRAM ? PLACE_PROGRAM
		            : module->abi.kind == TP_MODULE_VDSO  ? PLACE_VDSO
		                                                  : PLACE_LIBRARY;
		return true;
	}
	return false;
}

static bool place_file(const struct target *target, struct identity *id)
{
	/* shared anonymous memory has a file of the kernel's own, which has that name */
	if (id->mapping.path[0] != '/' || !strcmp(id->mapping.path, "/dev/zero (deleted)"))
		return false;
	id->place = PLACE_FILE;
	return true;
}

/*
 * A core file has the threads of one process only; the C library knows those of each.  Returns
 * whether it was any help; *ret_found is zero when it is nobody's stack.
 */
static bool ask_library(const struct target *target, const struct reg_threadproc *tp, uint64_t addr,
                        const struct mapping *stack, struct thread_stack *ret_found)
{
	const struct tls_block *block;
	const struct tls *tls;
	struct err err;

	if (component_tls(target, tp, &tls, &err) || !tls->count)
		return false;
	*ret_found = (struct thread_stack){0};
	block = tls_above(tls, tp->abi.pid, addr, stack->lo, stack->hi);
	if (block)
		*ret_found = (struct thread_stack){block->tid, stack->lo,
		                                   (block->hi + 4095) & -UINT64_C(4096)};
	return true;
}

static bool find_thread(const struct target *target, struct identity *id, uint64_t addr,
                        const struct mapping *stack, struct thread_stack *ret_found)
{
	const struct reg_threadproc *tp = id->owner.tp;
	const struct threads *threads;
	struct err err;

	if (!component_threads(target, tp, &threads, &err))
		return threads_stack_at(threads, tp->abi.pid, addr, stack->lo, stack->hi,
		                        ret_found);
	if (ask_library(target, tp, addr, stack, ret_found))
		return ret_found->tid;
	note(id, "threads: %s", err.text);
	return false;
}

/* Another thread's stack, or the guard below one. */
static bool place_thread(const struct target *target, struct identity *id)
{
	const struct reg_threadproc *tp = id->owner.tp;
	struct mapping stack = id->mapping;
	struct thread_stack found;
	struct err err;
	uint64_t probe = id->addr;
	bool guard = !id->mapping.prot;

	if (!tp || !reg_threadproc_lives(tp) || !target->ops)
		return false;
	if (guard) {
		probe = id->mapping.hi;
		if (maps_find(target->maps, probe, &stack, &err) || !(stack.prot & PROT_WRITE))
			return false;
	}
	if (!find_thread(target, id, probe, &stack, &found))
		return false;
	id->place = guard ? PLACE_GUARD : PLACE_STACK;
	id->tid = found.tid;
	id->stack_hi = guard ? id->mapping.hi : found.hi;
	return true;
}

/* The first that knows the place names it. */
static void find_place(const struct target *target, struct identity *id)
{
	static bool (*const kinds[])(const struct target *, struct identity *) = {
		place_vdso,   place_agent_stack, place_by_record,
		place_module, place_file,        place_thread,
	};

	if (place_toolkit(target, id))
		return;
	/* Its memory is gone, but the record tells what was there. */
	if (!id->mapped && id->owner.kind == OWNER_EXITED) {
		if (!place_by_record(target, id))
			place_module(target, id);
		return;
	}
	if (!id->mapped)
		return;
	id->place = PLACE_ANON;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i](target, id))
			return;
	}
}

/* ---- File, section, symbol ----------------------------------------------- */

static void take_build_id(struct identity *id, const uint8_t *bytes, uint32_t len)
{
	id->build_id_len = len;
	memcpy(id->build_id, bytes, len);
}

static void look_up(const struct symbols *symbols, struct identity *id)
{
	const struct file_version *version = symbols_version(symbols);

	id->symbols = symbols;
	if (!id->build_id_len)
		take_build_id(id, version->build_id, version->build_id_len);
	symbols_section(symbols, id->vaddr, &id->section);
	if (symbols_find(symbols, id->vaddr, &id->symbol))
		symbol_demangle(id->symbol.name, id->symbol_name, sizeof(id->symbol_name));
}

static void look_in_module(const struct target *target, struct identity *id)
{
	const struct reg_image *image = snapshot_image(target->snapshot, id->module->abi.image);
	const struct symbols *symbols;
	enum file_state state;
	struct err err;

	id->file = image->path;
	id->has_vaddr = true;
	id->vaddr = id->addr - id->module->abi.bias;
	take_build_id(id, image->abi.build_id, image->abi.build_id_len);
	if (symcache_module(target->symbols, target->mem, image, id->module->abi.bias, &symbols,
	                    &err)) {
		note(id, "no symbols: %s", err.text);
		return;
	}
	look_up(symbols, id);
	state = symcache_image_state(target->symbols, image);
	if (state == FILE_CHANGED || state == FILE_GONE)
		note(id, state == FILE_GONE ? "the file is gone"
		                            : "the file has changed since it was mapped");
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_len = strlen(text), end_len = strlen(end);

	return text_len >= end_len && !strcmp(text + text_len - end_len, end);
}

/* A file that no module list has (yet): many are no ELF files, which is nothing to note. */
static void look_in_file(const struct target *target, struct identity *id)
{
	struct file_version version = {.ino = id->mapping.ino};
	uint64_t offset = id->mapping.offset + (id->addr - id->mapping.lo);
	const struct symbols *symbols;
	struct err err;

	id->file = id->mapping.path;
	if (ends_with(id->file, " (deleted)") ||
	    symcache_file(target->symbols, id->file, &version, &symbols, &err))
		return;
	id->has_vaddr = symbols_vaddr_of_offset(symbols, offset, &id->vaddr);
	if (id->has_vaddr)
		look_up(symbols, id);
}

static void look_in_vdso(const struct target *target, struct identity *id)
{
	const struct mapping *m = &id->mapping;
	const struct symbols *symbols;
	struct err err;

	id->file = m->path;
	if (!target->mem || strcmp(m->path, "[vdso]") ||
	    symcache_memory(target->symbols, target->mem, m->lo, m->hi - m->lo, &symbols, &err))
		return;
	id->has_vaddr = true;
	id->vaddr = id->addr - m->lo; /* it is linked at 0 */
	look_up(symbols, id);
}

static void find_symbol(const struct target *target, struct identity *id)
{
	if (id->place == PLACE_VDSO)
		look_in_vdso(target, id);
	else if (id->module)
		look_in_module(target, id);
	else if (id->place == PLACE_FILE ||
	         (id->place == PLACE_AGENT && id->mapping.path[0] == '/'))
		look_in_file(target, id);
}

/* ---- malloc's chunks ------------------------------------------------------- */

/* Where malloc may have its memory; musl's also uses what is left of a module's last page. */
static bool may_be_heap(const struct identity *id)
{
	const struct mapping *m = &id->mapping;
	bool is_left =
		(id->place == PLACE_PROGRAM || id->place == PLACE_LIBRARY) && !id->section.name;

	return (id->place == PLACE_HEAP || id->place == PLACE_ANON || is_left) && !m->shared &&
	       (m->prot & PROT_WRITE || id->place == PLACE_HEAP) && id->owner.tp && reg_threadproc_lives(id->owner.tp);
}

/* The thread-local variable at an offset in a module's block. */
static void look_in_block(const struct target *target, struct identity *id)
{
	const struct reg_image *image =
		snapshot_image(target->snapshot, id->tls->module->abi.image);
	uint64_t offset = id->addr - id->tls->lo;
	const struct symbols *symbols;
	struct err err;

	if (!image || symcache_image(target->symbols, image, &symbols, &err))
		return;
	for (uint32_t i = 0; i < symbols_count(symbols); i++) {
		struct symbol symbol = symbols_at(symbols, i);
		uint64_t size = symbol.size ? symbol.size : 1;

		if (symbol.type != STT_TLS || offset < symbol.value ||
		    offset - symbol.value >= size)
			continue;
		id->tls_symbol = symbol;
		symbol_demangle(symbol.name, id->symbol_name, sizeof(id->symbol_name));
		return;
	}
}

/* In anonymous memory, beside a stack's bottom, or (the main thread's) in what malloc has. */
static void find_tls(const struct target *target, struct identity *id)
{
	const struct tls *tls;
	struct err err;

	if (!may_be_heap(id) && id->place != PLACE_STACK)
		return;
	if (component_tls(target, id->owner.tp, &tls, &err)) {
		if (err.code != ERR_NOT_FOUND)
			note(id, "thread-local storage: %s", err.text);
		return;
	}
	id->tls = tls_at(tls, id->addr);
	if (id->tls && id->tls->module)
		look_in_block(target, id);
}

static void find_chunk(const struct target *target, struct identity *id)
{
	struct heap *heap;
	struct err err;

	if (!may_be_heap(id))
		return;
	if (component_heap(target, id->owner.tp, &heap, &err)) {
		if (err.code != ERR_NOT_FOUND)
			note(id, "heap: %s", err.text);
		return;
	}
	id->has_chunk = heap_chunk_at(heap, target, id->addr, &id->chunk);
	if (id->has_chunk)
		id->place = PLACE_HEAP;
}

/* ---- Named pointers ------------------------------------------------------ */

static void find_name(const struct target *target, struct identity *id)
{
	const struct snapshot *s = target->snapshot;

	for (size_t i = 0; i < s->name_count; i++) {
		const struct reg_name *name = &s->names[i];
		uint64_t size = name->abi.size ? name->abi.size : 1;

		if (id->addr < name->abi.addr || id->addr - name->abi.addr >= size)
			continue;
		if (!id->name || name->abi.addr > id->name->abi.addr)
			id->name = name;
	}
}

/* -------------------------------------------------------------------------- */

void identify(const struct target *target, uint64_t addr, struct identity *ret_identity)
{
	static void (*const steps[])(const struct target *, struct identity *) = {
		find_owner, find_mapping, find_place, find_symbol, find_tls, find_chunk, find_name,
	};

	memset(ret_identity, 0, sizeof(*ret_identity));
	ret_identity->addr = addr;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		steps[i](target, ret_identity);
}

void identify_place(const struct target *target, uint64_t addr, const struct mapping *mapping,
                    struct identity *ret_identity)
{
	memset(ret_identity, 0, sizeof(*ret_identity));
	ret_identity->addr = addr;
	ret_identity->mapped = mapping;
	if (mapping)
		ret_identity->mapping = *mapping;
	find_owner(target, ret_identity);
	find_place(target, ret_identity);
	find_symbol(target, ret_identity);
}

bool identify_found(const struct target *target, const struct identity *id)
{
	if (id->mapped || id->owner.kind == OWNER_EXITED)
		return true;
	return !target->maps && id->owner.kind != OWNER_NONE;
}

void identify_mapping(const struct target *target, const struct mapping *mapping,
                      struct identity *ret_identity)
{
	memset(ret_identity, 0, sizeof(*ret_identity));
	ret_identity->addr = mapping->lo;
	ret_identity->mapping = *mapping;
	ret_identity->mapped = true;
	find_owner(target, ret_identity);
	find_place(target, ret_identity);
}

const char *owner_kind_word(const struct owner *owner, enum place place)
{
	switch (owner->kind) {
	case OWNER_LIVE:
		return "threadproc";
	case OWNER_EXITED:
		return "exited";
	case OWNER_TOOLKIT:
		return "toolkit";
	case OWNER_NONE:
		break;
	}
	return place == PLACE_VDSO ? "kernel" : "unowned";
}

const char *place_name(enum place place)
{
	static const char *const names[] = {
		[PLACE_UNMAPPED] = "unmapped", [PLACE_REGISTRY] = "registry",
		[PLACE_AGENT] = "agent",       [PLACE_MAILBOX] = "mailbox",
		[PLACE_VDSO] = "vdso",         [PLACE_PROGRAM] = "program",
		[PLACE_LIBRARY] = "library",   [PLACE_HEAP] = "heap",
		[PLACE_STACK] = "stack",       [PLACE_GUARD] = "guard",
		[PLACE_FILE] = "file",         [PLACE_ANON] = "anonymous",
	};

	return names[place];
}
