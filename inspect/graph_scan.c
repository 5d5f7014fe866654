#include "inspect/graph.h"

#include "inspect/progress.h"
#include "inspect/show.h"

#include "lib/base/cleanup.h"
#include "lib/read/refs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* As many as a matrix of 128 MiB has room for. */
#define COMPONENTS_MAX 4096u

struct scan {
	struct graph graph;
	const struct snapshot *snapshot;
	struct progress progress;
	uint32_t *places; /* by index of the record: its place in the graph, counted from 1 */
	struct refs_span *spans;
	size_t span_count;
	struct refs_span *mapped;
	size_t mapped_count;
	const struct scan_piece *piece; /* the latest, and what it is */
	uint32_t from;
};

static uint32_t place_of(const struct scan *s, const struct reg_threadproc *tp)
{
	return tp ? s->places[tp - s->snapshot->threadprocs] : 0;
}

static void count_word(struct graph *graph, size_t edge, const struct ref *ref)
{
	if (!graph->words[edge]++ && graph->first)
		graph->first[edge] = *ref;
}

static int take_ref(void *context, const struct scan_piece *piece, const struct ref *ref,
                    struct err *err)
{
	struct scan *s = context;
	struct graph *graph = &s->graph;
	struct owner owner;
	uint32_t to;

	if (piece != s->piece) {
		s->piece = piece;
		s->from = place_of(s, piece->owner.tp);
	}
	if (!s->from)
		return 0;
	owner = registry_owner(s->snapshot, ref->value);
	/* its very first address is the end of its neighbour's, and never was anything else */
	if (owner.kind == OWNER_EXITED && ref->value != owner.lo)
		graph->exited[s->from - 1]++;
	to = owner.kind == OWNER_LIVE ? place_of(s, owner.tp) : 0;
	if (to && to != s->from && refs_is_mapped(s->mapped, s->mapped_count, ref->value))
		count_word(graph, (s->from - 1) * graph->count + (to - 1), ref);
	return 0;
}

static int take_step(void *context, uint64_t bytes, struct err *err)
{
	struct scan *s = context;

	s->graph.bytes += bytes;
	return progress_step(&s->progress, bytes) ? 0 : session_stopped(err);
}

/* All slots are one span; images outside of them are others. */
static int make_spans(struct scan *s, bool low, struct err *err)
{
	s->spans = calloc(s->graph.count + 1, sizeof(*s->spans));
	if (!s->spans)
		return err_os(err, ENOMEM, "components");
	for (size_t i = 0; i < s->graph.count && low; i++) {
		const struct tp_threadproc *abi = &s->graph.components[i]->abi;

		if (abi->fixed_lo < abi->fixed_hi)
			s->spans[s->span_count++] =
				(struct refs_span){abi->fixed_lo, abi->fixed_hi};
	}
	s->spans[s->span_count++] =
		(struct refs_span){(uint64_t)TP_FIRST_GRANULE << TP_GRANULE_SHIFT,
	                           (uint64_t)TP_LAST_GRANULE << TP_GRANULE_SHIFT};
	return 0;
}

static int select_components(struct scan *s, unsigned wants, struct err *err)
{
	struct graph *graph = &s->graph;
	struct show_selection all;

	if (show_select(s->snapshot, NULL, &all, err))
		return -1;
	graph->components = all.list;
	s->places = calloc(s->snapshot->threadproc_count + 1, sizeof(*s->places));
	if (!s->places)
		return err_os(err, ENOMEM, "components");
	for (size_t i = 0; i < all.count && graph->count < COMPONENTS_MAX; i++) {
		if (!reg_threadproc_lives(all.list[i]))
			continue;
		graph->components[graph->count++] = all.list[i];
		s->places[all.list[i] - s->snapshot->threadprocs] = (uint32_t)graph->count;
	}
	graph->words = calloc(graph->count * graph->count + 1, sizeof(*graph->words));
	graph->exited = calloc(graph->count + 1, sizeof(*graph->exited));
	if (wants & GRAPH_FIRST)
		graph->first = calloc(graph->count * graph->count + 1, sizeof(*graph->first));
	if (!graph->words || !graph->exited || (wants & GRAPH_FIRST && !graph->first))
		return err_os(err, ENOMEM, "components");
	return 0;
}

static int scan(struct session *session, unsigned wants, struct scan *s, struct err *err)
{
	const struct target *target = session_target(session);
	const struct refs_visitor visitor = {take_ref, take_step, s};
	const struct scan_filter filter = {PROT_READ, true};
	struct refs_want want = {.foreign = true};
	struct scan_plan plan;
	int ret;

	if (select_components(s, wants, err) || make_spans(s, wants & GRAPH_LOW, err) ||
	    refs_mapped(target, s->spans, s->span_count, &s->mapped, &s->mapped_count, err) ||
	    scan_plan_read(target, 0, UINT64_MAX, &filter, &plan, err))
		return -1;
	want.spans = s->spans;
	want.span_count = s->span_count;
	progress_begin(&s->progress, session, "reading", PROGRESS_BYTES, plan.bytes);
	ret = refs_each(target->mem, &plan, &want, &visitor, err);
	progress_end(&s->progress);
	scan_plan_deinit(&plan);
	return ret;
}

int graph_read(struct session *session, unsigned wants, struct graph *ret_graph, struct err *err)
{
	struct scan s = {.snapshot = session->snapshot};
	int ret = scan(session, wants, &s, err);

	free(s.places);
	free(s.spans);
	free(s.mapped);
	if (ret)
		graph_deinit(&s.graph);
	else
		*ret_graph = s.graph;
	return ret;
}

void graph_deinit(struct graph *graph)
{
	free(graph->components);
	free(graph->words);
	free(graph->exited);
	free(graph->first);
	*graph = (struct graph){0};
}
