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
	const struct symtab *table;
	struct chunk *chunks;
	struct text *sections; /* behind those of the symbols */
	struct text symbols[];
};

struct symbol_texts *symbol_texts_create(const struct symtab *table)
{
	const struct symtab_header *h = table->header;
	size_t count = (size_t)h->symbol_count + h->section_count;
	struct symbol_texts *texts = calloc(1, sizeof(*texts) + count * sizeof(texts->symbols[0]));

	if (!texts)
		return NULL;
	texts->table = table;
	texts->sections = texts->symbols + h->symbol_count;
	return texts;
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

static bool keep(struct symbol_texts *texts, const char *plain, struct text *text)
{
	char escaped[TEXT_ESCAPED_SIZE(SYMBOL_NAME_SIZE)];
	size_t len = text_escape(escaped, sizeof(escaped), plain, strnlen(plain, SYMBOL_NAME_SIZE));
	char *room;

	_Static_assert(sizeof(escaped) <= CHUNK_SIZE, "the longest name fits");
	room = room_for(texts, len + 1);
	if (!room)
		return false;
	memcpy(room, escaped, len + 1);
	*text = (struct text){room, len};
	return true;
}

static const char *answer(const struct text *text, size_t *ret_len)
{
	if (ret_len)
		*ret_len = text->len;
	return text->text;
}

const char *symbol_texts_get(struct symbol_texts *texts, uint32_t symbol, size_t *ret_len)
{
	const struct symtab *table = texts->table;
	struct text *text = &texts->symbols[symbol];
	char plain[SYMBOL_NAME_SIZE];

	if (text->text)
		return answer(text, ret_len);
	symbol_demangle(table->names + table->symbols[symbol].name, plain, sizeof(plain));
	return keep(texts, plain, text) ? answer(text, ret_len) : NULL;
}

const char *symbol_texts_get_section(struct symbol_texts *texts, uint32_t section, size_t *ret_len)
{
	const struct symtab *table = texts->table;
	struct text *text = &texts->sections[section];

	if (!text->text && !keep(texts, table->names + table->sections[section].name, text))
		return NULL;
	return answer(text, ret_len);
}

void symbol_texts_prefetch(const struct symbol_texts *texts, uint32_t symbol)
{
	__builtin_prefetch(&texts->symbols[symbol]);
}
