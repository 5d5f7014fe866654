/* sym: symbols by name, in every component that has them. */
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/read/symbol_search.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* What one image has, found once for all that have mapped it. */
struct answer_of_image {
	bool asked;
	const struct symbols *symbols; /* NULL: none */
	struct symbol_matches matches;
};

struct search {
	struct session *session;
	const struct symbol_pattern *pattern;
	struct answer_of_image *images; /* by index, as the snapshot's */
	bool all;                       /* components */
	/* Widths of what is shown. */
	int name_width;
	int module_width;
	uint64_t found;
};

static bool is_stopped(void *session)
{
	return session_interrupted(session);
}

/* The file's, else what the module exports in memory. */
static int symbols_of(const struct search *search, const struct reg_module *module,
                      const struct reg_image *image, const struct symbols **ret_symbols)
{
	struct session *session = search->session;
	struct err ignored;

	if (!symcache_image(session->symbols, image, ret_symbols, &ignored))
		return 0;
	return symcache_module(session->symbols, session_target(session)->mem, image,
	                       module->abi.bias, ret_symbols, &ignored);
}

/* NULL when memory is short; an image without symbols has an answer without matches. */
static const struct answer_of_image *ask(struct search *search, const struct reg_module *module,
                                         struct err *err)
{
	const struct reg_image *image =
		snapshot_image(search->session->snapshot, module->abi.image);
	struct answer_of_image *answer = &search->images[image ? module->abi.image : 0];

	if (answer->asked)
		return answer;
	answer->asked = true;
	if (!image || symbols_of(search, module, image, &answer->symbols))
		return answer;
	return symbol_search(answer->symbols, search->pattern, is_stopped, search->session,
	                     &answer->matches, err)
	               ? NULL
	               : answer;
}

/* ---- One symbol ---------------------------------------------------------- */

static const char *module_path(const struct reg_module *module, const struct reg_image *image)
{
	return *module->path ? module->path : image->path;
}

static json_t *symbol_json(const struct search *search, const struct reg_threadproc *tp,
                           const struct reg_module *module, const struct symbols *symbols,
                           const struct symbol *symbol)
{
	const struct reg_image *image =
		snapshot_image(search->session->snapshot, module->abi.image);
	bool is_tls = symbol->type == STT_TLS;

	return json_pack("{s:s?, s:o, s:o, s:o, s:I, s:s, s:s, s:o, s:o}", "name",
	                 symbols_text(symbols, symbol->index, NULL), "linkage_name",
	                 out_json_text(symbol->name), "address",
	                 is_tls ? json_null() : out_json_hex(module->abi.bias + symbol->value),
	                 "tls_offset", is_tls ? out_json_hex(symbol->value) : json_null(), "size",
	                 (json_int_t)symbol->size, "binding", symbol_bind_name(symbol), "type",
	                 symbol_type_name(symbol), "module",
	                 out_json_text(module_path(module, image)), "threadproc",
	                 show_json_who(tp));
}

/* A document can be long: it is written as it is made. */
static int print_json(struct search *search, const struct reg_threadproc *tp,
                      const struct reg_module *module, const struct symbols *symbols,
                      const struct symbol *symbol, struct err *err)
{
	json_t *json = symbol_json(search, tp, module, symbols, symbol);
	FILE *out = search->session->out;
	int ret;

	if (!json)
		return err_os(err, ENOMEM, "answer");
	fputs(search->found ? ",\n    " : "\n    ", out);
	ret = json_dumpf(json, out, 0);
	json_decref(json);
	return ret ? err_os(err, EIO, "cannot write JSON") : 0;
}

static void print_text(struct search *search, const struct reg_threadproc *tp,
                       const struct reg_module *module, const struct symbols *symbols,
                       const struct symbol *symbol)
{
	const struct reg_image *image =
		snapshot_image(search->session->snapshot, module->abi.image);
	const char *text = symbols_text(symbols, symbol->index, NULL);
	AUTO_FREE char *name = text_escape_dup(tp->abi.name);
	AUTO_FREE char *path = text_escape_dup(text_base_name(module_path(module, image)));
	bool colour = search->session->colour;
	char address[32];
	FILE *out = search->session->out;

	if (symbol->type == STT_TLS)
		snprintf(address, sizeof(address), "tls+0x%" PRIx64, symbol->value);
	else
		snprintf(address, sizeof(address), "0x%" PRIx64, module->abi.bias + symbol->value);
	fprintf(out, "%s%18s%s %8" PRIu64 " %-6s %-6s %4" PRIu32 " %-*s %-*s %s%s%s\n",
	        out_style(colour, OUT_BOLD), address, out_style(colour, OUT_PLAIN), symbol->size,
	        symbol_bind_name(symbol), symbol_type_name(symbol), tp->abi.id, search->name_width,
	        name ? name : "?", search->module_width, path ? path : "?",
	        out_style(colour, OUT_CYAN), text ? text : "?", out_style(colour, OUT_PLAIN));
}

