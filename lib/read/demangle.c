#include "lib/read/symbols.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

/* Mangled names longer than this are left as they are. */
#define MANGLED_MAX 8192

/*
 * A short mangled name can stand for an endless one (each substitution may double it), and
 * libiberty offers no way to say enough.  Its callback form keeps everything on the stack,
 * so leaving it by longjmp once the buffer is full loses nothing.
 */
struct sink {
	char *dst;
	size_t size; /* at least 4 */
	size_t used;
	jmp_buf full;
};

static void sink_take(const char *piece, size_t len, void *opaque)
{
	struct sink *sink = opaque;
	size_t room = sink->size - 1 - sink->used;

	if (len <= room) {
		memcpy(sink->dst + sink->used, piece, len);
		sink->used += len;
		return;
	}
	memcpy(sink->dst + sink->used, piece, room);
	memcpy(sink->dst + sink->size - 4, "...", 3);
	sink->used = sink->size - 1;
	longjmp(sink->full, 1);
}

/* 0 when it was none of theirs. */
static int demangle_into(struct sink *sink, const char *name)
{
	const int options = DMGL_PARAMS | DMGL_ANSI;

	if (setjmp(sink->full))
		return 1;
	if (rust_demangle_callback(name, options, sink_take, sink))
		return 1;
	sink->used = 0;
	return cplus_demangle_v3_callback(name, options, sink_take, sink);
}

bool symbol_demangle(const char *name, char *dst, size_t size)
{
	struct sink sink = {.dst = dst, .size = size};
	size_t len = strnlen(name, MANGLED_MAX + 1);

	if (name[0] == '_' && len <= MANGLED_MAX && size >= 4 && demangle_into(&sink, name)) {
		dst[sink.used] = '\0';
		return true;
	}
	if (len < size) {
		memcpy(dst, name, len + 1);
	} else if (size >= 4) {
		memcpy(dst, name, size - 4);
		memcpy(dst + size - 4, "...", 4);
	} else if (size) {
		dst[0] = '\0';
	}
	return false;
}
