#include "inspect/complete.h"

#include <string.h>

/*
 * Names in source form have to be made, once; whoever presses a key waits no longer than
 * this, and with the next key it goes on from there.
 */
#define PATIENCE_NS UINT64_C(200000000)
#define STRIDE 1024u
#define WORD_SIZE 256u

/*
 * A function without its arguments, which sym takes as well: blanks in them cannot be typed.
 * What is too long is not for typing either.
 */
static bool without_arguments(const char *text, size_t len, char *dst, size_t size)
{
	const char *end = memrchr(text, ')', len);
	int depth = 0;

	if (end && (!end[1] || end[1] == ' ')) {
		const char *open = end;

		for (; open > text; open--) {
			depth += (*open == ')') - (*open == '(');
			if (!depth)
				break;
		}
		len = open > text ? (size_t)(open - text) : len;
	}
	if (len >= size)
		return false;
	memcpy(dst, text, len);
	dst[len] = '\0';
	return true;
}

/* False when there is no more room or no more time. */
static bool add_symbols(const struct session *session, const struct symbols *symbols,
                        const char *prefix, uint64_t until, struct complete_list *list)
{
	uint32_t count = symbols_count(symbols);
	size_t prefix_len = strlen(prefix);

	for (uint32_t i = 0; i < count; i++) {
		size_t len;
		const char *text = symbols_text(symbols, i, &len);
		char word[WORD_SIZE];

		if (i % STRIDE == 0 && session_clock(session) > until)
			return false;
		if (text && !strncmp(text, prefix, prefix_len) &&
		    without_arguments(text, len, word, sizeof(word)) &&
		    !complete_add(list, prefix, word))
			return false;
	}
	return true;
}

/*
 * Nothing begins with nothing: there are too many.  Each file is looked at once, whoever has
 * mapped it.
 */
void complete_symbols(struct session *session, const char *prefix, struct complete_list *list)
{
	uint64_t until = session_clock(session) + PATIENCE_NS;
	const struct symbols *symbols;
	const struct snapshot *s;
	struct err ignored;

	if (!*prefix || session_refresh(session, &ignored))
		return;
	s = session->snapshot;
	for (size_t i = 0; i < s->image_count; i++) {
		const struct reg_image *image = snapshot_image(s, (uint32_t)i);

		if (!image || !image->abi.users ||
		    symcache_image(session->symbols, image, &symbols, &ignored))
			continue;
		if (!add_symbols(session, symbols, prefix, until, list))
			return;
	}
}
