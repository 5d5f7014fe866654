#include "lib/read/target.h"

#include "lib/read/component.h"

int target_threads(const struct target *target, const struct reg_threadproc *tp,
                   struct threads *ret_threads, struct err *err)
{
	if (!target->ops || !target->ops->threads)
		return err_set(err, ERR_NOT_FOUND, "threads are not known");
	return target->ops->threads(target, tp, ret_threads, err);
}

int target_capture(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                   struct capture *ret_capture, struct err *err)
{
	if (!target->ops || !target->ops->capture)
		return err_set(err, ERR_NOT_FOUND, "registers are not known");
	return target->ops->capture(target, tp, tid, ret_capture, err);
}

int target_pages(const struct target *target, uint64_t lo, uint64_t hi, pages_visitor *visit,
                 void *context, struct err *err)
{
	if (!target->ops || !target->ops->pages)
		return err_set(err, ERR_NOT_FOUND, "pages are not known");
	return target->ops->pages(target, lo, hi, visit, context, err);
}

void target_close(struct target *target)
{
	if (target->ops && target->ops->close)
		target->ops->close(target);
	components_destroy(target->components);
	maps_close(target->maps);
	mem_close(target->mem);
	*target = (struct target){0};
}
