#include "inspect/report/parts.h"

#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/types/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The line, where the module has debugging information. */
static void find_source(struct report *report, const struct identity *id, struct code_place *place)
{
	struct source_frame frames[SOURCE_FRAMES_MAX];
	struct debug *debug;
	struct err err;

	if (!report->has_debugging || !id->module || !id->has_vaddr ||
	    catalog_debug(report->debugging.catalog, id->module, &debug, &err))
		return;
	if (!source_at(debug, id->vaddr, frames) || !frames[0].place.file)
		return;
	place->source = text_base_name(frames[0].place.file);
	place->line = frames[0].place.line;
}

void code_find(struct report *report, uint64_t pc, uint64_t lookup, struct code_place *ret_place)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	memset(ret_place, 0, sizeof(*ret_place));
	if (!id)
		return;
	identify(report->target, lookup, id);
	if (id->symbol.name) {
		memcpy(ret_place->function, id->symbol_name, sizeof(ret_place->function));
		ret_place->offset = id->vaddr - id->symbol.value + (pc - lookup);
	}
	/* the snapshot's, not the identity's own mapping */
	ret_place->file = id->module ? id->file : NULL;
	ret_place->tp = id->owner.tp;
	ret_place->toolkit = id->owner.kind == OWNER_TOOLKIT;
	ret_place->is_program = id->place == PLACE_PROGRAM;
	find_source(report, id, ret_place);
}

void code_words(FILE *out, const struct code_place *place, uint64_t pc)
{
	if (!*place->function)
		fprintf(out, "0x%" PRIx64, pc);
	else if (place->source || !place->file)
		fputs(place->function, out);
	else
		fprintf(out, "%s+0x%" PRIx64, place->function, place->offset);
	if (place->source)
		fprintf(out, " (%s:%u)", place->source, place->line);
	else if (place->file)
		fprintf(out, " of %s", text_base_name(place->file));
}

json_t *code_json(const struct code_place *place)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:b}", "symbol",
		*place->function ? json_pack("{s:o, s:o}", "name", out_json_text(place->function),
	                                     "offset", out_json_hex(place->offset))
				 : json_null(),
		"file", out_json_text(place->file), "source",
		place->source ? json_pack("{s:o, s:I}", "file", out_json_text(place->source),
	                                  "line", (json_int_t)place->line)
			      : json_null(),
		"threadproc", place->tp ? show_json_who(place->tp) : json_null(), "toolkit",
		place->toolkit);
}
