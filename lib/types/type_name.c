/*
 * Names of types, written as in a C declaration: what is left of the declared name, the name,
 * what is right of it.
 */
#include "lib/types/index.h"
#include "lib/types/type.h"

#include <dwarf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
	char *dst;
	size_t size;
	size_t used;
	int depth; /* of functions in functions */
};

#define FUNCTION_DEPTH_MAX 4
#define PARAMETERS_MAX 32

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	if (text->used >= text->size)
		return;
	va_start(args, fmt);
	len = vsnprintf(text->dst + text->used, text->size - text->used, fmt, args);
	va_end(args);
	if (len > 0)
		text->used += (size_t)len;
}

/* Before a name or a '*': "int" wants a blank, "int *" does not. */
static void put_space(struct text *text)
{
	if (text->used && text->used < text->size && !strchr(" *&(", text->dst[text->used - 1]))
		put(text, " ");
}

static void put_qualifiers(struct text *text, unsigned int qualifiers)
{
	static const struct {
		unsigned int bit;
		const char *word;
	} words[] = {
		{TYPE_CONST, "const"},
		{TYPE_VOLATILE, "volatile"},
		{TYPE_RESTRICT, "restrict"},
		{TYPE_ATOMIC, "_Atomic"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const bool begins = !text->used || (text->used < text->size &&
		                                    strchr("( ", text->dst[text->used - 1]));

		if (qualifiers & words[i].bit)
			put(text, begins ? "%s" : " %s", words[i].word);
	}
}

static const char *keyword(enum type_kind kind)
{
	switch (kind) {
	case TYPE_STRUCT:
		return "struct";
	case TYPE_CLASS:
		return "class";
	case TYPE_UNION:
		return "union";
	case TYPE_ENUM:
		return "enum";
	default:
		return "void";
	}
}

void type_path(const struct type *type, char *dst, size_t size)
{
	struct debug *debug = type_store_debug(type->store);
	const struct index_entry *entry = NULL;
	struct debug_index *index;
	struct err err;

	if (type->name && debug && type->die.addr && !debug_get_index(debug, &index, &err))
		entry = debug_index_of_die(index, &type->die);
	if (entry)
		index_entry_name(entry, dst, size);
	else
		snprintf(dst, size, "%s", type->name ? type->name : "");
}

/* C writes "struct point" where C++ writes "point". */
static bool wants_keyword(const struct type *type)
{
	Dwarf_Die die = type->die, unit;

	if (!type_is_record(type) && type->kind != TYPE_ENUM)
		return false;
	if (!type->die.addr || type->kind == TYPE_TYPEDEF || !dwarf_diecu(&die, &unit, NULL, NULL))
		return false;
	switch (dwarf_srclang(&unit)) {
	case DW_LANG_C:
	case DW_LANG_C89:
	case DW_LANG_C99:
	case DW_LANG_C11:
		return true;
	default:
		return false;
	}
}

/* Not of an array, a pointer or a function. */
static void put_plain(struct text *text, const struct type *type)
{
	char name[TYPE_NAME_SIZE];

	if (!type->name) {
		put(text, "%s {...}", keyword(type->kind));
		return;
	}
	if (wants_keyword(type))
		put(text, "%s ", keyword(type->kind));
	type_path(type, name, sizeof(name));
	put(text, "%s", name);
}

static bool wants_parentheses(const struct type *target)
{
	return target->kind == TYPE_ARRAY || target->kind == TYPE_FUNCTION;
}

static const char *mark(enum type_kind kind)
{
	return kind == TYPE_REFERENCE ? "&" : kind == TYPE_RVALUE ? "&&" : "*";
}

static bool is_outer(enum type_kind kind)
{
	return kind == TYPE_ARRAY || kind == TYPE_FUNCTION || kind == TYPE_POINTER ||
	       kind == TYPE_REFERENCE || kind == TYPE_RVALUE || kind == TYPE_MEMBER_POINTER;
}

/* The types from the declared name outwards, and what they all come to. */
struct chain {
	const struct type *links[TYPE_CHAIN_MAX];
	size_t count;
	const struct type *base;
	unsigned int base_qualifiers;
};

static void find_chain(const struct type *type, struct chain *chain)
{
	*chain = (struct chain){0};
	while (chain->count < TYPE_CHAIN_MAX) {
		const struct type *target = type;
		unsigned int qualifiers = 0;

		while (target->kind == TYPE_QUALIFIED && chain->count < TYPE_CHAIN_MAX - 1) {
			chain->links[chain->count++] = target;
			qualifiers |= target->qualifiers;
			target = type_target(target);
		}
		if (!is_outer(target->kind)) {
			while (chain->count &&
			       chain->links[chain->count - 1]->kind == TYPE_QUALIFIED)
				chain->count--;
			chain->base = target;
			chain->base_qualifiers = qualifiers;
			return;
		}
		if (chain->count < TYPE_CHAIN_MAX)
			chain->links[chain->count++] = target;
		type = type_target(target);
	}
	chain->base = type_store_void(type->store);
}

static void put_type(struct text *text, const struct type *type, const char *name);

static void put_parameters(struct text *text, const struct type *type)
{
	const struct type_parts *parts = type_get_parts(type);

	put(text, "(");
	if (text->depth >= FUNCTION_DEPTH_MAX) {
		put(text, "...)");
		return;
	}
	text->depth++;
	for (size_t i = 0; i < parts->parameter_count; i++) {
		put(text, "%s", i ? ", " : "");
		if (i == PARAMETERS_MAX) {
			put(text, "...");
			break;
		}
		put_type(text, parts->parameters[i], "");
	}
	text->depth--;
	if (parts->variadic)
		put(text, parts->parameter_count ? ", ..." : "...");
	else if (!parts->parameter_count)
		put(text, "void");
	put(text, ")");
}

static void put_left(struct text *text, const struct chain *chain, size_t i)
{
	const struct type *type = chain->links[i];

	switch (type->kind) {
	case TYPE_QUALIFIED:
		/* of an array: its elements' */
		put_qualifiers(text, type->qualifiers);
		break;
	case TYPE_POINTER:
	case TYPE_REFERENCE:
	case TYPE_RVALUE:
	case TYPE_MEMBER_POINTER:
		put_space(text);
		if (wants_parentheses(type_target(type)))
			put(text, "(");
		if (type->kind == TYPE_MEMBER_POINTER)
			put(text, "::");
		put(text, "%s", mark(type->kind));
		break;
	default:
		break;
	}
}

static void put_right(struct text *text, const struct type *type)
{
	switch (type->kind) {
	case TYPE_ARRAY:
		if (type->has_count)
			put(text, "[%llu]", (unsigned long long)type->count);
		else
			put(text, "[]");
		break;
	case TYPE_FUNCTION:
		put_parameters(text, type);
		break;
	case TYPE_QUALIFIED:
		break;
	default:
		if (wants_parentheses(type_target(type)))
			put(text, ")");
		break;
	}
}

static void put_type(struct text *text, const struct type *type, const char *name)
{
	struct chain chain;

	find_chain(type, &chain);
	if (chain.base_qualifiers) {
		put_qualifiers(text, chain.base_qualifiers);
		put(text, " ");
	}
	put_plain(text, chain.base);
	for (size_t i = chain.count; i > 0; i--)
		put_left(text, &chain, i - 1);
	if (*name) {
		put_space(text);
		put(text, "%s", name);
	} else if (chain.count && wants_parentheses(chain.links[0])) {
		put_space(text);
	}
	for (size_t i = 0; i < chain.count; i++)
		put_right(text, chain.links[i]);
}

void type_declare(const struct type *type, const char *name, char *dst, size_t size)
{
	struct text text = {.dst = dst, .size = size};

	if (!size)
		return;
	dst[0] = '\0';
	put_type(&text, type, name);
	if (text.used >= size && size > 3)
		memcpy(dst + size - 4, "...", 4);
}

void type_name(const struct type *type, char *dst, size_t size)
{
	type_declare(type, "", dst, size);
}

/* What everybody calls std::string is written so. */
static void shorten(char *name)
{
	static const char full[] =
		"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >";
	static const char brief[] = "std::string";
	char *at = strstr(name, full);

	for (; at; at = strstr(at + strlen(brief), full)) {
		char *rest = at + strlen(full);

		/* of its members the name stays whole */
		if (rest[0] == ':')
			continue;
		memcpy(at, brief, strlen(brief));
		memmove(at + strlen(brief), rest, strlen(rest) + 1);
	}
}

void type_display(const struct type *type, const char *name, char *dst, size_t size)
{
	type_declare(type, name, dst, size);
	shorten(dst);
}
