/* Types as text. */
#include "inspect/types.h"

#include "lib/base/cleanup.h"
#include "lib/types/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *types_keyword(const struct type *type)
{
	switch (type->kind) {
	case TYPE_STRUCT:
		return "struct";
	case TYPE_CLASS:
		return "class";
	case TYPE_UNION:
		return "union";
	case TYPE_ENUM:
		return "enum";
	case TYPE_TYPEDEF:
		return "typedef";
	default:
		return "base";
	}
}

const struct type *types_unnamed(const struct layout_row *row)
{
	const struct type *type = row->member ? type_strip(row->member->type) : NULL;

	return type && type_is_record(type) && !type->name ? type : NULL;
}

void types_each_owner(struct debugging *debugging, const struct found *found,
                      void (*visit)(void *context, const struct reg_threadproc *tp), void *context)
{
	const struct snapshot *s = catalog_target(debugging->catalog)->snapshot;

	for (size_t i = 0; i < s->threadproc_count; i++) {
		const struct reg_threadproc *tp = &s->threadprocs[i];

		for (size_t k = 0; reg_threadproc_lives(tp) && k < tp->module_count; k++) {
			struct debug *debug;
			struct err err;

			if (tp->modules[k].abi.image != found->module->abi.image ||
			    catalog_debug(debugging->catalog, &tp->modules[k], &debug, &err) ||
			    debug != found->debug)
				continue;
			visit(context, tp);
			break;
		}
	}
}

/* ---- Comparison ---------------------------------------------------------- */

static bool same_rows(const struct layout *a, const struct layout *b)
{
	if (a->size != b->size || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct layout_row *x = &a->rows[i], *y = &b->rows[i];
		char x_type[TYPE_NAME_SIZE], y_type[TYPE_NAME_SIZE];

		if (x->kind != y->kind || x->bit != y->bit || x->bits != y->bits ||
		    !x->member != !y->member)
			return false;
		if (!x->member)
			continue;
		type_declare(x->member->type, x->member->name ? x->member->name : "", x_type,
		             sizeof(x_type));
		type_declare(y->member->type, y->member->name ? y->member->name : "", y_type,
		             sizeof(y_type));
		if (strcmp(x_type, y_type) != 0)
			return false;
	}
	return true;
}

static bool same_enumerators(const struct type *a, const struct type *b)
{
	const struct type_parts *x = type_get_parts(a), *y = type_get_parts(b);

	if (a->size != b->size || x->enumerator_count != y->enumerator_count)
		return false;
	for (size_t i = 0; i < x->enumerator_count; i++) {
		if (x->enumerators[i].value != y->enumerators[i].value ||
		    strcmp(x->enumerators[i].name, y->enumerators[i].name) != 0)
			return false;
	}
	return true;
}

static bool same_types(struct debugging *debugging, const struct found *a, const struct type *x,
                       const struct found *b, const struct type *y)
{
	struct layout x_layout, y_layout;
	uint64_t x_size = 0, y_size = 0;
	struct err err;
	bool same;

	if (x->kind == TYPE_ENUM)
		return y->kind == TYPE_ENUM && same_enumerators(x, y);
	if (!type_is_record(x) || !type_is_record(y)) {
		type_size(x, &x_size);
		type_size(y, &y_size);
		return x->kind == y->kind && x_size == y_size;
	}
	if (layout_of(debugging->catalog, a->tp, x, &x_layout, &err))
		return false;
	if (layout_of(debugging->catalog, b->tp, y, &y_layout, &err)) {
		layout_deinit(&x_layout);
		return false;
	}
	same = same_rows(&x_layout, &y_layout);
	layout_deinit(&x_layout);
	layout_deinit(&y_layout);
	return same;
}

bool types_same_layout(struct debugging *debugging, const struct found *a, const struct found *b)
{
	const struct type *x, *y;
	struct err err;

	if (found_type(a, &x, &err) || found_type(b, &y, &err))
		return false;
	return same_types(debugging, a, type_strip(x), b, type_strip(y));
}

/* ---- One in full --------------------------------------------------------- */

struct owners {
	FILE *out;
	size_t count;
};