/* ---- All of them --------------------------------------------------------- */

static int print_module(struct search *search, const struct reg_threadproc *tp,
                        const struct reg_module *module, struct err *err)
{
	const struct answer_of_image *answer = ask(search, module, err);

	if (!answer)
		return -1;
	for (uint32_t i = 0; i < answer->matches.count; i++) {
		struct symbol symbol = symbols_at(answer->symbols, answer->matches.list[i]);

		if (session_interrupted(search->session))
			return session_stopped(err);
		if (!search->session->json)
			print_text(search, tp, module, answer->symbols, &symbol);
		else if (print_json(search, tp, module, answer->symbols, &symbol, err))
			return -1;
		search->found++;
	}
	return 0;
}

static int print_all(struct search *search, const struct show_selection *selection, struct err *err)
{
	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		/* what has ended has no symbols any more, unless it is asked for itself */
		if (search->all && !reg_threadproc_lives(tp))
			continue;
		for (size_t j = 0; j < tp->module_count; j++) {
			if (print_module(search, tp, &tp->modules[j], err))
				return -1;
		}
	}
	return 0;
}

static int at_least(int width, const char *text)
{
	int len = (int)strnlen(text, 40);

	return len > width ? len : width;
}

static void find_widths(struct search *search, const struct show_selection *selection)
{
	const struct snapshot *snapshot = search->session->snapshot;

	for (size_t i = 0; i < selection->count; i++) {
		const struct reg_threadproc *tp = selection->list[i];

		search->name_width = at_least(search->name_width, tp->abi.name);
		for (size_t j = 0; j < tp->module_count; j++) {
			const struct reg_module *module = &tp->modules[j];
			const struct reg_image *image = snapshot_image(snapshot, module->abi.image);

			if (image)
				search->module_width =
					at_least(search->module_width,
				                 text_base_name(module_path(module, image)));
		}
	}
}

static int answer(struct search *search, const struct show_selection *selection, struct err *err)
{
	FILE *out = search->session->out;
	int ret;

	if (!search->session->json) {
		find_widths(search, selection);
		return print_all(search, selection, err);
	}
	fputs("{\n  \"symbols\": [", out);
	ret = print_all(search, selection, err);
	fputs(search->found ? "\n  ]\n}\n" : "]\n}\n", out);
	return ret;
}

static int run_search(struct search *search, const struct show_selection *selection,
                      const char *word, struct err *err)
{
	size_t count = search->session->snapshot->image_count + 1;
	int ret;

	search->images = calloc(count, sizeof(*search->images));
	if (!search->images)
		return err_os(err, ENOMEM, "symbols");
	ret = answer(search, selection, err);
	for (size_t i = 0; i < count; i++)
		free(search->images[i].matches.list);
	free(search->images);
	if (ret || search->found)
		return ret;
	if (!search->session->json) {
		fputs("no symbol ", search->session->out);
		out_text(search->session->out, word);
		fputc('\n', search->session->out);
	}
	return 1;
}

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	const char *word = args->words[args->count - 1];
	struct search search = {.session = session, .all = args->count == 1};
	struct show_selection selection;
	struct symbol_pattern *pattern;
	int ret;

	if (show_select(session->snapshot, args->count > 1 ? args->words[0] : NULL, &selection,
	                err))
		return -1;
	ret = symbol_pattern_create(word, &pattern, err);
	if (!ret) {
		search.pattern = pattern;
		ret = run_search(&search, &selection, word, err);
		symbol_pattern_destroy(pattern);
	}
	free(selection.list);
	return ret;
}

const struct verb verb_sym = {
	.name = "sym",
	.usage = "[ID] NAME",
	.help = "symbols by name, in every component that has them",
	.details =
		"NAME is a name as in the source or as in the file; std::sort means every "
		"function\n"
		"of that name.\n"
		"With *, ? or [ it is a pattern as in a shell; between slashes it is an extended\n"
		"regular expression.\n"
		"Told are address, size, binding, type, id and name of the component, module and\n"
		"symbol; of a thread-local variable its offset in the module's block.\n",
	.example = "sym allocstr 'std::vector<*>::push_back*'",
	.takes = TAKES_SYMBOL,
	.args_min = 1,
	.args_max = 2,
	.needs_space = true,
	.run = run,
};
