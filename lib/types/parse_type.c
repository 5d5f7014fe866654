/*
 * Names and types within expressions.
 */
#include "lib/types/parse_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_PARTS_MAX 64

static int no_memory(struct parser *p)
{
	return err_os(p->err, ENOMEM, "expression");
}

/* ---- Names --------------------------------------------------------------- */

/* Where the '>' is that closes the '<' at text; NULL when there is none. */
static const char *closing(const char *text)
{
	int depth = 0;

	for (; *text; text++) {
		if (*text == '<')
			depth++;
		else if (*text == '>' && !--depth)
			return text;
		else if (*text == '\'' || *text == ';')
			return NULL;
	}
	return NULL;
}

/* Goes on behind a place within the expression. */
static int move_to(struct parser *p, const char *at)
{
	p->at = at;
	return parser_move(p);
}

/* "<...>" behind a name, if with it the name is a type. */
static int template_arguments(struct parser *p, const char *begin, const char *quoted,
                              const char **end)
{
	const char *close = closing(p->token.text);
	struct expr_name name = {.quoted = quoted};

	if (!close)
		return 0;
	name.path = arena_text(p->arena, begin, (size_t)(close + 1 - begin));
	if (!name.path)
		return no_memory(p);
	/* "a<b>::c": what is in a template may be anything */
	if (strncmp(close + 1, "::", 2) != 0 &&
	    !p->names->is_type(p->names->context, TYPE_VOID, &name))
		return 0;
	*end = close + 1;
	return move_to(p, *end);
}

/* Parts with "::" between them, from the current word on. */
static int name_parts(struct parser *p, const char *quoted, const char **ret_begin,
                      const char **ret_end)
{
	const char *begin = p->token.text, *end = begin;
	bool wants_part = true;

	for (int parts = 0; parts < NAME_PARTS_MAX; parts++) {
		bool is_number = p->token.kind == TOKEN_INTEGER && !parts;

		if (p->token.kind == TOKEN_SCOPE && (!wants_part || !parts)) {
			wants_part = true;
		} else if (wants_part && (p->token.kind == TOKEN_NAME || is_number)) {
			wants_part = false;
		} else {
			break;
		}
		end = p->token.text + p->token.len;
		if (parser_move(p))
			return -1;
		if (!wants_part && parser_is(p, '<') && template_arguments(p, begin, quoted, &end))
			return -1;
	}
	if (wants_part)
		return parser_fail(p, "a name is missing");
	*ret_begin = begin;
	*ret_end = end;
	return 0;
}

int parser_name(struct parser *p, struct expr_name *ret_name)
{
	struct expr_name name = {0};
	const char *begin = NULL, *end = NULL;

	if (p->token.kind == TOKEN_QUOTED) {
		name.quoted = arena_text(p->arena, p->token.text + 1, p->token.len - 2);
		if (!name.quoted)
			return no_memory(p);
		if (parser_move(p))
			return -1;
		if (p->token.kind != TOKEN_SCOPE)
			return parser_fail(p, "behind a name in quotes a :: is missing");
		if (parser_move(p))
			return -1;
	}
	if (name_parts(p, name.quoted, &begin, &end))
		return -1;
	name.path = arena_text(p->arena, begin, (size_t)(end - begin));
	if (!name.path)
		return no_memory(p);
	*ret_name = name;
	return 0;
}

int parser_member_name(struct parser *p, struct expr_name *ret_name)
{
	const char *begin = p->token.text;
	const char *end = begin + p->token.len;

	if (parser_move(p))
		return -1;
	/* _vptr.Shape */
	if (parser_is(p, '.') && !strncmp(begin, "_vptr", (size_t)(end - begin)) &&
	    p->token.text == end) {
		if (parser_move(p))
			return -1;
		end = p->token.text + p->token.len;
		if (parser_move(p))
			return -1;
	}
	ret_name->path = arena_text(p->arena, begin, (size_t)(end - begin));
	return ret_name->path ? 0 : no_memory(p);
}

/* ---- Words of types ------------------------------------------------------ */

enum word {
	WORD_CONST,
	WORD_VOLATILE,
	WORD_STRUCT,
	WORD_CLASS,
	WORD_UNION,
	WORD_ENUM,
	WORD_SIGNED,
	WORD_UNSIGNED,
	WORD_SHORT,
	WORD_LONG,
	WORD_INT,
	WORD_CHAR,
	WORD_INT128,
	WORD_OTHER, /* void, bool, float ...: no other word goes with it, but for long double */
	WORD_NONE,
};

