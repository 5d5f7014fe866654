/* The progress bar, with clocks of the test's making. */
#include "inspect/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define S (1000 * MS)
#define GIB (UINT64_C(1) << 30)

static uint64_t now;

static uint64_t fake_clock(void)
{
	return now;
}

static void assert_text(unsigned columns, struct progress progress, uint64_t elapsed,
                        const char *expected)
{
	char text[256];
	size_t len;

	progress.what = "scanning";
	len = progress_text(text, sizeof(text), columns, &progress, elapsed);
	assert_int_equal(len, strlen(text));
	assert_string_equal(text, expected);
	assert_true(strlen(text) <= columns);
}

static void test_text(void **state)
{
	assert_text(
		79, (struct progress){.total = 2 * GIB, .done = GIB}, 2 * S,
		"scanning  50% [===========            ] 1.0 GiB of 2.0 GiB, 512 MiB/s, 2 s left");
	assert_text(200, (struct progress){.total = 2 * GIB, .done = GIB}, 2 * S,
	            "scanning  50% [===============               ] "
	            "1.0 GiB of 2.0 GiB, 512 MiB/s, 2 s left");
	assert_text(30, (struct progress){.total = 2 * GIB, .done = GIB}, 2 * S,
	            "scanning  50% 1.0 GiB of 2.0 G");
	assert_text(79, (struct progress){.unit = PROGRESS_ITEMS, .done = 1500}, S,
	            "scanning 1.5 k, 1.5 k/s");
	assert_text(79, (struct progress){.unit = PROGRESS_ITEMS, .total = 10, .done = 10}, S,
	            "scanning 100% [==============================] 10 of 10, 10/s, 0 s left");
}

/* More than was announced, nothing yet, no time, and numbers without measure. */
static void test_text_extremes(void **state)
{
	const uint64_t amounts[] = {0, 1, 1023, GIB, UINT64_MAX};
	char text[256];

	for (size_t i = 0; i < 625; i++) {
		struct progress p = {.what = "x",
		                     .unit = i % 2 ? PROGRESS_ITEMS : PROGRESS_BYTES,
		                     .total = amounts[i % 5],
		                     .done = amounts[i / 5 % 5]};
		size_t len = progress_text(text, 1 + i % 200, 1 + (unsigned)(i % 90), &p,
		                           amounts[i / 25 % 5]);

		assert_int_equal(len, strlen(text));
		assert_true(len <= 1 + i % 90);
	}
	assert_int_equal(progress_text(text, 0, 80, &(struct progress){.what = "x"}, 0), 0);
}

static void test_drawing(void **state)
{
	char *screen = NULL;
	size_t size = 0;
	struct session session = {.clock = fake_clock, .progress = true};
	struct progress progress;

	session.err_out = open_memstream(&screen, &size);
	now = 5 * S;
	progress_begin(&progress, &session, "scanning", PROGRESS_ITEMS, 100);
	now += 499 * MS;
	assert_true(progress_step(&progress, 10));
	progress_end(&progress);
	fflush(session.err_out);
	assert_int_equal(size, 0); /* nothing for what is quick */

	now += MS;
	assert_true(progress_step(&progress, 10));
	fflush(session.err_out);
	assert_non_null(strstr(screen, "\rscanning  20%"));
	rewind(session.err_out);
	now += 99 * MS;
	assert_true(progress_step(&progress, 10));
	fflush(session.err_out);
	assert_int_equal(size, 0); /* ten times a second */
	now += MS;
	assert_true(progress_step(&progress, 10));
	fflush(session.err_out);
	assert_non_null(strstr(screen, "\rscanning  40%"));

	rewind(session.err_out);
	progress_end(&progress);
	fputc('\0', session.err_out);
	fflush(session.err_out);
	assert_string_equal(screen, "\r\033[K");
	session.interrupted = 1;
	assert_false(progress_step(&progress, 1));
	fclose(session.err_out);
	free(screen);
}

static void test_not_wanted(void **state)
{
	struct session session = {.clock = fake_clock};
	struct progress progress;

	progress_begin(&progress, &session, "scanning", PROGRESS_BYTES, 100);
	now += 100 * S;
	assert_true(progress_step(&progress, 10));
	progress_end(&progress);
	assert_false(progress.drawn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_extremes),
		cmocka_unit_test(test_drawing),
		cmocka_unit_test(test_not_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
