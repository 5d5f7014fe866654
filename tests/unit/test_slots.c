/* Who gets which addresses: on plain tables, as the registry has them. */
#include "loader/server/slots.h"

#include "loader/quarantine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#define ALL (TP_LAST_GRANULE - TP_FIRST_GRANULE)
#define SLOTS_BEGIN ((uint64_t)TP_FIRST_GRANULE << TP_GRANULE_SHIFT)

static struct tp_granule granules[TP_GRANULES];
static struct tp_fixed fixed[TP_FIXED];
static struct slots slots;

static int setup(void **state)
{
	memset(granules, 0, sizeof(granules));
	memset(fixed, 0, sizeof(fixed));
	slots_init(&slots, granules, fixed, 0);
	return 0;
}

static struct tp_run claim(uint32_t count, uint16_t owner)
{
	struct tp_run run = {0};
	struct err err;

	assert_int_equal(slots_claim(&slots, count, owner, 7, &run, &err), 0);
	assert_int_equal(run.count, count);
	return run;
}

static void refuse(uint32_t count)
{
	struct tp_run run = {.first = 11, .count = 22};
	struct err err;

	assert_int_equal(slots_claim(&slots, count, 1, 1, &run, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(run.first, 11);
	assert_int_equal(run.count, 22);
}

static void assert_run(struct tp_run run, enum tp_granule_state state, uint16_t owner)
{
	for (uint32_t g = run.first; g < run.first + run.count; g++) {
		assert_int_equal(granules[g].state, state);
		assert_int_equal(granules[g].owner, owner);
	}
}

static void test_claim_writes_the_table(void **state)
{
	struct tp_run a = claim(1, 3);
	struct tp_run b = claim(4, 5);

	assert_int_equal(a.first, TP_FIRST_GRANULE);
	assert_int_equal(b.first, a.first + 1);
	assert_run(a, TP_GRANULE_LIVE, 3);
	assert_run(b, TP_GRANULE_LIVE, 5);
	assert_int_equal(granules[b.first].generation, 7);
	assert_int_equal(granules[b.first + 4].state, TP_GRANULE_FREE);
}

/* A granule that was given up rests until all others have had their turn. */
static void test_quarantined_is_reused_last(void **state)
{
	struct tp_run given_up = claim(1, 1);

	slots_quarantine(&slots, given_up);
	assert_run(given_up, TP_GRANULE_QUARANTINE, 1);
	for (uint32_t i = 1; i < ALL; i++) {
		struct tp_run run = claim(1, 2);

		assert_int_not_equal(run.first, given_up.first);
		slots_quarantine(&slots, run);
	}
	assert_run(given_up, TP_GRANULE_QUARANTINE, 1);
	assert_int_equal(claim(1, 2).first, given_up.first);
	assert_run(given_up, TP_GRANULE_LIVE, 2);
}

/* Gives up one after the other, until the first comes again: how many there were between. */
static uint32_t give_up_until_reuse(uint32_t quarantine)
{
	struct tp_run first;
	uint32_t others = 0;

	setup(NULL);
	slots_init(&slots, granules, fixed, quarantine);
	/* but for a few granules, somebody has them all */
	claim(ALL - 40, 9);
	first = claim(1, 1);
	slots_quarantine(&slots, first);
	for (;;) {
		struct tp_run run = claim(1, 2);

		if (run.first == first.first)
			return others;
		slots_quarantine(&slots, run);
		others++;
	}
}

static void test_rests_until_so_many_were_given_up(void **state)
{
	assert_int_equal(give_up_until_reuse(0), 39);
	for (uint32_t quarantine = 1; quarantine < 40; quarantine++)
		assert_true(give_up_until_reuse(quarantine) >= quarantine);
}

static void assert_refusal_says(uint32_t count, const char *text)
{
	struct tp_run run;
	struct err err;

	assert_int_equal(slots_claim(&slots, count, 1, 1, &run, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.text, text));
}

/* When all addresses are in use or rest, that is the end, until others are given up. */
static void test_quarantine_that_is_too_large(void **state)
{
	struct tp_run live;

	slots_init(&slots, granules, fixed, 30);
	claim(ALL - 40, 9);
	live = claim(20, 1);
	for (int i = 0; i < 20; i++)
		slots_quarantine(&slots, claim(1, 2));
	assert_refusal_says(1, "320 GiB rest in quarantine (--quarantine=480G)");
	slots_quarantine(&slots, live);
	assert_int_equal(granules[claim(1, 3).first].owner, 3);
}

static void test_forever(void **state)
{
	slots_init(&slots, granules, fixed, QUARANTINE_FOREVER);
	for (uint32_t i = 0; i < ALL; i++) {
		struct tp_run run = claim(1, 1);

		assert_int_equal(run.first, TP_FIRST_GRANULE + i);
		slots_quarantine(&slots, run);
	}
	assert_refusal_says(1, "(--quarantine=forever)");
	refuse(2);
	for (uint32_t i = 0; i < ALL; i++)
		assert_int_equal(granules[TP_FIRST_GRANULE + i].state, TP_GRANULE_QUARANTINE);
}

/* ---- how it is said --------------------------------------------------------------- */

static void assert_quarantine(const char *text, uint32_t expected, const char *again)
{
	char shown[QUARANTINE_TEXT];
	uint32_t granules_read = 0;
	struct err err;

	assert_int_equal(quarantine_parse(text, &granules_read, &err), 0);
	assert_int_equal(granules_read, expected);
	quarantine_text(granules_read, shown);
	assert_string_equal(shown, again);
}

static void test_quarantine_as_text(void **state)
{
	assert_quarantine("0", 0, "0");
	assert_quarantine("1", 1, "16G");
	assert_quarantine("16G", 1, "16G");
	assert_quarantine("17179869185", 2, "32G");
	assert_quarantine("2t", 128, "2048G");
	assert_quarantine("109T", 6976, "111616G");
	assert_quarantine("112576G", ALL, "112576G");
	assert_quarantine("forever", QUARANTINE_FOREVER, "forever");
}

static void test_quarantine_that_is_none(void **state)
{
	static const char *const texts[] = {"",
	                                    "x",
	                                    "-1",
	                                    "G",
	                                    "1GB",
	                                    "1 G",
	                                    "1.5G",
	                                    " 1",
	                                    "ever",
	                                    "forever ",
	                                    "112577G",
	                                    "110T",
	                                    "18446744073709551616",
	                                    "99999999T"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint32_t read = 7;
		struct err err;

		assert_int_equal(quarantine_parse(texts[i], &read, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_int_equal(read, 7);
	}
}

static void test_wraps_around_live_runs(void **state)
{
	struct tp_run first = claim(2, 1);
	struct tp_run rest = claim(ALL - 3, 2);
	struct tp_run last = claim(1, 3);

	assert_int_equal(last.first, TP_LAST_GRANULE - 1);
	slots_quarantine(&slots, rest);
	assert_int_equal(claim(1, 4).first, rest.first);
	assert_run(first, TP_GRANULE_LIVE, 1);
}

/* The row lies on both sides of where the search begins. */
static void test_row_across_the_start_of_the_search(void **state)
{
	struct tp_run low = claim(4, 1);
	struct tp_run middle = claim(4, 2);
	struct tp_run high = claim(ALL - 8, 3);

	slots_quarantine(&slots, low);
	assert_int_equal(claim(2, 4).first, low.first);
	slots_quarantine(&slots, (struct tp_run){.first = low.first, .count = 2});
	assert_int_equal(claim(4, 5).first, low.first);
	assert_run(middle, TP_GRANULE_LIVE, 2);
	assert_run(high, TP_GRANULE_LIVE, 3);
}

static void test_no_row_free(void **state)
{
	struct tp_run all = claim(ALL, 1);

	refuse(1);
	/* Two granules are free, but not side by side. */
	slots_quarantine(&slots, (struct tp_run){.first = all.first + 10, .count = 1});
	slots_quarantine(&slots, (struct tp_run){.first = all.first + 12, .count = 1});
	refuse(2);
	assert_int_equal(granules[all.first + 10].state, TP_GRANULE_QUARANTINE);
	assert_int_equal(claim(1, 9).first, all.first + 10);
	assert_int_equal(claim(1, 9).first, all.first + 12);
	refuse(1);
}

static void test_absurd_counts(void **state)
{
	refuse(0);
	refuse(ALL + 1);
	refuse(UINT32_MAX);
	claim(ALL, 1);
}

static void test_nothing_outside_the_slots_part(void **state)
{
	claim(ALL, 1);
	assert_int_equal(granules[TP_FIRST_GRANULE - 1].state, TP_GRANULE_FREE);
	assert_int_equal(granules[TP_FIRST_GRANULE].state, TP_GRANULE_LIVE);
	assert_int_equal(granules[TP_LAST_GRANULE - 1].state, TP_GRANULE_LIVE);
	assert_int_equal(granules[TP_LAST_GRANULE].state, TP_GRANULE_FREE);
}

static void test_unclaimed_names_nobody(void **state)
{
	struct tp_run run = claim(3, 8);

	slots_unclaim(&slots, run);
	assert_run(run, TP_GRANULE_FREE, 0);
	assert_int_equal(granules[run.first].generation, 0);
}

/* ---- fixed images ------------------------------------------------------------------ */

#define UNTOUCHED 0xdeadu

static void claim_fixed(uint64_t lo, uint64_t hi, uint32_t owner)
{
	uint32_t taken = UNTOUCHED;
	struct err err;

	assert_int_equal(slots_claim_fixed(&slots, lo, hi, owner, 1, &taken, &err), 0);
	assert_int_equal(taken, UNTOUCHED);
}

static void refuse_fixed(uint64_t lo, uint64_t hi, uint32_t taker)
{
	uint32_t taken = UNTOUCHED;
	struct err err;

	assert_int_equal(slots_claim_fixed(&slots, lo, hi, 99, 1, &taken, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(taken, taker);
}

static void test_fixed_says_who_has_it(void **state)
{
	claim_fixed(0x400000, 0x500000, 4);
	claim_fixed(0x600000, 0x700000, 6);
	refuse_fixed(0x400000, 0x500000, 4);
	refuse_fixed(0x4ff000, 0x501000, 4);
	refuse_fixed(0x3ff000, 0x401000, 4);
	refuse_fixed(0x300000, 0x800000, 4);
	refuse_fixed(0x680000, 0x681000, 6);
	/* side by side is no overlap */
	claim_fixed(0x500000, 0x600000, 5);
	claim_fixed(0x3ff000, 0x400000, 3);
}

static void test_fixed_is_released_by_owner_and_generation(void **state)
{
	claim_fixed(0x400000, 0x500000, 4);
	slots_release_fixed(&slots, 4, 2);
	refuse_fixed(0x400000, 0x500000, 4);
	slots_release_fixed(&slots, 5, 1);
	refuse_fixed(0x400000, 0x500000, 4);
	slots_release_fixed(&slots, 4, 1);
	claim_fixed(0x400000, 0x500000, 6);
	refuse_fixed(0x400000, 0x500000, 6);
}

static void test_fixed_spares_the_toolkit(void **state)
{
	refuse_fixed(TP_RESERVED_LO, TP_RESERVED_LO + 4096, 0);
	refuse_fixed(TP_RESERVED_HI - 4096, TP_RESERVED_HI + 4096, 0);
	refuse_fixed(0x400000, TP_RESERVED_LO + 1, 0);
	refuse_fixed(0x400000, TP_RESERVED_HI + 4096, 0);
	claim_fixed(0x400000, TP_RESERVED_LO, 1);
	claim_fixed(TP_RESERVED_HI, TP_RESERVED_HI + 4096, 2);
}

static void test_fixed_spares_the_slots(void **state)
{
	refuse_fixed(SLOTS_BEGIN, SLOTS_BEGIN + 4096, 0);
	refuse_fixed(SLOTS_BEGIN - 4096, SLOTS_BEGIN + 4096, 0);
	refuse_fixed(UINT64_C(0x7ffffffde000), UINT64_C(0x7ffffffdf000), 0);
	claim_fixed(SLOTS_BEGIN - 4096, SLOTS_BEGIN, 1);
}

static void test_fixed_table_full(void **state)
{
	const uint64_t lo = 0x10000;

	for (uint64_t i = 0; i < TP_FIXED; i++)
		claim_fixed(lo + i * 4096, lo + (i + 1) * 4096, 1 + (uint32_t)i);
	refuse_fixed(0x400000, 0x500000, 0);
	slots_release_fixed(&slots, 17, 1);
	claim_fixed(0x400000, 0x500000, 70);
	refuse_fixed(lo + 17 * 4096, lo + 18 * 4096, 18);
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_claim_writes_the_table),
		TEST(test_quarantined_is_reused_last),
		TEST(test_rests_until_so_many_were_given_up),
		TEST(test_quarantine_that_is_too_large),
		TEST(test_forever),
		TEST(test_quarantine_as_text),
		TEST(test_quarantine_that_is_none),
		TEST(test_wraps_around_live_runs),
		TEST(test_row_across_the_start_of_the_search),
		TEST(test_no_row_free),
		TEST(test_absurd_counts),
		TEST(test_nothing_outside_the_slots_part),
		TEST(test_unclaimed_names_nobody),
		TEST(test_fixed_says_who_has_it),
		TEST(test_fixed_is_released_by_owner_and_generation),
		TEST(test_fixed_spares_the_toolkit),
		TEST(test_fixed_spares_the_slots),
		TEST(test_fixed_table_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
