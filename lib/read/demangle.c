#include "lib/read/symbols.h"

#include <ctype.h>
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

/* How much of a name comes before a symbol version, "@GLIBC_2.34" or "@@GLIBC_2.34". */
static size_t length_without_version(const char *name, size_t len)
{
	const char *at = memrchr(name, '@', len);

	if (!at || at == name || (size_t)(at + 1 - name) == len || !strcmp(at, "@plt"))
		return len;
	for (const char *c = at + 1; c < name + len; c++) {
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '.')
			return len;
	}
	if (at - 1 > name && at[-1] == '@')
		at--;
	return (size_t)(at - name);
}

/* Demangles the first len bytes, not more than MANGLED_MAX. */
static bool demangle(struct sink *sink, const char *name, size_t len)
{
	char copy[MANGLED_MAX + 1];

	memcpy(copy, name, len);
	copy[len] = '\0';
	return demangle_into(sink, copy);
}

bool symbol_demangle(const char *name, char *dst, size_t size)
{
	struct sink sink = {.dst = dst, .size = size};
	size_t len = strnlen(name, MANGLED_MAX + 1);

	if (len <= MANGLED_MAX)
		len = length_without_version(name, len);
	if (name[0] == '_' && len <= MANGLED_MAX && size >= 4 && demangle(&sink, name, len)) {
		dst[sink.used] = '\0';
		return true;
	}
	if (len < size) {
		memcpy(dst, name, len);
		dst[len] = '\0';
	} else if (size >= 4) {
		memcpy(dst, name, size - 4);
		memcpy(dst + size - 4, "...", 4);
	} else if (size) {
		dst[0] = '\0';
	}
	return false;
}