static void put_owner(void *context, const struct reg_threadproc *tp)
{
	struct owners *owners = context;

	fputs(owners->count++ ? ", " : "", owners->out);
	out_text(owners->out, tp->abi.name);
	fprintf(owners->out, "(%" PRIu32 ")", tp->abi.id);
}

static void put_who(struct session *session, struct debugging *debugging, const struct found *found)
{
	struct owners owners = {.out = session->out};

	types_each_owner(debugging, found, put_owner, &owners);
	fputs(" (", session->out);
	out_text(session->out, found->module->path);
	fputc(')', session->out);
}

static void put_name(struct session *session, const struct type *type)
{
	char name[TYPE_NAME_SIZE];

	type_path(type, name, sizeof(name));
	fprintf(session->out, "%s %s", types_keyword(type), out_style(session->colour, OUT_BOLD));
	out_text(session->out, *name ? name : "{...}");
	fputs(out_style(session->colour, OUT_PLAIN), session->out);
}

static void put_headline(struct session *session, struct debugging *debugging,
                         const struct found *found, const struct type *type)
{
	FILE *out = session->out;
	struct source_place place;
	uint64_t size;

	put_name(session, type);
	if (type_size(type, &size))
		fprintf(out, ", %" PRIu64 " byte%s", size, size == 1 ? "" : "s");
	fputs(", of ", out);
	put_who(session, debugging, found);
	if (source_declared(found->debug, found->entry, &place)) {
		fputs(", ", out);
		out_text(out, place.file);
		fprintf(out, ":%u", place.line);
	}
	fputc('\n', out);
}

static void put_place(FILE *out, const struct layout_row *row, uint64_t base)
{
	uint64_t bit = base + row->bit;

	if (row->kind == LAYOUT_VIRTUAL_BASE)
		fprintf(out, "  %8s", "?");
	else if (bit % 8 || row->bits % 8 || (row->member && row->member->bit_size))
		fprintf(out, "  %6" PRIu64 ":%" PRIu64, bit / 8, bit % 8);
	else
		fprintf(out, "  %8" PRIu64, bit / 8);
	if (row->member && row->member->bit_size)
		fprintf(out, "  %4s:%" PRIu64, "", row->bits);
	else if (row->bits % 8)
		fprintf(out, "  %4" PRIu64 ":%" PRIu64, row->bits / 8, row->bits % 8);
	else
		fprintf(out, "  %6" PRIu64, row->bits / 8);
}

static void put_row(struct session *session, const struct layout_row *row, uint64_t base, int depth)
{
	char text[TYPE_NAME_SIZE];
	FILE *out = session->out;

	put_place(out, row, base);
	fprintf(out, "  %*s", 2 * depth, "");
	if (!row->member) {
		fprintf(out, "%s%s%s\n", out_style(session->colour, OUT_YELLOW),
		        row->kind == LAYOUT_HOLE ? "(hole)" : "(padding)",
		        out_style(session->colour, OUT_PLAIN));
		return;
	}
	if (row->kind == LAYOUT_VIRTUAL_BASE)
		fputs("virtual ", out);
	type_display(row->member->type, row->member->name ? row->member->name : "", text,
	             sizeof(text));
	out_text(out, text);
	fputs(row->member->is_base ? " (base class)\n" : "\n", out);
}

/* The record's members, and within them those of records that have no name of their own. */
static void put_rows(struct session *session, struct debugging *debugging,
                     const struct found *found, const struct layout *layout, uint64_t base,
                     int depth)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct layout_row *row = &layout->rows[i];
		const struct type *type = types_unnamed(row);
		struct layout inner;
		struct err err;

		put_row(session, row, base, depth);
		if (!type || depth >= TYPES_DEPTH_MAX ||
		    layout_of(debugging->catalog, found->tp, type, &inner, &err))
			continue;
		put_rows(session, debugging, found, &inner, base + row->bit, depth + 1);
		layout_deinit(&inner);
	}
}

static void put_bits(FILE *out, uint64_t bits)
{
	if (bits % 8)
		fprintf(out, "%" PRIu64 " bits", bits);
	else
		fprintf(out, "%" PRIu64 " byte%s", bits / 8, bits == 8 ? "" : "s");
}

