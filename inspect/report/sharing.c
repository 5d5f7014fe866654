/* What ties a threadproc to others: names, descriptors, pointers. */
#include "inspect/report/parts.h"

#include "inspect/holder.h"
#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/read/refs.h"
#include "lib/read/shared_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of each list that can be long, so much is told. */
#define DESCRIPTORS_MAX 100
#define HOLDERS_MAX 10
#define COMPONENTS_MAX 100
/* Words of one component whose holder is looked up. */
#define WORDS_MAX 1000

json_t *sharing_names(const struct report *report)
{
	const struct snapshot *snapshot = report->target->snapshot;
	json_t *list = json_array();

	for (size_t i = 0; i < snapshot->name_count; i++) {
		const struct reg_name *name = &snapshot->names[i];

		if (name->owner != report->tp)
			continue;
		json_array_append_new(list, json_pack("{s:o, s:o, s:I, s:o}", "name",
		                                      out_json_text(name->abi.name), "address",
		                                      out_json_hex(name->abi.addr), "size",
		                                      (json_int_t)name->abi.size, "type",
		                                      out_json_text(name->abi.type)));
	}
	return list;
}

/* ---- Descriptors -------------------------------------------------------------------------- */

static json_t *sharers(const struct shared_files *files, const struct owned_file *file)
{
	json_t *list = json_array();

	for (size_t i = 0; i < files->count; i++) {
		const struct owned_file *other = &files->list[i];

		if (other->group != file->group || other->tp == file->tp)
			continue;
		json_array_append_new(list,
		                      json_pack("{s:o, s:i}", "threadproc",
		                                show_json_who(other->tp), "fd", other->file->fd));
	}
	return list;
}

json_t *sharing_descriptors(const struct report *report)
{
	struct shared_files files;
	json_t *list = json_array();
	struct err err;

	if (!report->held || shared_files_read(report->target, &files, &err))
		return list;
	for (size_t i = 0; i < files.count && json_array_size(list) < DESCRIPTORS_MAX; i++) {
		const struct owned_file *file = &files.list[i];
		json_t *with;

		if (file->tp != report->tp || !file->group)
			continue;
		with = sharers(&files, file);
		if (!json_array_size(with)) {
			json_decref(with);
			continue;
		}
		json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "fd", file->file->fd,
		                                      "target", out_json_text(file->file->target),
		                                      "shared_with", with));
	}
	shared_files_deinit(&files);
	return list;
}

/* ---- Pointers ----------------------------------------------------------------------------------
 */

/* A thing of somebody's, and how many words in it point here. */
struct held {
	struct holder holder;
	uint64_t words;
};

struct pointing {
	const struct reg_threadproc *tp;
	uint64_t words;
	uint64_t at[WORDS_MAX]; /* the first ones */
};

struct pointers {
	struct report *report;
	struct pointing *list;
	size_t count;
};

static struct pointing *pointing_of(struct pointers *pointers, const struct reg_threadproc *tp)
{
	struct pointing *grown;

	/* memory is gone through from one slot to the next */
	for (size_t i = pointers->count; i > 0; i--) {
		if (pointers->list[i - 1].tp == tp)
			return &pointers->list[i - 1];
	}
	if (pointers->count == COMPONENTS_MAX)
		return NULL;
	grown = reallocarray(pointers->list, pointers->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	pointers->list = grown;
	grown[pointers->count].tp = tp;
	grown[pointers->count].words = 0;
	return &grown[pointers->count++];
}

/* The very first address of a slot is the end of the one below, as that one's owner has it. */
static bool is_neighbours_end(const struct report *report, uint64_t addr)
{
	return registry_owner(report->target->snapshot, addr).lo == addr;
}

static int take_ref(void *context, const struct scan_piece *piece, const struct ref *ref,
                    struct err *err)
{
	struct pointers *pointers = context;
	struct pointing *pointing;

