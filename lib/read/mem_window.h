/*
 * mem_window.h - many small reads, mostly upwards, from a block that was read at once.
 */
#ifndef TPROC_READ_MEM_WINDOW_H
#define TPROC_READ_MEM_WINDOW_H

#include "lib/base/err.h"
#include "lib/read/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem_window {
	struct mem *mem;
	uint64_t lo; /* what the buffer has */
	size_t len;
	uint8_t *buf;
};

int mem_window_init(struct mem_window *window, struct mem *mem, struct err *err);
void mem_window_deinit(struct mem_window *window);

/* Copies len bytes (at most 4096) from addr.  False when they cannot be read. */
bool mem_window_read(struct mem_window *window, uint64_t addr, void *buf, size_t len);

#endif
