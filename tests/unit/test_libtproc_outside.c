/* The real shared libtproc in a program that is in no space: an ordinary answer everywhere. */
#include "tproc/tproc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_everything_says_so(void **state)
{
	unsigned int cursor = 0;
	unsigned int id = 77;
	struct tproc_named named;
	struct tproc_info info;
	void *found = NULL;

	assert_int_equal(tproc_in_space(), 0);
	assert_int_equal(tproc_id(), 0);
	assert_null(tproc_space());
	assert_int_equal(tproc_self(&info), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_find(1, &info), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_next(&cursor, &info), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_next_named(&cursor, &named), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_owner(&info, &id), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_publish("a", &info, 0, NULL), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_unpublish("a"), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_lookup("a", NULL, &found, NULL), TPROC_NOT_IN_SPACE);
	assert_int_equal(tproc_wait_name("a", NULL, -1, &found, NULL), TPROC_NOT_IN_SPACE);
	assert_int_equal(id, 77);
	assert_null(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
