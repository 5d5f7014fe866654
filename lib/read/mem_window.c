#include "lib/read/mem_window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Read where the last block ended, as when one thing follows another; and anywhere else. */
#define BLOCK (UINT64_C(256) << 10)
#define STEP UINT64_C(4096)

int mem_window_init(struct mem_window *window, struct mem *mem, struct err *err)
{
	*window = (struct mem_window){.mem = mem, .buf = malloc(BLOCK)};
	if (!window->buf)
		return err_os(err, ENOMEM, "memory to read into");
	return 0;
}

void mem_window_deinit(struct mem_window *window)
{
	free(window->buf);
	window->buf = NULL;
}

static bool has(const struct mem_window *window, uint64_t addr, size_t len)
{
	return addr >= window->lo && addr - window->lo <= window->len &&
	       window->len - (addr - window->lo) >= len;
}

bool mem_window_read(struct mem_window *window, uint64_t addr, void *buf, size_t len)
{
	uint64_t end = window->lo + window->len;
	struct err err;

	if (!has(window, addr, len)) {
		bool near = addr >= window->lo && addr <= end + STEP;

		window->lo = addr;
		window->len = 0;
		if (mem_read_some(window->mem, addr, window->buf, near ? BLOCK : STEP, &window->len,
		                  &err) ||
		    !has(window, addr, len))
			return false;
	}
	memcpy(buf, window->buf + (addr - window->lo), len);
	return true;
}
