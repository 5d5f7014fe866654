/*
 * Characters and strings, as GDB writes them.
 */
#include "lib/types/render_parts.h"

#include "lib/base/text.h"

#include <stdio.h>
#include <string.h>

/* More equal characters than this are shown once. */
#define REPEATS_MAX 10

/* The letter before the quotes of characters of that type; NULL: they are none. */
const char *render_prefix(const struct type *type)
{
	static const struct {
		const char *name;
		const char *prefix;
	} wide[] = {{"wchar_t", "L"}, {"char16_t", "u"}, {"char32_t", "U"}, {"char8_t", "u8"}};

	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		for (size_t k = 0; type->name && k < sizeof(wide) / sizeof(wide[0]); k++) {
			if (!strcmp(type->name, wide[k].name))
				return wide[k].prefix;
		}
		if (type->kind != TYPE_TYPEDEF && type->kind != TYPE_QUALIFIED)
			return type->kind == TYPE_CHAR ? "" : NULL;
		type = type_target(type);
	}
	return NULL;
}

bool render_is_character(const struct type *type)
{
	return render_prefix(type);
}

/* ---- One character ------------------------------------------------------- */

static uint64_t load(const uint8_t *bytes, size_t size)
{
	uint64_t character = 0;

	memcpy(&character, bytes, size);
	return character;
}

static size_t encode(uint64_t character, char utf8[5])
{
	size_t len;

	if (character < 0x80) {
		utf8[0] = (char)character;
		len = 1;
	} else if (character < 0x800) {
		utf8[0] = (char)(0xc0 | character >> 6);
		utf8[1] = (char)(0x80 | (character & 0x3f));
		len = 2;
	} else if (character < 0x10000) {
		utf8[0] = (char)(0xe0 | character >> 12);
		utf8[1] = (char)(0x80 | (character >> 6 & 0x3f));
		utf8[2] = (char)(0x80 | (character & 0x3f));
		len = 3;
	} else {
		utf8[0] = (char)(0xf0 | character >> 18);
		utf8[1] = (char)(0x80 | (character >> 12 & 0x3f));
		utf8[2] = (char)(0x80 | (character >> 6 & 0x3f));
		utf8[3] = (char)(0x80 | (character & 0x3f));
		len = 4;
	}
	utf8[len] = '\0';
	return len;
}

/* Whether it may reach a terminal: well-formed, and nothing that controls it. */
static bool is_harmless(const char *utf8, size_t len)
{
	char escaped[TEXT_ESCAPED_SIZE(4)];

	return text_escape(escaped, sizeof(escaped), utf8, len) == len &&
	       !memcmp(escaped, utf8, len);
}

static void put_octal(struct render *r, uint64_t character, size_t size)
{
	if (character < 0x100)
		size = 1;
	for (size_t i = 0; i < size; i++)
		builder_printf(&r->text, "\\%03o", (unsigned int)(character >> i * 8 & 0xff));
}

static void put_character(struct render *r, uint64_t character, size_t size, char quote)
{
	static const char controls[] = "\a\b\t\n\f\r\v";
	static const char letters[] = "abtnfrv";
	const char *control =
		character && character < 0x20 ? strchr(controls, (int)character) : NULL;
	char utf8[5];
	size_t len;

	if (control) {
		builder_printf(&r->text, "\\%c", letters[control - controls]);
	} else if (character == (uint64_t)quote || character == '\\') {
		builder_printf(&r->text, "\\%c", (char)character);
	} else if (character < 0x20 || character == 0x7f || (size == 1 && character > 0x7f) ||
	           character > 0x10ffff) {
		put_octal(r, character, size);
	} else {
		len = encode(character, utf8);
		if (is_harmless(utf8, len))
			builder_put(&r->text, utf8, len);
		else
			put_octal(r, character, size);
	}
}

void render_character(struct render *r, uint64_t character, size_t size)
{
	builder_printf(&r->text, "'");
	put_character(r, character, size, '\'');
	builder_printf(&r->text, "'");
}

/* ---- Strings ------------------------------------------------------------- */

/* Bytes of a well-formed sequence of several bytes at text; 0: none. */
static size_t sequence_length(const uint8_t *text, size_t room)
{
	size_t len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : text[0] >= 0xc0 ? 2 : 0;

	if (!len || len > room || !is_harmless((const char *)text, len))
		return 0;
	return len;
}

struct quoting {
	bool open;  /* within "..." */
	bool begun; /* something was written */
};

static void open_quotes(struct render *r, struct quoting *q, const char *prefix)
{
	if (q->open)
		return;
	builder_printf(&r->text, "%s%s\"", q->begun ? ", " : "", prefix);
	q->open = q->begun = true;
}

static void close_quotes(struct render *r, struct quoting *q)
{
	if (q->open)
		builder_printf(&r->text, "\"");
	q->open = false;
}

static size_t run_length(const uint8_t *bytes, size_t count, size_t size)
{
	size_t run = 1;

	while (run < count && !memcmp(bytes, bytes + run * size, size))
		run++;
	return run;
}

void render_characters(struct render *r, const uint8_t *bytes, size_t count, size_t size,
                       const char *prefix, bool is_cut)
{
	struct quoting q = {0};

	for (size_t at = 0; at < count;) {
		const uint8_t *text = bytes + at * size;
		size_t run = run_length(text, count - at, size);
		size_t sequence = size == 1 ? sequence_length(text, count - at) : 0;

		if (run > REPEATS_MAX) {
			close_quotes(r, &q);
			builder_printf(&r->text, "%s%s", q.begun ? ", " : "", prefix);
			render_character(r, load(text, size), size);
			builder_printf(&r->text, " <repeats %zu times>", run);
			q.begun = true;
			at += run;
			continue;
		}
		open_quotes(r, &q, prefix);
		if (sequence) {
			builder_put(&r->text, (const char *)text, sequence);
			at += sequence;
			continue;
		}
		put_character(r, load(text, size), size, '"');
		at++;
	}
	close_quotes(r, &q);
	if (!q.begun)
		builder_printf(&r->text, "%s\"\"", prefix);
	if (is_cut)
		builder_printf(&r->text, "...");
}

int render_string_at(struct render *r, uint64_t addr, const struct type *character, struct err *err)
{
	struct mem *mem = catalog_target(r->catalog)->mem;
	size_t size = type_strip(character)->size, count = 0, got;
	uint64_t wanted = (uint64_t)r->options->limit * size;
	uint8_t *bytes;

	if (!size || size > 4)
		return err_set(err, ERR_INVALID, "characters of %zu bytes", size);
	if (!mem)
		return err_set(err, ERR_NOT_FOUND, "no process of the space can be looked at");
	bytes = arena_array(r->arena, r->options->limit + 1, size);
	if (!bytes) {
		r->failed = true;
		return 0;
	}
	if (wanted > UINT64_MAX - addr)
		wanted = UINT64_MAX - addr;
	if (mem_read_some(mem, addr, bytes, wanted, &got, err))
		return -1;
	if (got < size && wanted)
		return err_set(err, ERR_NOT_FOUND, "Cannot access memory at address 0x%llx",
		               (unsigned long long)addr);
	while ((count + 1) * size <= got && load(bytes + count * size, size))
		count++;
	render_characters(r, bytes, count, size, render_prefix(character),
	                  (count + 1) * size > got);
	return 0;
}