static enum word word_of(const struct token *token)
{
	static const struct {
		const char *text;
		enum word word;
	} words[] = {
		{"const", WORD_CONST},     {"volatile", WORD_VOLATILE}, {"struct", WORD_STRUCT},
		{"class", WORD_CLASS},     {"union", WORD_UNION},       {"enum", WORD_ENUM},
		{"signed", WORD_SIGNED},   {"unsigned", WORD_UNSIGNED}, {"short", WORD_SHORT},
		{"long", WORD_LONG},       {"int", WORD_INT},           {"char", WORD_CHAR},
		{"__int128", WORD_INT128}, {"void", WORD_OTHER},        {"bool", WORD_OTHER},
		{"_Bool", WORD_OTHER},     {"float", WORD_OTHER},       {"double", WORD_OTHER},
		{"wchar_t", WORD_OTHER},   {"char8_t", WORD_OTHER},     {"char16_t", WORD_OTHER},
		{"char32_t", WORD_OTHER},
	};

	if (token->kind != TOKEN_NAME)
		return WORD_NONE;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].text) == token->len &&
		    !strncmp(words[i].text, token->text, token->len))
			return words[i].word;
	}
	return WORD_NONE;
}

struct words {
	int counts[WORD_NONE];
	char other[16];
};

static bool is_number_word(enum word word)
{
	return word >= WORD_SIGNED && word < WORD_NONE;
}

/* The one name that the words together stand for; NULL when they do not go together. */
static const char *base_name(const struct words *w)
{
	const int *n = w->counts;
	bool is_unsigned = n[WORD_UNSIGNED];

	if (n[WORD_OTHER]) {
		if (n[WORD_LONG] && !strcmp(w->other, "double"))
			return "long double";
		return !strcmp(w->other, "_Bool") ? "bool" : w->other;
	}
	if (n[WORD_SIGNED] && is_unsigned)
		return NULL;
	if (n[WORD_CHAR])
		return n[WORD_SIGNED] ? "signed char" : is_unsigned ? "unsigned char" : "char";
	if (n[WORD_INT128])
		return is_unsigned ? "unsigned __int128" : "__int128";
	if (n[WORD_SHORT])
		return is_unsigned ? "unsigned short" : "short";
	if (n[WORD_LONG] > 1)
		return is_unsigned ? "unsigned long long" : "long long";
	if (n[WORD_LONG])
		return is_unsigned ? "unsigned long" : "long";
	return is_unsigned ? "unsigned int" : "int";
}

/* ---- Types --------------------------------------------------------------- */

static bool take_qualifier(const struct parser *p, unsigned int *qualifiers)
{
	enum word word = word_of(&p->token);

	if (word == WORD_CONST)
		*qualifiers |= TYPE_CONST;
	else if (word == WORD_VOLATILE)
		*qualifiers |= TYPE_VOLATILE;
	return word == WORD_CONST || word == WORD_VOLATILE;
}

static int number_type(struct parser *p, struct expr_type *type)
{
	struct words words = {0};
	const char *name;

	for (;;) {
		enum word word = word_of(&p->token);

		if (is_number_word(word)) {
			words.counts[word]++;
			if (word == WORD_OTHER)
				snprintf(words.other, sizeof(words.other), "%.*s",
				         (int)p->token.len, p->token.text);
		} else if (!take_qualifier(p, &type->qualifiers)) {
			break;
		}
		if (parser_move(p))
			return -1;
	}
	name = base_name(&words);
	if (!name)
		return parser_fail(p, "no such type");
	type->is_base = true;
	type->name.path = arena_text(p->arena, name, strlen(name));
	return type->name.path ? 0 : no_memory(p);
}

static int tagged_type(struct parser *p, struct expr_type *type)
{
	enum word word = word_of(&p->token);

	if (word >= WORD_STRUCT && word <= WORD_ENUM) {
		type->tag = word == WORD_UNION  ? TYPE_UNION
		            : word == WORD_ENUM ? TYPE_ENUM
		                                : TYPE_STRUCT;
		if (parser_move(p))
			return -1;
	}
	return parser_name(p, &type->name);
}

