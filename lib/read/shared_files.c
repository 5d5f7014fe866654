#include "lib/read/shared_files.h"

#include <errno.h>
#include <stdlib.h>

void shared_files_deinit(struct shared_files *files)
{
	for (size_t i = 0; i < files->owner_count; i++)
		open_files_deinit(&files->owners[i].files);
	free(files->owners);
	free(files->list);
	*files = (struct shared_files){0};
}

static int append(struct shared_files *files, const struct reg_threadproc *tp,
                  const struct open_files *of, struct err *err)
{
	struct owned_file *grown =
		reallocarray(files->list, files->count + of->count + 1, sizeof(*grown));

	if (!grown)
		return err_os(err, ENOMEM, "descriptors");
	files->list = grown;
	for (size_t i = 0; i < of->count; i++)
		grown[files->count++] = (struct owned_file){tp, &of->list[i], 0};
	return 0;
}

static int read_all(const struct target *target, struct shared_files *files, struct err *err)
{
	const struct snapshot *s = target->snapshot;

	files->owners = calloc(s->threadproc_count + 1, sizeof(*files->owners));
	if (!files->owners)
		return err_os(err, ENOMEM, "descriptors");
	for (size_t i = 1; i < s->threadproc_count; i++) {
		const struct reg_threadproc *tp = &s->threadprocs[i];
		struct files_of *owner = &files->owners[files->owner_count];
		struct err ignored;

		if (!reg_threadproc_lives(tp) || target_files(target, tp, &owner->files, &ignored))
			continue;
		owner->tp = tp;
		files->owner_count++;
		if (append(files, tp, &owner->files, err))
			return -1;
	}
	return 0;
}

static int by_inode(const struct open_file *a, const struct open_file *b)
{
	if (a->has_state != b->has_state)
		return a->has_state ? -1 : 1;
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return (a->ino > b->ino) - (a->ino < b->ino);
}

static int by_owner(const void *a, const void *b)
{
	const struct owned_file *x = a, *y = b;

	if (x->tp->abi.id != y->tp->abi.id)
		return x->tp->abi.id < y->tp->abi.id ? -1 : 1;
	return (x->file->fd > y->file->fd) - (x->file->fd < y->file->fd);
}

/* How descriptors are ordered. */
struct ordering {
	const struct target *target;
	bool failed; /* the kernel does not say which are the same */
};

/* Only what has the same inode can be the same open file: the kernel is asked of that alone. */
static int by_open_file(const void *a, const void *b, void *context)
{
	const struct owned_file *x = a, *y = b;
	struct ordering *ordering = context;
	int order = by_inode(x->file, y->file);
	struct err err;

	if (order || !x->file->has_state)
		return order ? order : by_owner(a, b);
	if (!target_compare_files(ordering->target, x->tp, x->file->fd, y->tp, y->file->fd, &order,
	                          &err))
		return order;
	ordering->failed = true;
	return by_owner(a, b);
}

static void group(const struct target *target, struct shared_files *files)
{
	struct ordering ordering = {.target = target};
	size_t number = 0;

	if (!files->count)
		return;
	qsort_r(files->list, files->count, sizeof(*files->list), by_open_file, &ordering);
	for (size_t i = 0; i < files->count && !ordering.failed; i++) {
		struct owned_file *file = &files->list[i];

		number += !i || by_open_file(file - 1, file, &ordering) != 0;
		file->group = file->file->has_state ? number : 0;
	}
	for (size_t i = 0; i < files->count && ordering.failed; i++)
		files->list[i].group = 0;
	qsort(files->list, files->count, sizeof(*files->list), by_owner);
}

int shared_files_read(const struct target *target, struct shared_files *ret_files, struct err *err)
{
	struct shared_files files = {0};

	if (!target->ops || !target->ops->files)
		return err_set(err, ERR_NOT_FOUND, "descriptors are not known");
	if (read_all(target, &files, err)) {
		shared_files_deinit(&files);
		return -1;
	}
	group(target, &files);
	*ret_files = files;
	return 0;
}

bool shared_files_has(const struct shared_files *files, const struct reg_threadproc *tp)
{
	for (size_t i = 0; i < files->owner_count; i++) {
		if (files->owners[i].tp == tp)
			return true;
	}
	return false;
}