	(void)err;
	if (piece->owner.kind != OWNER_LIVE || piece->owner.tp == pointers->report->tp ||
	    is_neighbours_end(pointers->report, ref->value))
		return 0;
	pointing = pointing_of(pointers, piece->owner.tp);
	if (!pointing)
		return 0;
	if (pointing->words < WORDS_MAX)
		pointing->at[pointing->words] = ref->at;
	pointing->words++;
	return 0;
}

static int take_step(void *context, uint64_t bytes, struct err *err)
{
	const struct pointers *pointers = context;

	(void)bytes;
	return session_interrupted(pointers->report->session) ? session_stopped(err) : 0;
}

/* Words that are kept pointing into its slots; its image outside them is left out (see refs). */
static int find_pointers(struct pointers *pointers, struct err *err)
{
	const struct target *target = pointers->report->target;
	const struct refs_visitor visitor = {take_ref, take_step, pointers};
	const struct scan_filter filter = {.prot = PROT_READ, .written = true};
	AUTO_FREE struct refs_span *mapped = NULL;
	struct refs_span spans[TP_RUNS + 1];
	struct refs_want want = {.spans = spans, .foreign = true};
	struct scan_plan plan;
	int ret;

	want.span_count = refs_spans_of(pointers->report->tp, spans);
	for (size_t i = 0; i < want.span_count; i++) {
		if (spans[i].lo < (uint64_t)TP_FIRST_GRANULE << TP_GRANULE_SHIFT)
			spans[i--] = spans[--want.span_count];
	}
	/* of one that is gone nothing is mapped any more: then any word counts */
	if (pointers->report->held) {
		if (refs_mapped(target, spans, want.span_count, &mapped, &want.mapped_count, err))
			return -1;
		want.mapped = mapped ? mapped : spans;
	}
	if (scan_plan_read(target, 0, UINT64_MAX, &filter, &plan, err))
		return -1;
	ret = refs_each(target->mem, &plan, &want, &visitor, err);
	scan_plan_deinit(&plan);
	return ret;
}

static int more_words_first(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return (x->words < y->words) - (x->words > y->words);
}

static json_t *held_json(struct held *list, size_t count)
{
	json_t *holders = json_array();

	qsort(list, count, sizeof(*list), more_words_first);
	for (size_t i = 0; i < count && i < HOLDERS_MAX; i++) {
		json_t *holder = holder_json(&list[i].holder);

		json_object_set_new(holder, "words", json_integer((json_int_t)list[i].words));
		json_array_append_new(holders, holder);
	}
	return holders;
}

static json_t *holders_json(const struct report *report, const struct pointing *pointing)
{
	size_t known = pointing->words < WORDS_MAX ? pointing->words : WORDS_MAX, count = 0;
	AUTO_FREE struct held *list = calloc(known + 1, sizeof(*list));
	AUTO_FREE struct identity *id = malloc(sizeof(*id));

	for (size_t i = 0; list && id && i < known; i++) {
		struct holder holder;

		identify(report->target, pointing->at[i], id);
		holder_of(id, &holder);
		/* words come in the order of their addresses */
		if (count && holder_same(&list[count - 1].holder, &holder)) {
			list[count - 1].words++;
			continue;
		}
		list[count].holder = holder;
		list[count++].words = 1;
	}
	return list ? held_json(list, count) : json_array();
}

static int more_pointers_first(const void *a, const void *b)
{
	const struct pointing *x = a, *y = b;

	return (x->words < y->words) - (x->words > y->words);
}

json_t *sharing_pointers(struct report *report)
{
	struct pointers pointers = {.report = report};
	json_t *list = json_array();
	struct err err;

	/* what was found up to a failure is true as well */
	find_pointers(&pointers, &err);
	if (pointers.count)
		qsort(pointers.list, pointers.count, sizeof(*pointers.list), more_pointers_first);
	for (size_t i = 0; i < pointers.count; i++) {
		const struct pointing *pointing = &pointers.list[i];

		json_array_append_new(list, json_pack("{s:o, s:I, s:o}", "threadproc",
		                                      show_json_who(pointing->tp), "words",
		                                      (json_int_t)pointing->words, "holders",
		                                      holders_json(report, pointing)));
	}
	free(pointers.list);
	return list;
}