static int base_type(struct parser *p, struct expr_type *type)
{
	int ret;

	while (take_qualifier(p, &type->qualifiers)) {
		if (parser_move(p))
			return -1;
	}
	ret = is_number_word(word_of(&p->token)) ? number_type(p, type) : tagged_type(p, type);
	while (!ret && take_qualifier(p, &type->qualifiers))
		ret = parser_move(p);
	return ret;
}

static int derive(struct parser *p, struct expr_type *type, enum type_kind kind, uint64_t count)
{
	if (type->derived_count == EXPR_DERIVED_MAX)
		return parser_fail(p, "too many pointers");
	type->derived[type->derived_count].kind = kind;
	type->derived[type->derived_count].count = count;
	type->derived[type->derived_count].qualifiers = 0;
	type->derived_count++;
	return 0;
}

static int pointers(struct parser *p, struct expr_type *type)
{
	for (;;) {
		if (parser_is(p, '*')) {
			if (derive(p, type, TYPE_POINTER, 0))
				return -1;
		} else if (parser_is(p, '&')) {
			if (derive(p, type, TYPE_REFERENCE, 0))
				return -1;
		} else if (parser_is(p, OP_AND)) {
			if (derive(p, type, TYPE_RVALUE, 0))
				return -1;
		} else if (!type->derived_count ||
		           !take_qualifier(p, &type->derived[type->derived_count - 1].qualifiers)) {
			return 0;
		}
		if (parser_move(p))
			return -1;
	}
}

/* "[2][3]": the last one is the innermost. */
static int dimensions(struct parser *p, struct expr_type *type)
{
	uint64_t counts[EXPR_DERIVED_MAX];
	size_t count = 0;

	while (parser_is(p, '[') && count < EXPR_DERIVED_MAX) {
		if (parser_move(p))
			return -1;
		if (p->token.kind != TOKEN_INTEGER)
			return parser_fail(p, "the length of the array is missing");
		counts[count++] = p->token.integer;
		if (parser_move(p) || parser_expect(p, ']', "a ] is missing"))
			return -1;
	}
	while (count) {
		if (derive(p, type, TYPE_ARRAY, counts[--count]))
			return -1;
	}
	return 0;
}

int parser_type(struct parser *p, struct expr_type *ret_type)
{
	struct expr_type type = {0}, inner = {0};

	if (base_type(p, &type) || pointers(p, &type))
		return -1;
	/* "(*)[4]": what is in the parentheses comes after what follows them */
	if (parser_is(p, '(')) {
		if (parser_move(p) || pointers(p, &inner) ||
		    parser_expect(p, ')', "a ) is missing"))
			return -1;
	}
	if (dimensions(p, &type))
		return -1;
	for (size_t i = 0; i < inner.derived_count; i++) {
		if (derive(p, &type, inner.derived[i].kind, 0))
			return -1;
	}
	*ret_type = type;
	return 0;
}

/* Whether a type begins here. */
static int at_type(struct parser *p, bool *ret_is_type)
{
	struct parser_place place;
	struct expr_name name;
	bool is_name = p->token.kind == TOKEN_NAME || p->token.kind == TOKEN_QUOTED ||
	               p->token.kind == TOKEN_SCOPE || p->token.kind == TOKEN_INTEGER;

	*ret_is_type = word_of(&p->token) != WORD_NONE;
	if (*ret_is_type || !is_name ||
	    (p->token.kind == TOKEN_INTEGER && strncmp(p->token.text + p->token.len, "::", 2) != 0))
		return 0;
	parser_save(p, &place);
	if (parser_name(p, &name))
		return -1;
	*ret_is_type = p->names->is_type(p->names->context, TYPE_VOID, &name);
	parser_restore(p, &place);
	return 0;
}

int parser_type_in_parentheses(struct parser *p, struct expr_type *ret_type, bool *ret_is_type)
{
	struct parser_place place;
	bool is_type = false;

	parser_save(p, &place);
	if (parser_move(p) || at_type(p, &is_type))
		return -1;
	if (!is_type) {
		parser_restore(p, &place);
		*ret_is_type = false;
		return 0;
	}
	if (parser_type(p, ret_type) || parser_expect(p, ')', "a ) is missing"))
		return -1;
	*ret_is_type = true;
	return 0;
}
