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

int target_thread_info(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                       struct thread_info *ret_info, struct err *err)
{
	if (target->ops && target->ops->thread_info)
		return target->ops->thread_info(target, tp, tid, ret_info, err);
	*ret_info = (struct thread_info){.tid = tid};
	return 0;
}

int target_thread_asleep(const struct target *target, const struct reg_threadproc *tp, pid_t tid,
                         uint64_t *ret_ns, struct err *err)
{
	if (!target->ops || !target->ops->asleep)
		return err_set(err, ERR_NOT_FOUND, "when a thread ran last is not known");
	return target->ops->asleep(target, tp, tid, ret_ns, err);
}

static int no_descriptors(struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "descriptors are not known");
}

int target_files(const struct target *target, const struct reg_threadproc *tp,
                 struct open_files *ret_files, struct err *err)
{
	if (!target->ops || !target->ops->files)
		return no_descriptors(err);
	return target->ops->files(target, tp, ret_files, err);
}

int target_file(const struct target *target, const struct reg_threadproc *tp, int fd,
                struct open_file *ret_file, struct err *err)
{
	if (!target->ops || !target->ops->file)
		return no_descriptors(err);
	return target->ops->file(target, tp, fd, ret_file, err);
}

int target_compare_files(const struct target *target, const struct reg_threadproc *tp_a, int fd_a,
                         const struct reg_threadproc *tp_b, int fd_b, int *ret_order,
                         struct err *err)
{
	if (!target->ops || !target->ops->compare_files)
		return no_descriptors(err);
	return target->ops->compare_files(target, tp_a, fd_a, tp_b, fd_b, ret_order, err);
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
