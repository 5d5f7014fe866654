#include "inspect/diff.h"

#include "inspect/progress.h"

#include "lib/read/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void diff_base_destroy(struct diff_base *base)
{
	if (!base)
		return;
	fingerprint_destroy(base->memory);
	for (size_t i = 0; i < base->module_count; i++)
		free(base->modules[i].path);
	free(base->modules);
	free(base);
}

void diff_bases_destroy(struct session *session)
{
	while (session->diff_bases) {
		struct diff_base *base = session->diff_bases;

		session->diff_bases = base->next;
		diff_base_destroy(base);
	}
}

struct diff_base *diff_base_find(struct session *session, const struct reg_threadproc *tp)
{
	for (struct diff_base **at = &session->diff_bases; *at; at = &(*at)->next) {
		struct diff_base *base = *at;

		if (base->id != tp->abi.id ||
		    base->created_ns != session->snapshot->header.created_ns)
			continue;
		*at = base->next;
		base->next = NULL;
		return base;
	}
	return NULL;
}

void diff_base_keep(struct session *session, struct diff_base *base)
{
	base->next = session->diff_bases;
	session->diff_bases = base;
}

/* ---- Taking one ------------------------------------------------------------------- */

static int take_modules(struct diff_base *base, const struct reg_threadproc *tp, struct err *err)
{
	base->modules = calloc(tp->module_count + 1, sizeof(*base->modules));
	if (!base->modules)
		return err_os(err, ENOMEM, "modules");
	for (size_t i = 0; i < tp->module_count; i++) {
		struct diff_module *module = &base->modules[base->module_count];

		module->bias = tp->modules[i].abi.bias;
		module->path = strdup(tp->modules[i].path);
		if (!module->path)
			return err_os(err, ENOMEM, "modules");
		base->module_count++;
	}
	return 0;
}

struct taking {
	struct fingerprint *memory;
	struct progress progress;
};

static int take_block(void *context, const struct scan_piece *piece, uint64_t addr,
                      const uint8_t *bytes, size_t len, struct err *err)
{
	struct taking *taking = context;

	if (fingerprint_add(taking->memory, addr, bytes, len, err))
		return -1;
	return progress_step(&taking->progress, len) ? 0 : session_stopped(err);
}

static int take_memory(struct session *session, struct diff_base *base,
                       const struct reg_threadproc *tp, struct err *err)
{
	const struct scan_filter filter = {PROT_READ, true};
	const struct target *target = session_target(session);
	struct taking taking;
	struct scan_plan plan;
	int ret;

	if (fingerprint_create(&base->memory, err) || scan_plan_of(target, tp, &filter, &plan, err))
		return -1;
	taking.memory = base->memory;
	progress_begin(&taking.progress, session, "reading", PROGRESS_BYTES, plan.bytes);
	ret = scan_run(target->mem, &plan, 0, take_block, &taking, err);
	progress_end(&taking.progress);
	scan_plan_deinit(&plan);
	return ret;
}

int diff_base_take(struct session *session, const struct reg_threadproc *tp,
                   struct diff_base **ret_base, struct err *err)
{
	struct diff_base *base = calloc(1, sizeof(*base));

	if (!base)
		return err_os(err, ENOMEM, "fingerprint of memory");
	base->id = tp->abi.id;
	base->created_ns = session->snapshot->header.created_ns;
	if (take_modules(base, tp, err) || take_memory(session, base, tp, err)) {
		diff_base_destroy(base);
		return -1;
	}
	*ret_base = base;
	return 0;
}
