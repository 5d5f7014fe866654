#include "tests/unit/heap_builder.h"

#include "lib/read/component.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BANNER 0x3800u

static const char maps[] = "101000200000-101000208000 rw-p 00000000 08:01 9 /lib/libc.so.6\n"
			   "101001000000-101001021000 rw-p 00000000 00:00 0\n"
			   "101008000000-101008010000 rw-p 00000000 00:00 0\n";

static void put_headers(struct heap_builder *b)
{
	static const Elf64_Phdr phdrs[] = {
		{PT_LOAD, PF_R, 0, 0, 0, 0x4000, 0x4000, 0x1000},
		{PT_LOAD, PF_R | PF_W, 0x5000, 0x5000, 0, 0x1000, 0x3000, 0x1000},
	};
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1},
		.e_type = ET_DYN,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};

	memcpy(b->libc, &header, sizeof(header));
	memcpy(b->libc + sizeof(header), phdrs, sizeof(phdrs));
}

static void put_arena(struct heap_builder *b, uint64_t addr)
{
	struct malloc_state *state = hb_at(b, addr);

	state->next = addr;
	state->top = bin_at(addr, 1);
	for (unsigned i = 1; i <= ARENA_BINS; i++) {
		state->bins[2 * i - 2] = bin_at(addr, i);
		state->bins[2 * i - 1] = bin_at(addr, i);
	}
}

void heap_builder_init(struct heap_builder *b, unsigned minor)
{
	struct mem_bytes runs[] = {
		{SAMPLE_LIBC, b->libc, sizeof(b->libc)},
		{SAMPLE_BRK, b->brk, sizeof(b->brk)},
		{HB_HEAP, b->heap, sizeof(b->heap)},
	};
	struct err err;

	memset(b, 0, sizeof(*b));
	registry_builder_sample(&b->registry, (struct registry_shape){0});
	b->snapshot = rb_snapshot(&b->registry);
	put_headers(b);
	put_arena(b, HB_MAIN_ARENA);
	if (minor)
		sprintf((char *)b->libc + BANNER,
		        "GNU C Library (Debian GLIBC 2.%u-1) stable release version 2.%u.\n", minor,
		        minor);
	b->next = SAMPLE_BRK;
	b->target = (struct target){.snapshot = b->snapshot,
	                            .components = components_create(b->snapshot)};
	if (maps_open_text(maps, &b->target.maps, &err) ||
	    mem_open_bytes(runs, 3, &b->target.mem, &err))
		abort();
}

void heap_builder_deinit(struct heap_builder *b)
{
	target_close(&b->target);
	snapshot_destroy(b->snapshot);
	registry_builder_deinit(&b->registry);
}

struct malloc_state *hb_main(struct heap_builder *b)
{
	return hb_at(b, HB_MAIN_ARENA);
}

void *hb_at(struct heap_builder *b, uint64_t addr)
{
	if (addr - SAMPLE_LIBC < sizeof(b->libc))
		return b->libc + (addr - SAMPLE_LIBC);
	if (addr - SAMPLE_BRK < sizeof(b->brk))
		return b->brk + (addr - SAMPLE_BRK);
	if (addr - HB_HEAP < sizeof(b->heap))
		return b->heap + (addr - HB_HEAP);
	abort();
}

uint64_t *hb_word(struct heap_builder *b, uint64_t addr)
{
	return hb_at(b, addr);
}

uint64_t hb_chunk(struct heap_builder *b, uint64_t size)
{
	uint64_t chunk = b->next;

	*hb_word(b, chunk + 8) = size | CHUNK_PREV_IN_USE;
	b->next += size;
	return chunk + 16;
}

void hb_top(struct heap_builder *b)
{
	struct malloc_state *state = hb_main(b);

	state->top = b->next;
	state->system_mem = HB_BRK_SIZE;
	hb_chunk(b, SAMPLE_BRK + HB_BRK_SIZE - b->next);
}

