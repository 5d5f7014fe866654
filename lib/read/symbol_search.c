#include "lib/read/symbol_search.h"

#include "lib/base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* How many symbols are looked at between two questions whether to stop. */
#define STRIDE 4096u

struct symbol_pattern {
	bool (*matches)(const struct symbol_pattern *pattern, const char *name);
	regex_t regex;
	size_t len;
	char text[];
};

/* ---- Patterns ------------------------------------------------------------ */

/* The name itself, or the name of a function before its arguments. */
static bool matches_name(const struct symbol_pattern *pattern, const char *name)
{
	return !strncmp(name, pattern->text, pattern->len) &&
	       (!name[pattern->len] || name[pattern->len] == '(');
}

static bool matches_glob(const struct symbol_pattern *pattern, const char *name)
{
	return !fnmatch(pattern->text, name, FNM_NOESCAPE);
}

static bool matches_regex(const struct symbol_pattern *pattern, const char *name)
{
	return !regexec(&pattern->regex, name, 0, NULL, 0);
}

/* The text between slashes. */
static int compile(struct symbol_pattern *pattern, struct err *err)
{
	char reason[128];
	int code;

	pattern->text[pattern->len - 1] = '\0';
	code = regcomp(&pattern->regex, pattern->text + 1, REG_EXTENDED | REG_NOSUB);
	if (!code) {
		pattern->matches = matches_regex;
		return 0;
	}
	regerror(code, &pattern->regex, reason, sizeof(reason));
	return err_set(err, ERR_USAGE, "/%s/: %s", pattern->text + 1, reason);
}

int symbol_pattern_create(const char *word, struct symbol_pattern **ret_pattern, struct err *err)
{
	AUTO_FREE struct symbol_pattern *pattern = NULL;
	size_t len = strlen(word);

	if (!len)
		return err_set(err, ERR_USAGE, "an empty name");
	pattern = calloc(1, sizeof(*pattern) + len + 1);
	if (!pattern)
		return err_os(err, ENOMEM, "name of a symbol");
	pattern->len = len;
	memcpy(pattern->text, word, len + 1);
	/* "operator[]" and "operator*" are names; their patterns can be had as /expressions/ */
	if (len > 2 && word[0] == '/' && word[len - 1] == '/') {
		if (compile(pattern, err))
			return -1;
	} else if (strpbrk(word, "*?[") && !strstr(word, "operator")) {
		pattern->matches = matches_glob;
	} else {
		pattern->matches = matches_name;
	}
	*ret_pattern = TAKE_PTR(pattern);
	return 0;
}

void symbol_pattern_destroy(struct symbol_pattern *pattern)
{
	if (!pattern)
		return;
	if (pattern->matches == matches_regex)
		regfree(&pattern->regex);
	free(pattern);
}

/* ---- Search -------------------------------------------------------------- */

static int by_address(const void *a, const void *b, void *context)
{
	const struct symtab_symbol *symbols = context;
	const struct symtab_symbol *x = &symbols[*(const uint32_t *)a];
	const struct symtab_symbol *y = &symbols[*(const uint32_t *)b];
	bool x_is_tls = x->type == STT_TLS, y_is_tls = y->type == STT_TLS;

	if (x_is_tls != y_is_tls)
		return x_is_tls ? 1 : -1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool matches(const struct symbols *symbols, uint32_t i, const struct symbol_pattern *pattern)
{
	const struct symtab *table = symbols_table(symbols);
	const char *text = symbols_text(symbols, i, NULL);

	if (text && pattern->matches(pattern, text))
		return true;
	return pattern->matches(pattern, table->names + table->symbols[i].name);
}

static int add(struct symbol_matches *found, uint32_t i)
{
	/* a power of two was just filled */
	if (!(found->count & (found->count - 1))) {
		uint32_t room = found->count ? found->count * 2 : 1;
		uint32_t *grown = reallocarray(found->list, room, sizeof(*grown));

		if (!grown)
			return -1;
		found->list = grown;
	}
	found->list[found->count++] = i;
	return 0;
}

int symbol_search(const struct symbols *symbols, const struct symbol_pattern *pattern,
                  bool (*stopped)(void *context), void *context, struct symbol_matches *ret_matches,
                  struct err *err)
{
	struct symbol_matches found = {0};
	uint32_t count = symbols_count(symbols);

	for (uint32_t i = 0; i < count; i++) {
		if (i % STRIDE == 0 && stopped && stopped(context))
			break;
		if (matches(symbols, i, pattern) && add(&found, i)) {
			free(found.list);
			return err_os(err, ENOMEM, "symbols found");
		}
	}
	if (found.count)
		qsort_r(found.list, found.count, sizeof(*found.list), by_address,
		        (void *)symbols_table(symbols)->symbols);
	*ret_matches = found;
	return 0;
}

/* ---- Words --------------------------------------------------------------- */

const char *symbol_type_name(const struct symbol *symbol)
{
	switch (symbol->type) {
	case STT_NOTYPE:
		return "label";
	case STT_OBJECT:
		return "object";
	case STT_FUNC:
		return "func";
	case STT_TLS:
		return "tls";
	case STT_GNU_IFUNC:
		return "ifunc";
	default:
		return "other";
	}
}

const char *symbol_bind_name(const struct symbol *symbol)
{
	switch (symbol->bind) {
	case STB_GLOBAL:
		return "global";
	case STB_GNU_UNIQUE:
		return "unique";
	case STB_WEAK:
		return "weak";
	default:
		return "local";
	}
}
