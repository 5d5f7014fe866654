#include "lib/types/builder.h"

#include "lib/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for len bytes and a NUL. */
static bool make_room(struct builder *builder, size_t len)
{
	size_t wanted = builder->used + len + 1;
	size_t room = builder->room ? builder->room : 64;
	char *grown;

	if (builder->failed || len > BUILDER_MAX || wanted > BUILDER_MAX) {
		builder->failed = true;
		return false;
	}
	if (wanted <= builder->room)
		return true;
	while (room < wanted)
		room *= 2;
	grown = realloc(builder->text, room);
	if (!grown) {
		builder->failed = true;
		return false;
	}
	builder->text = grown;
	builder->room = room;
	return true;
}

void builder_put(struct builder *builder, const char *text, size_t len)
{
	if (!make_room(builder, len))
		return;
	memcpy(builder->text + builder->used, text, len);
	builder->used += len;
	builder->text[builder->used] = '\0';
}

void builder_printf(struct builder *builder, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !make_room(builder, (size_t)len))
		return;
	va_start(args, fmt);
	vsnprintf(builder->text + builder->used, (size_t)len + 1, fmt, args);
	va_end(args);
	builder->used += (size_t)len;
}

void builder_escaped(struct builder *builder, const char *text)
{
	size_t len = strlen(text);

	if (len > BUILDER_MAX / 4 || !make_room(builder, TEXT_ESCAPED_SIZE(len)))
		return;
	builder->used +=
		text_escape(builder->text + builder->used, TEXT_ESCAPED_SIZE(len), text, len);
}

const char *builder_take(struct builder *builder, struct arena *arena)
{
	const char *text = NULL;

	if (!builder->failed)
		text = arena_text(arena, builder->text ? builder->text : "", builder->used);
	builder->used = 0;
	builder->failed = false;
	return text;
}

void builder_deinit(struct builder *builder)
{
	free(builder->text);
	*builder = (struct builder){0};
}
