/* Which descriptors are one open file, by a kernel that is made up. */
#include "lib/base/err.h"
#include "lib/read/shared_files.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* Of records 1 and 2: fd, inode, open file.  The same number: the same. */
struct made_up {
	uint32_t id;
	int fd;
	uint64_t ino; /* 0: has no state */
	int open_file;
};

static const struct made_up files[] = {
	{1, 0, 5, 70}, {1, 1, 5, 71}, {1, 2, 6, 72}, {1, 9, 0, 0},
	{2, 0, 5, 71}, {2, 1, 5, 70}, {2, 3, 5, 70}, {2, 9, 0, 0},
};

#define FILES (sizeof(files) / sizeof(files[0]))

static bool comparable;

static const struct made_up *find(const struct reg_threadproc *tp, int fd)
{
	for (size_t i = 0; i < FILES; i++) {
		if (files[i].id == tp->abi.id && files[i].fd == fd)
			return &files[i];
	}
	return NULL;
}

static int made_up_files(const struct target *target, const struct reg_threadproc *tp,
                         struct open_files *ret_files, struct err *err)
{
	ret_files->list = calloc(FILES, sizeof(*ret_files->list));
	ret_files->count = 0;
	for (size_t i = 0; i < FILES; i++) {
		if (files[i].id == tp->abi.id)
			ret_files->list[ret_files->count++] =
				(struct open_file){.fd = files[i].fd,
			                           .target = strdup("x"),
			                           .has_state = files[i].ino != 0,
			                           .ino = files[i].ino};
	}
	return 0;
}

static int made_up_compare(const struct target *target, const struct reg_threadproc *tp_a, int fd_a,
                           const struct reg_threadproc *tp_b, int fd_b, int *ret_order,
                           struct err *err)
{
	if (!comparable)
		return err_set(err, ERR_DENIED, "no");
	*ret_order = find(tp_a, fd_a)->open_file - find(tp_b, fd_b)->open_file;
	return 0;
}

static size_t group_of(const struct shared_files *shared, uint32_t id, int fd)
{
	for (size_t i = 0; i < shared->count; i++) {
		if (shared->list[i].tp->abi.id == id && shared->list[i].file->fd == fd)
			return shared->list[i].group;
	}
	fail_msg("no descriptor %d of %u", fd, id);
	return 0;
}

static void check(const struct target *target)
{
	struct shared_files shared;
	struct err err;

	assert_int_equal(shared_files_read(target, &shared, &err), 0);
	assert_int_equal(shared.count, FILES);
	for (size_t i = 0; i < FILES; i++) {
		size_t group = group_of(&shared, files[i].id, files[i].fd);

		assert_int_equal(group != 0, comparable && files[i].ino);
		for (size_t j = 0; group && j < FILES; j++)
			assert_int_equal(group == group_of(&shared, files[j].id, files[j].fd),
			                 files[i].open_file == files[j].open_file);
	}
	assert_int_equal(group_of(&shared, 1, 9), 0);
	assert_true(shared_files_has(&shared, &target->snapshot->threadprocs[1]));
	assert_false(shared_files_has(&shared, &target->snapshot->threadprocs[3]));
	shared_files_deinit(&shared);
}

static void test_groups(void **state)
{
	static const struct target_ops ops = {.files = made_up_files,
	                                      .compare_files = made_up_compare};
	static const struct target_ops nothing;
	struct registry_builder builder;
	struct target target = {.ops = &ops};
	struct shared_files shared;
	struct snapshot *snapshot;
	struct err err;

	registry_builder_sample(&builder, (struct registry_shape){0});
	target.snapshot = snapshot = rb_snapshot(&builder);
	comparable = true;
	check(&target);
	comparable = false; /* kcmp(2) is not permitted: nobody knows */
	check(&target);
	target.ops = &nothing;
	assert_int_equal(shared_files_read(&target, &shared, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	snapshot_destroy(snapshot);
	registry_builder_deinit(&builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
