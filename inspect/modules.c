#include "inspect/show.h"
#include "inspect/verbs.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[TP_MODULE_PROGRAM] = "program",
		[TP_MODULE_INTERP] = "interpreter",
		[TP_MODULE_LIBRARY] = "library",
		[TP_MODULE_VDSO] = "vdso",
	};

	return kind && kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}

/* What is known about a module's symbols and its file. */
struct state {
	const struct symbols *symbols; /* NULL: none */
	enum symtab_source source;
	enum file_state file;
};

static struct state state_of(const struct session *session, const struct reg_image *image)
{
	struct state state = {.file = FILE_UNKNOWN};
	struct err ignored;

	if (!image)
		return state;
	state.file = symcache_image_state(session->symbols, image);
	if (!symcache_image(session->symbols, image, &state.symbols, &ignored))
		state.source = symbols_table(state.symbols)->header->source;
	return state;
}

static const char *source_word(enum symtab_source source)
{
	static const char *const words[SYMTAB_SOURCES] = {
		[SYMTAB_FROM_NOTHING] = "none",        [SYMTAB_FROM_DYNSYM] = "dynsym",
		[SYMTAB_FROM_DEBUGDATA] = "debugdata", [SYMTAB_FROM_DEBUG_FILE] = "debug file",
		[SYMTAB_FROM_SYMTAB] = "symtab",
	};

	return words[source];
}

static const char *file_word(enum file_state state)
{
	static const char *const words[] = {
		[FILE_UNKNOWN] = "unknown",
		[FILE_SAME] = "same",
		[FILE_CHANGED] = "changed",
		[FILE_GONE] = "gone",
	};

	return words[state];
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *symbols_json(const struct reg_image *image, const struct state *state)
{
	uint32_t flags = image ? image->abi.flags : 0;

	return json_pack("{s:s, s:i, s:o, s:b, s:b}", "source", source_word(state->source),
	                 "symbol_count", state->symbols ? (int)symbols_count(state->symbols) : 0,
	                 "debug_file",
	                 out_json_text(state->symbols ? symbols_debug_path(state->symbols) : NULL),
	                 "stripped", !(flags & TP_IMAGE_SYMTAB), "debug_information",
	                 (flags & TP_IMAGE_DEBUG) != 0);
}

static json_t *module_json(const struct session *session, const struct reg_threadproc *tp,
                           const struct reg_module *module)
{
	const struct reg_image *image = snapshot_image(session->snapshot, module->abi.image);
	const struct state state = state_of(session, image);
	uint64_t bias = module->abi.bias;

	return json_pack(
		"{s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}", "id",
		(json_int_t)tp->abi.id, "kind", kind_name(module->abi.kind), "link_namespace",
		(json_int_t)module->abi.link_namespace, "path", out_json_text(module->path), "file",
		out_json_text(image ? image->path : NULL), "bias", out_json_hex(bias), "lo",
		image ? out_json_hex(bias + image->abi.vaddr_lo) : json_null(), "hi",
		image ? out_json_hex(bias + image->abi.vaddr_hi) : json_null(), "build_id",
		image ? out_json_bytes(image->abi.build_id, image->abi.build_id_len) : json_null(),
		"file_state", file_word(state.file), "symbols",
		image ? symbols_json(image, &state) : json_null());
}

static int modules_json(struct session *session, const struct show_selection *selection,
                        struct err *err)
{
	json_t *all = json_array();

	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		for (size_t j = 0; j < tp->module_count; j++) {
			if (json_array_append_new(all, module_json(session, tp, &tp->modules[j]))) {
				json_decref(all);
				return session_print_json(session, NULL, err);
			}
		}
	}
	return session_print_json(session, json_pack("{s:o}", "modules", all), err);
}

/* ---- Text ---------------------------------------------------------------- */

enum { ID, NAME, LO, HI, KIND, SYMBOLS, BUILD_ID, PATH };