static int put_layout(struct session *session, struct debugging *debugging,
                      const struct found *found, const struct type *type, struct err *err)
{
	struct layout layout;
	FILE *out = session->out;

	if (layout_of(debugging->catalog, found->tp, type, &layout, err))
		return err->code == ERR_NOT_FOUND
		               ? (fputs("  only its declaration is known\n", out), 0)
		               : -1;
	fprintf(out, "  %8s  %6s  MEMBER\n", "OFFSET", "SIZE");
	put_rows(session, debugging, found, &layout, 0, 0);
	if (layout.hole_count) {
		fprintf(out, "  %zu hole%s, ", layout.hole_count,
		        layout.hole_count == 1 ? "" : "s");
		put_bits(out, layout.hole_bits - layout.padding_bits);
		fputc('\n', out);
	}
	layout_deinit(&layout);
	return 0;
}

static void put_enumerators(struct session *session, const struct type *type)
{
	const struct type_parts *parts = type_get_parts(type);

	for (size_t i = 0; i < parts->enumerator_count; i++) {
		if (type->is_signed)
			fprintf(session->out, "  %10" PRId64 "  ", parts->enumerators[i].value);
		else
			fprintf(session->out, "  %10" PRIu64 "  ",
			        (uint64_t)parts->enumerators[i].value);
		out_text(session->out, parts->enumerators[i].name);
		fputc('\n', session->out);
	}
}

/* The type itself, and what a typedef stands for. */
static int put_type(struct session *session, struct debugging *debugging, const struct found *found,
                    struct err *err)
{
	const struct type *type, *base;
	char text[TYPE_NAME_SIZE];

	if (found_type(found, &type, err))
		return -1;
	put_headline(session, debugging, found, type);
	base = type_strip(type);
	if (type->kind == TYPE_TYPEDEF) {
		type_name(type_target(type), text, sizeof(text));
		fputs("  is ", session->out);
		out_text(session->out, text);
		fputc('\n', session->out);
	}
	if (base->kind == TYPE_ENUM)
		put_enumerators(session, base);
	return type_is_record(base) ? put_layout(session, debugging, found, base, err) : 0;
}

static int put_all(struct session *session, struct debugging *debugging,
                   const struct types_list *list, struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		size_t same = 0;

		while (same < i && !types_same_layout(debugging, &list->list[same], &list->list[i]))
			same++;
		if (same < i) {
			fputs("the same in ", session->out);
			put_who(session, debugging, &list->list[i]);
			fputc('\n', session->out);
			continue;
		}
		if (i)
			fprintf(session->out, "%sdifferent in another file:%s\n",
			        out_style(session->colour, OUT_YELLOW),
			        out_style(session->colour, OUT_PLAIN));
		if (put_type(session, debugging, &list->list[i], err))
			return -1;
	}
	return 0;
}

/* ---- A list -------------------------------------------------------------- */

enum { NAME, KIND, SIZE, FILE_NAME };

static const struct out_column columns[] = {
	[NAME] = {"NAME", false},
	[KIND] = {"KIND", false},
	[SIZE] = {"SIZE", true},
	[FILE_NAME] = {"FILE", false},
};

static int put_list(struct session *session, const struct types_list *list, struct err *err)
{
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct type *type;
		char name[TYPE_NAME_SIZE];
		struct err ignored;
		uint64_t size;

		if (found_type(&list->list[i], &type, &ignored))
			continue;
		index_entry_name(list->list[i].entry, name, sizeof(name));
		out_table_row(table);
		out_table_cell(table, NAME, "%s", name);
		out_table_cell(table, KIND, "%s", types_keyword(type));
		if (type_size(type, &size))
			out_table_cell(table, SIZE, "%" PRIu64, size);
		out_table_cell(table, FILE_NAME, "%s", list->list[i].module->path);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

int types_text(struct session *session, struct debugging *debugging, const struct types_list *list,
               struct err *err)
{
	int ret = list->pattern ? put_list(session, list, err)
	                        : put_all(session, debugging, list, err);

	if (!ret && list->cut)
		fprintf(session->err_out, "tpinspect: there are more than %zu\n", list->count);
	return ret;
}