void hb_free(struct heap_builder *b, uint64_t user)
{
	uint64_t size = *hb_word(b, user - 8) & ~CHUNK_FLAGS;

	*hb_word(b, user - 16 + size) = size;
	*hb_word(b, user - 16 + size + 8) &= ~CHUNK_PREV_IN_USE;
}

void hb_second_arena(struct heap_builder *b, unsigned minor)
{
	/* struct heap_info is 16 bytes longer from 2.35 on */
	uint64_t arena = minor >= 35 ? HB_HEAP + 0x30 : HB_HEAP + 0x20;

	*hb_word(b, HB_HEAP) = arena;
	*hb_word(b, HB_HEAP + 16) = HB_HEAP_SIZE;
	put_arena(b, arena);
	hb_main(b)->next = arena;
	((struct malloc_state *)hb_at(b, arena))->next = HB_MAIN_ARENA;
	b->next = (arena + sizeof(struct malloc_state) + 15) & ~UINT64_C(15);
}

void hb_heap_top(struct heap_builder *b)
{
	struct malloc_state *state = hb_at(b, *hb_word(b, HB_HEAP));

	state->top = b->next;
	hb_chunk(b, HB_HEAP + HB_HEAP_SIZE - b->next);
}

void hb_link(struct heap_builder *b, uint64_t at, uint64_t next, unsigned minor)
{
	*hb_word(b, at) = minor >= 32 ? next ^ at >> 12 : next;
}

/* ---- The sample ---------------------------------------------------------------- */

/* The list of a thread's for chunks of a size. */
static void put_cached(struct heap_sample *s, const uint64_t *users, unsigned count, uint64_t size)
{
	unsigned bin = (unsigned)((size - CHUNK_MIN) / CHUNK_UNIT);
	uint8_t *tcache = hb_at(&s->b, s->tcache);
	uint64_t entries = s->minor >= 30 ? 128 : 64;

	if (s->minor >= 30)
		tcache[2 * bin] = (uint8_t)count;
	else
		tcache[bin] = (uint8_t)count;
	*hb_word(&s->b, s->tcache + entries + 8 * bin) = users[0];
	for (unsigned i = 0; i < count; i++)
		hb_link(&s->b, users[i], i + 1 < count ? users[i + 1] : 0, s->minor);
}

void heap_builder_sample(struct heap_sample *s, unsigned minor, bool banner)
{
	struct heap_builder *b = &s->b;

	heap_builder_init(b, banner ? minor : 0);
	s->minor = minor;
	s->tcache = hb_chunk(b, minor >= 30 ? 0x290 : 0x250);
	s->used[0] = hb_chunk(b, 0x20);
	for (int i = 0; i < 3; i++)
		s->cached[i] = hb_chunk(b, 0x40);
	for (int i = 0; i < 2; i++)
		s->fast[i] = hb_chunk(b, 0x60);
	s->unsorted = hb_chunk(b, 0x500);
	s->used[1] = hb_chunk(b, 0x30);
	s->small = hb_chunk(b, 0x100);
	s->used[2] = hb_chunk(b, 0x30);
	s->large = hb_chunk(b, 0x1000);
	hb_chunk(b, 0x30);
	hb_top(b);
	put_cached(s, s->cached, 3, 0x40);
	hb_main(b)->fastbins[4] = s->fast[0] - 16;
	hb_link(b, s->fast[0], s->fast[1] - 16, minor);
	hb_link(b, s->fast[1], 0, minor);
	hb_free(b, s->unsorted);
	hb_free(b, s->small);
	hb_free(b, s->large);
	hb_main(b)->bins[0] = s->unsorted - 16;
	*hb_word(b, s->unsorted) = bin_at(HB_MAIN_ARENA, 1);
	hb_second_arena(b, minor);
	s->other = hb_chunk(b, 0x80);
	hb_heap_top(b);
}