static const struct out_column columns[] = {
	[ID] = {"ID", true},
	[NAME] = {"NAME", false},
	[LO] = {"FROM", true},
	[HI] = {"TO", true},
	[KIND] = {"KIND", false},
	[SYMBOLS] = {"SYMBOLS", false},
	[BUILD_ID] = {"BUILD-ID", false},
	[PATH] = {"PATH", false},
};

/* The first bytes, as much as tells files apart; --json has it all. */
static void build_id_cell(struct out_table *table, const struct tp_image *abi)
{
	char text[17] = "-";

	for (uint32_t i = 0; i < abi->build_id_len && i < 8; i++)
		snprintf(text + (size_t)i * 2, 3, "%02x", abi->build_id[i]);
	out_table_cell(table, BUILD_ID, "%s", text);
}

/* "symtab, debug", "dynsym, changed" */
static void symbols_cell(struct out_table *table, const struct session *session,
                         const struct reg_image *image)
{
	const struct state state = state_of(session, image);
	bool is_odd = state.file == FILE_CHANGED || state.file == FILE_GONE;

	out_table_cell(table, SYMBOLS, "%s%s%s%s", source_word(state.source),
	               image->abi.flags & TP_IMAGE_DEBUG ? ", debug" : "", is_odd ? ", " : "",
	               is_odd ? file_word(state.file) : "");
	if (is_odd)
		out_table_style(table, SYMBOLS, OUT_YELLOW);
}

static void add_row(struct out_table *table, const struct session *session,
                    const struct reg_threadproc *tp, const struct reg_module *module)
{
	const struct reg_image *image = snapshot_image(session->snapshot, module->abi.image);
	const char *path = *module->path ? module->path : image ? image->path : "?";

	out_table_row(table);
	out_table_cell(table, ID, "%" PRIu32, tp->abi.id);
	out_table_cell(table, NAME, "%s", tp->abi.name);
	if (image) {
		out_table_cell(table, LO, "0x%" PRIx64, module->abi.bias + image->abi.vaddr_lo);
		out_table_cell(table, HI, "0x%" PRIx64, module->abi.bias + image->abi.vaddr_hi);
		build_id_cell(table, &image->abi);
		symbols_cell(table, session, image);
	} else if (module->abi.bias) {
		out_table_cell(table, LO, "0x%" PRIx64, module->abi.bias);
	}
	if (module->abi.link_namespace)
		out_table_cell(table, KIND, "%s (ns %" PRIu32 ")", kind_name(module->abi.kind),
		               module->abi.link_namespace);
	else
		out_table_cell(table, KIND, "%s", kind_name(module->abi.kind));
	out_table_cell(table, PATH, "%s", path);
}

static int modules_text(struct session *session, const struct show_selection *selection,
                        struct err *err)
{
	struct out_table *table;
	int ret;

	if (out_table_create(columns, sizeof(columns) / sizeof(columns[0]), session->colour, &table,
	                     err))
		return -1;
	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		for (size_t j = 0; j < tp->module_count; j++)
			add_row(table, session, tp, &tp->modules[j]);
		show_health(session, "threadproc", tp->abi.id, &tp->health);
	}
	ret = out_table_print(table, session->out, err);
	out_table_destroy(table);
	return ret;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	struct show_selection selection;
	int ret;

	if (show_select(session->snapshot, args->words[0], &selection, err))
		return -1;
	ret = session->json ? modules_json(session, &selection, err)
	                    : modules_text(session, &selection, err);
	free(selection.list);
	return ret;
}

const struct verb verb_modules = {
	.name = "modules",
	.usage = "[ID]",
	.help = "loaded programs and libraries",
	.details =
		"Of all threadprocs, or of the one with that id or name.\n"
		"Told is where a module's symbols come from: its own symtab, a debug file,\n"
		"debugdata (.gnu_debugdata), dynsym (only what it exports) or nowhere; whether it\n"
		"has debug information; and whether the file on disk has changed since it was\n"
		"mapped, or is gone.\n",
	.example = "modules 2",
	.takes = TAKES_COMPONENT,
	.args_max = 1,
	.needs_space = true,
	.run = run,
};
