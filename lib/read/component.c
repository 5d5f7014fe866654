#include "lib/read/component.h"

#include <stdlib.h>

enum known { NOT_ASKED = 0, KNOWN, FAILED };

struct component {
	enum known has_threads;
	struct threads threads;
	struct err threads_err;
	enum known has_heap;
	struct heap *heap;
	struct err heap_err;
	enum known has_tls;
	struct tls tls;
	struct err tls_err;
};

/* By index of the record; NULL where nothing was asked yet. */
struct components {
	const struct snapshot *snapshot;
	size_t count;
	struct component *list[];
};

struct components *components_create(const struct snapshot *snapshot)
{
	size_t count = snapshot->threadproc_count;
	struct components *components =
		calloc(1, sizeof(*components) + count * sizeof(components->list[0]));

	if (!components)
		return NULL;
	components->snapshot = snapshot;
	components->count = count;
	return components;
}

static void component_destroy(struct component *component)
{
	if (!component)
		return;
	if (component->has_threads == KNOWN)
		threads_deinit(&component->threads);
	heap_destroy(component->heap);
	tls_deinit(&component->tls);
	free(component);
}

void components_destroy(struct components *components)
{
	if (!components)
		return;
	for (size_t i = 0; i < components->count; i++)
		component_destroy(components->list[i]);
	free(components);
}

/* NULL when nothing is kept. */
static struct component *component_of(const struct target *target, const struct reg_threadproc *tp)
{
	struct components *components = target->components;
	size_t i;

	if (!components || tp < components->snapshot->threadprocs)
		return NULL;
	i = (size_t)(tp - components->snapshot->threadprocs);
	if (i >= components->count)
		return NULL;
	if (!components->list[i])
		components->list[i] = calloc(1, sizeof(struct component));
	return components->list[i];
}

static int nothing_kept(struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "there is no place to keep it");
}

static int failed(const struct err *why, struct err *err)
{
	*err = *why;
	return -1;
}

int component_threads(const struct target *target, const struct reg_threadproc *tp,
                      const struct threads **ret_threads, struct err *err)
{
	struct component *c = component_of(target, tp);

	if (!c)
		return nothing_kept(err);
	if (!c->has_threads)
		c->has_threads =
			target_threads(target, tp, &c->threads, &c->threads_err) ? FAILED : KNOWN;
	if (c->has_threads == FAILED)
		return failed(&c->threads_err, err);
	*ret_threads = &c->threads;
	return 0;
}

int component_heap(const struct target *target, const struct reg_threadproc *tp,
                   struct heap **ret_heap, struct err *err)
{
	struct component *c = component_of(target, tp);

	if (!c)
		return nothing_kept(err);
	if (!c->has_heap)
		c->has_heap = heap_read(target, tp, &c->heap, &c->heap_err) ? FAILED : KNOWN;
	if (c->has_heap == FAILED)
		return failed(&c->heap_err, err);
	*ret_heap = c->heap;
	return 0;
}

int component_tls(const struct target *target, const struct reg_threadproc *tp,
                  const struct tls **ret_tls, struct err *err)
{
	struct component *c = component_of(target, tp);

	if (!c)
		return nothing_kept(err);
	if (!c->has_tls)
		c->has_tls = tls_read(target, tp, &c->tls, &c->tls_err) ? FAILED : KNOWN;
	if (c->has_tls == FAILED)
		return failed(&c->tls_err, err);
	*ret_tls = &c->tls;
	return 0;
}
