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
