/*
 * Finding malloc in a program: libc is stripped, so main_arena is known by what it looks like.
 * Each of its 127 bins is the head of a ring, and most bins are empty and lead to themselves.
 */
#include "lib/read/heap_parts.h"

#include "lib/base/cleanup.h"
#include "lib/read/module_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Data of a module that is looked at: libc has 60 KiB, a static program its own as well. */
#define DATA_MAX (UINT64_C(16) << 20)
/* So many bins may be in the midst of a change, and so many are empty at least. */
#define BINS_ODD 2u
#define BINS_EMPTY 8u
/* As many as there are namespaces of libraries (DL_NNS). */
#define MAIN_ARENAS 16u

/* ---- Version ------------------------------------------------------------------ */

/* "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n" */
static unsigned version_in(const char *text, size_t len)
{
	static const char name[] = "GNU C Library ", version[] = " release version 2.";
	const char *at = memmem(text, len, name, sizeof(name) - 1);
	const char *end = text + len;
	unsigned minor = 0;

	if (!at)
		return 0;
	if ((size_t)(end - at) > 200)
		end = at + 200;
	at = memmem(at, (size_t)(end - at), version, sizeof(version) - 1);
	if (!at)
		return 0;
	for (at += sizeof(version) - 1; at < end && *at >= '0' && *at <= '9' && minor < 1000; at++)
		minor = minor * 10 + (unsigned)(*at - '0');
	return minor;
}

static unsigned read_version(const struct target *target, const struct module_memory *memory)
{
	unsigned minor = 0;

	for (size_t i = 0; i < memory->count && !minor; i++) {
		const struct module_segment *segment = &memory->list[i];
		size_t want = segment->size < DATA_MAX ? segment->size : DATA_MAX;
		AUTO_FREE char *text = NULL;
		struct err err;
		size_t got;

		if (segment->type != PT_LOAD || (segment->flags & (PF_W | PF_X)) || !want)
			continue;
		text = malloc(want);
		if (text && !mem_read_some(target->mem, segment->addr, text, want, &got, &err))
			minor = version_in(text, got);
	}
	return minor;
}

/* ---- The main arena --------------------------------------------------------------- */

static bool looks_like_arena(const struct malloc_state *state, uint64_t addr)
{
	unsigned empty = 0, odd = 0;

	/* cheap and rare first */
	if (!state->next || state->next % 8 || !state->top || state->top % CHUNK_UNIT)
		return false;
	for (unsigned i = 1; i <= ARENA_BINS && odd <= BINS_ODD; i++) {
		uint64_t fd = state->bins[2 * i - 2], bk = state->bins[2 * i - 1];
		bool leads_to_itself = fd == bin_at(addr, i) && bk == fd;

		empty += leads_to_itself;
		if (!fd || !bk || fd % CHUNK_UNIT || bk % CHUNK_UNIT ||
		    (!leads_to_itself && (fd == bin_at(addr, i) || bk == bin_at(addr, i))))
			odd++;
	}
	return odd <= BINS_ODD && empty >= BINS_EMPTY;
}

static bool has_all_main(const struct heap *heap)
{
	unsigned count = 0;

	for (size_t i = 0; i < heap->arena_count; i++)
		count += heap->arenas[i].main;
	return count >= MAIN_ARENAS;
}

static int add_arena(struct heap *heap, uint64_t addr, bool is_main,
                     const struct malloc_state *state, struct err *err)
{
	struct arena *grown;

	if (heap->arena_count >= HEAP_ARENAS_MAX)
		return 0;
	grown = reallocarray(heap->arenas, heap->arena_count + 1, sizeof(*grown));
	if (!grown)
		return err_os(err, ENOMEM, "arenas");
	heap->arenas = grown;
	grown[heap->arena_count++] = (struct arena){.addr = addr, .main = is_main, .state = *state};
	return 0;
}

static bool has_arena(const struct heap *heap, uint64_t addr)
{
	for (size_t i = 0; i < heap->arena_count; i++) {
		if (heap->arenas[i].addr == addr)
			return true;
	}
	return false;
}

/* The other arenas, around the ring. */
static int follow_ring(struct heap *heap, const struct target *target, uint64_t addr,
                       struct err *err)
{
	struct malloc_state state;
	struct err ignored;

	while (!has_arena(heap, addr) && heap->arena_count < HEAP_ARENAS_MAX) {
		if (addr % 8 || mem_read(target->mem, addr, &state, sizeof(state), &ignored) ||
		    !looks_like_arena(&state, addr))
			return 0;
		if (add_arena(heap, addr, false, &state, err))
			return -1;
		addr = state.next;
	}
	return 0;
}

/* A data segment: where a main_arena is, its arenas are added. */
static int search_data(struct heap *heap, const struct target *target, uint64_t lo,
                       const uint8_t *data, size_t len, struct err *err)
{
	for (size_t at = 0;
	     len >= sizeof(struct malloc_state) && at <= len - sizeof(struct malloc_state);
	     at += 8) {
		struct malloc_state state;
		uint64_t fd;

		/* the last bin is never used */
		memcpy(&fd, data + at + offsetof(struct malloc_state, bins[2 * ARENA_BINS - 2]), 8);
		if (fd != bin_at(lo + at, ARENA_BINS))
			continue;
		memcpy(&state, data + at, sizeof(state));
		if (!looks_like_arena(&state, lo + at) || has_arena(heap, lo + at))
			continue;
		if (has_all_main(heap))
			return 0;
		if (add_arena(heap, lo + at, true, &state, err) ||
		    follow_ring(heap, target, state.next, err))
			return -1;
	}
	return 0;
}

static int search_module(struct heap *heap, const struct target *target,
                         const struct reg_module *module, struct err *err)
{
	struct module_memory memory;
	size_t before = heap->arena_count;
	struct err ignored;

	if (module_memory_read(target, module, &memory, &ignored))
		return 0;
	for (size_t i = 0; i < memory.count; i++) {
		const struct module_segment *segment = &memory.list[i];
		size_t want = segment->size < DATA_MAX ? segment->size : DATA_MAX;
		AUTO_FREE uint8_t *data = NULL;
		size_t got;

		if (segment->type != PT_LOAD || !(segment->flags & PF_W) || !want)
			continue;
		data = malloc(want);
		if (!data)
			return err_os(err, ENOMEM, "data of a module");
		if (mem_read_some(target->mem, segment->addr, data, want, &got, &ignored))
			continue;
		if (search_data(heap, target, segment->addr, data, got, err))
			return -1;
	}
	if (heap->arena_count > before && !heap->minor)
		heap->minor = read_version(target, &memory);
	return 0;
}

int heap_find_arenas(struct heap *heap, const struct target *target, struct err *err)
{
	const struct reg_threadproc *tp = heap->tp;

	/* a program may have several libcs (dlmopen); one without has its own (static) */
	for (size_t i = 0; i < tp->module_count; i++) {
		if (module_is_libc(&tp->modules[i]) &&
		    search_module(heap, target, &tp->modules[i], err))
			return -1;
	}
	for (size_t i = 0; i < tp->module_count && !heap->arena_count; i++) {
		if (tp->modules[i].abi.kind == TP_MODULE_PROGRAM &&
		    search_module(heap, target, &tp->modules[i], err))
			return -1;
	}
	return 0;
}
