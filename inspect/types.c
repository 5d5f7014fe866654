/* types: how types lie in memory, and who has them. */
#include "inspect/debugging.h"
#include "inspect/line.h"
#include "inspect/options.h"
#include "inspect/types.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { IN, LIMIT };

static const struct verb_option options[] = {
	[IN] = {"in", "ID", "only types of this threadproc", TAKES_COMPONENT},
	[LIMIT] = {"limit", "N", "list at most N types (1000)"},
	{NULL},
};

/* ---- What was found ------------------------------------------------------ */

static int add(struct types_list *list, const struct found *found, struct err *err)
{
	struct found *grown;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 16;
		grown = reallocarray(list->list, list->room, sizeof(*grown));
		if (!grown)
			return err_os(err, ENOMEM, "types");
		list->list = grown;
	}
	list->list[list->count++] = *found;
	return 0;
}

struct search {
	const char *name;
	enum type_kind tag;
	struct types_list *list;
	struct found module;
	size_t limit;
	struct err *err;
};

/* One of each module: its definition, else a declaration. */
static int take_named(void *context, const struct index_entry *entry, bool exact)
{
	struct search *search = context;

	if (!entry_has_tag(entry, search->tag) || (entry->declaration && search->module.entry))
		return 0;
	search->module.entry = entry;
	return !entry->declaration;
}

/* A pattern without "::" and "<" is for the name itself: what is before the template's arguments.
 */
static bool matches(const char *pattern, const struct index_entry *entry, const char *path)
{
	char name[TYPE_NAME_SIZE];

	if (strstr(pattern, "::") || strchr(pattern, '<'))
		return !fnmatch(pattern, path, 0);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(entry->name, "<"), entry->name);
	return !fnmatch(pattern, name, 0);
}

static int take_matching(void *context, const struct index_entry *entry, bool exact)
{
	struct search *search = context;
	struct found found = search->module;
	char name[TYPE_NAME_SIZE];

	index_entry_name(entry, name, sizeof(name));
	if (entry->declaration || !entry_has_tag(entry, search->tag) ||
	    !matches(search->name, entry, name))
		return 0;
	if (search->list->count == search->limit) {
		search->list->cut = true;
		return 1;
	}
	found.entry = entry;
	return add(search->list, &found, search->err);
}

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[");
}

static int search_module(void *context, const struct found *module, struct err *err)
{
	struct search *search = context;
	struct debug_index *index;

	if (debug_get_index(module->debug, &index, err))
		return err->code == ERR_LIMIT ? -1 : 0;
	search->module = *module;
	if (is_pattern(search->name))
		return debug_index_each(index, ENTRY_TYPE, take_matching, search);
	debug_index_find(index, ENTRY_TYPE, search->name, take_named, search);
	return search->module.entry ? add(search->list, &search->module, err) : 0;
}

/* "struct node": the tag, and what is left. */
static enum type_kind take_tag(const char **name)
{
	static const struct {
		const char *word;
		enum type_kind tag;
	} tags[] = {
		{"struct ", TYPE_STRUCT},
		{"class ", TYPE_CLASS},
		{"union ", TYPE_UNION},
		{"enum ", TYPE_ENUM},
	};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t len = strlen(tags[i].word);

		if (strncmp(*name, tags[i].word, len) != 0)
			continue;
		*name += len + strspn(*name + len, " ");
		return tags[i].tag;
	}
	return TYPE_VOID;
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	char x_name[TYPE_NAME_SIZE], y_name[TYPE_NAME_SIZE];
	int order;

	index_entry_name(x->entry, x_name, sizeof(x_name));
	index_entry_name(y->entry, y_name, sizeof(y_name));
	order = strcmp(x_name, y_name);
	if (order)
		return order;
	return (x->debug > y->debug) - (x->debug < y->debug);
}

/* Each unit of a file has its own copy of what a header defines. */
static void drop_copies(struct types_list *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->list, list->count, sizeof(*list->list), by_name);
	for (size_t i = 0; i < list->count; i++) {
		if (!kept || by_name(&list->list[kept - 1], &list->list[i]))
			list->list[kept++] = list->list[i];
	}
	list->count = kept;
}

static int find(struct debugging *debugging, const struct verb_args *args, struct types_list *list,
                struct err *err)
{
	struct search search = {
		.name = line_unquote(args->words[0]), .list = list, .limit = 100000, .err = err};
	const struct reg_threadproc *tp;
	uint64_t limit = 1000;

	if (args->options[LIMIT] &&
	    option_number("limit", args->options[LIMIT], 1, 100000, &limit, err))
		return -1;
	if (debugging_threadproc(debugging->session, args->options[IN], &tp, err))
		return -1;
	search.tag = take_tag(&search.name);
	if (catalog_each(debugging->catalog, tp, CATALOG_ALL, search_module, &search, err) < 0)
		return -1;
	list->pattern = is_pattern(search.name);
	if (list->pattern)
		drop_copies(list);
	if (list->count > limit) {
		list->count = limit;
		list->cut = true;
	}
	if (!list->count)
		return err_set(err, ERR_NOT_FOUND, "no type %s %s",
		               list->pattern ? "matches" : "is called", search.name);
	return 0;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct types_list list = {0};
	struct debugging debugging;
	int ret;

	if (debugging_begin(&debugging, session, err))
		return -1;
	ret = find(&debugging, args, &list, err);
	debugging_rest(&debugging);
	if (ret)
		ret = session_interrupted(session) ? session_stopped(err) : -1;
	else
		ret = session->json ? types_json(session, &debugging, &list, err)
		                    : types_text(session, &debugging, &list, err);
	free(list.list);
	debugging_end(&debugging);
	return ret;
}

const struct verb verb_types = {
	.name = "types",
	.usage = "NAME",
	.help = "how a type lies in memory, and who has it",
	.details = "Members with offsets and sizes in bytes (8:3 is bit 3 of byte 8), holes, "
		   "enumerators.\n"
		   "NAME may begin with struct, class, union or enum, and may be a pattern with *, "
		   "? and\n"
		   "[], for which all types that match are listed.\n"
		   "When several programs have a type of that name, it is said whether it is the "
		   "same.\n",
	.example = "types struct node",
	.options = options,
	.takes = TAKES_TYPE,
	.args_min = 1,
	.args_max = 1,
	.raw = true,
	.needs_space = true,
	.run = run,
};
