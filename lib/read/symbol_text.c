#include "lib/read/symbol_text.h"

#include "lib/base/text.h"
#include "lib/read/symbols.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)64 << 10)

/* Names are kept in chunks, which never move. */
struct chunk {
	struct chunk *next;
	size_t used;
	char bytes[CHUNK_SIZE];
};

struct text {
	const char *text; /* NULL: not made yet */
	size_t len;
};

struct symbol_texts {
	struct chunk *chunks;
	struct text texts[];
};

struct symbol_texts *symbol_texts_create(uint32_t count)
{
	struct symbol_texts *texts;

	return calloc(1, sizeof(*texts) + (size_t)count * sizeof(texts->texts[0]));
}

void symbol_texts_destroy(struct symbol_texts *texts)
{
	if (!texts)
		return;
	while (texts->chunks) {
		struct chunk *chunk = texts->chunks;

		texts->chunks = chunk->next;
		free(chunk);
	}
	free(texts);
}

static char *room_for(struct symbol_texts *texts, size_t len)
{
	struct chunk *chunk = texts->chunks;

	if (!chunk || CHUNK_SIZE - chunk->used < len) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->next = texts->chunks;
		chunk->used = 0;
		texts->chunks = chunk;
	}
	chunk->used += len;
	return chunk->bytes + chunk->used - len;
}

static bool make(struct symbol_texts *texts, const char *name, struct text *text)
{
	char plain[SYMBOL_NAME_SIZE], escaped[TEXT_ESCAPED_SIZE(SYMBOL_NAME_SIZE)];
	size_t len;
	char *room;

	_Static_assert(sizeof(escaped) <= CHUNK_SIZE, "the longest name fits");
	symbol_demangle(name, plain, sizeof(plain));
	len = text_escape(escaped, sizeof(escaped), plain, strlen(plain));
	room = room_for(texts, len + 1);
	if (!room)
		return false;
	memcpy(room, escaped, len + 1);
	*text = (struct text){room, len};
	return true;
}

const char *symbol_texts_get(struct symbol_texts *texts, const struct symtab *table, uint32_t index,
                             size_t *ret_len)
{
	struct text *text = &texts->texts[index];

	if (!text->text && !make(texts, table->names + table->symbols[index].name, text))
		return NULL;
	if (ret_len)
		*ret_len = text->len;
	return text->text;
}
