#include "lib/read/capture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void capture_deinit(struct capture *capture)
{
	free(capture->stack);
	free(capture->vectors);
	*capture = (struct capture){0};
}

int capture_read(const struct capture *capture, struct mem *mem, uint64_t addr, void *buf,
                 size_t len, struct err *err)
{
	uint64_t off = addr - capture->stack_lo;

	if (addr >= capture->stack_lo && off < capture->stack_len) {
		size_t part = capture->stack_len - off < len ? capture->stack_len - off : len;

		memcpy(buf, capture->stack + off, part);
		addr += part;
		buf = (char *)buf + part;
		len -= part;
	}
	if (!len)
		return 0;
	if (!mem)
		return err_set(err, ERR_NOT_FOUND, "cannot read memory at 0x%" PRIx64, addr);
	return mem_read(mem, addr, buf, len, err);
}
