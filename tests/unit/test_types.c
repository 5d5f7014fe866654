/* lib/types: names, expressions, values and layouts, over debugging information of small files and
 * memory made here. */
#include "inspect/print.h"
#include "lib/base/err.h"
#include "lib/types/eval.h"
#include "lib/types/layout.h"
#include "lib/types/locate.h"
#include "lib/types/name.h"
#include "lib/types/render.h"
#include "lib/types/source.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Names --------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	bool equal = names_equal(a, strlen(a), b, strlen(b));

	if (equal)
		assert_int_equal(name_hash(a, strlen(a)), name_hash(b, strlen(b)));
	return equal;
}

static void test_names(void **state)
{
	assert_true(same("node", "node"));
	assert_false(same("node", "nodes"));
	assert_true(same("V<long unsigned int>", "V<unsigned long>"));
	assert_true(same("V<unsigned>", "V<unsigned int>"));
	assert_false(same("V<unsigned>", "V<int>"));
	assert_true(same("V<const char*>", "V<char const *>"));
	assert_false(same("V<const char*>", "V<char *const>"));
	assert_true(same("map<int, std::string>", "map<int,std::string >"));
	assert_true(same("P<const std::vector<int> >", "P<std::vector<int> const>"));
	assert_true(same("array<int, 3ul>", "array<int, 3>"));
	assert_false(same("array<int, 3ul>", "array<int, 4>"));
	assert_true(same("F<int (const char*)>", "F<int (char const*)>"));
	assert_false(same("V<A<int>, B>", "V<A<int, B> >"));
	assert_true(same("V<short int>", "V<short>"));
	assert_false(same("V<long double>", "V<double>"));
}

static bool fits(const char *name, const char *full)
{
	return names_fit(name, strlen(name), full, strlen(full));
}

static void test_default_arguments(void **state)
{
	assert_true(fits("vector<int>", "vector<int, std::allocator<int> >"));
	assert_true(fits("vector<std::vector<int>>",
	                 "vector<std::vector<int, std::allocator<int> >, "
	                 "std::allocator<std::vector<int, std::allocator<int> > > >"));
	assert_true(fits("map<std::string, int>",
	                 "map<std::__cxx11::basic_string<char, std::char_traits<char>, "
	                 "std::allocator<char> >, int, std::less<int>, A>"));
	assert_false(fits("vector<int>", "vector<long, std::allocator<long> >"));
	assert_false(fits("vector<int, A>", "vector<int>"));
	assert_false(fits("vector<int>", "vector<int, A"));
}

static void test_name_parts(void **state)
{
	assert_int_equal(name_last_part("a::b", 4), 3);
	assert_int_equal(name_last_part("a<b::c>", 7), 0);
	assert_int_equal(name_last_part("a<b::c>::d", 10), 9);
	assert_int_equal(name_last_part("(anonymous namespace)::d", 24), 23);
}

/* ---- A space with one program -------------------------------------------- */

#define BIAS SAMPLE_PROGRAM
#define DATA (BIAS + 0x4000)
#define HEAP SAMPLE_BRK

struct world {
	struct registry_builder registry;
	struct snapshot *snapshot;
	struct target target;
	struct debug_cache *cache;
	struct eval eval;
	uint8_t data[0x1000]; /* at DATA */
	uint8_t heap[0x1000]; /* at HEAP */
	struct mem_bytes runs[2];
	struct err err;
};

static void put(struct world *p, uint64_t addr, uint64_t value, size_t size)
{
	uint8_t *bytes = addr >= DATA && addr < DATA + sizeof(p->data) ? p->data + (addr - DATA)
	                                                               : p->heap + (addr - HEAP);

	memcpy(bytes, &value, size);
}

/* The first record's program is a sample of debugging information. */
static struct world *open_world(const char *sample)
{
	struct world *p = calloc(1, sizeof(*p));
	char path[4096];
	struct stat st;
	struct tp_image *image;

	assert_non_null(p);
	snprintf(path, sizeof(path), "%s/%s", DWARF_SAMPLES, sample);
	assert_int_equal(stat(path, &st), 0);
	registry_builder_sample(&p->registry, (struct registry_shape){0});
	image = rb_image(&p->registry, 1);
	image->path = rb_text(&p->registry, path);
	image->size = (uint64_t)st.st_size;
	image->mtime_sec = st.st_mtim.tv_sec;
	image->mtime_nsec = (uint32_t)st.st_mtim.tv_nsec;
	image->build_id_len = 0;
	p->snapshot = rb_snapshot(&p->registry);
	assert_non_null(p->snapshot);
	p->runs[0] = (struct mem_bytes){DATA, p->data, sizeof(p->data)};
	p->runs[1] = (struct mem_bytes){HEAP, p->heap, sizeof(p->heap)};
	assert_int_equal(mem_open_bytes(p->runs, 2, &p->target.mem, &p->err), 0);
	assert_int_equal(symcache_create(&p->target.symbols, &p->err), 0);
	p->target.snapshot = p->snapshot;
	assert_int_equal(debug_cache_create(&p->cache, &p->err), 0);
	assert_int_equal(catalog_create(&p->target, p->cache, &p->eval.catalog, &p->err), 0);
	return p;
}

static void close_world(struct world *p)
{
	catalog_destroy(p->eval.catalog);
	debug_cache_destroy(p->cache);
	symcache_destroy(p->target.symbols);
	mem_close(p->target.mem);
	snapshot_destroy(p->snapshot);
	registry_builder_deinit(&p->registry);
	free(p);
}

/* What `print --plain` writes, or the error. */
static const char *shown_with(struct world *p, const char *text, struct render_options options)
{
	static char answer[65536];
	struct rendering rendering;
	struct value value;
	struct err err;
	FILE *out;

	if (eval_text(&p->eval, text, &value, &err)) {
		snprintf(answer, sizeof(answer), "%s", err.text);
		return answer;
	}
	assert_int_equal(render_value(p->eval.catalog, &value, &options, &rendering, &err), 0);
	out = fmemopen(answer, sizeof(answer), "w");
	assert_non_null(out);
	print_text(out, false, 0, rendering.root);
	fclose(out);
	answer[strcspn(answer, "\n")] = '\0';
	rendering_deinit(&rendering);
	return answer;
}

static const char *shown(struct world *p, const char *text)
{
	return shown_with(p, text,
	                  (struct render_options){.depth = 20, .limit = 200, .plain = true});
}

/* ---- Expressions --------------------------------------------------------- */

static void test_arithmetic(void **state)
{
	static const struct {
		const char *text;
		const char *value;
	} cases[] = {
		{"1 + 2 * 3", "7"},
		{"(1 + 2) * 3", "9"},
		{"10 - 4 - 3", "3"},
		{"-7 / 2", "-3"},
		{"-7 % 2", "-1"},
		{"1 << 3 | 1", "9"},
		{"0xffffffff + 1", "0"},
		{"2147483647 + 1", "-2147483648"},
		{"2147483648", "2147483648"},
		{"18446744073709551615", "18446744073709551615"},
		{"-1 < 1u", "0"},
		{"1 ? 2 : 3", "2"},
		{"0 && 1 / 0", "0"},
		{"1 || 1 / 0", "1"},
		{"!5 + ~0", "-1"},
		{"'a'", "97 'a'"},
		{"'\\n'", "10 '\\n'"},
		{"7 / 2.0", "3.5"},
		{"1e3 > 999", "1"},
		{"(char) 321", "65 'A'"},
		{"(unsigned short) -1", "65535"},
		{"(long) 2.9", "2"},
		{"sizeof(long double)", "16"},
		{"sizeof(int [3][4])", "48"},
		{"0b101", "5"},
		{"-0x7fffffffffffffff - 1", "-9223372036854775808"},
		{"(-0x7fffffffffffffff - 1) / -1", "-9223372036854775808"},
		{"1 << 100", "0"},
	};
	struct world *p = open_world("gcc-5");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(shown(p, cases[i].text), cases[i].value);
	close_world(p);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{"", "a value is missing at the end of the expression"},
		{"1 +", "a value is missing at the end of the expression"},
		{"1 2", "an operator is missing at \"2\""},
		{"(1", "a ) is missing at the end of the expression"},
		{"1 / 0", "division by zero"},
		{"f(1)", "functions cannot be called: nothing runs in the space at \"(1)\""},
		{"99999999999999999999", "99999999999999999999 does not fit 64 bits"},
		{"0x", "\"0x\" is not a number"},
		{"nobody", "nothing called nobody is in anybody's debugging information"},
		{"7::x", "no threadproc has id 7"},
		{"1::nobody", "nothing called nobody is in the debugging information of allocstr"},
		{"list.nothing", "struct s has no member called nothing"},
		{"*1.5", "what is not a pointer cannot be followed"},
		{"&1", "what is not in memory has no address"},
		{"&list.bits", "a bit-field has no address"},
		{"$nobody", "no pointer is named nobody"},
		{"own", "there is no place to keep it"},
		{"(struct nobody *) 0", "no type is called nobody"},
		{"@", "a value is missing at \"@\""},
		{"'", "a ' is missing"},
	};
	struct world *p = open_world("gcc-5");
	char deep[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(shown(p, cases[i].text), cases[i].error);
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_non_null(strstr(shown(p, deep), "too much within each other"));
	memset(deep, '-', sizeof(deep) - 1);
	assert_non_null(strstr(shown(p, deep), "too much within each other"));
	close_world(p);
}

/* ---- Values of C --------------------------------------------------------- */

#define LIST (BIAS + 0x4060)

/* struct s { struct s *next; int bits : 3; unsigned more : 20; union { int i; float f; };
 * char text[8]; enum e kind; op call; int tail[]; } */
static struct world *open_list(void)
{
	struct world *p = open_world("gcc-5");

	put(p, LIST, LIST, 8);
	put(p, LIST + 8, 5 | 0x12345 << 3, 4);
	put(p, LIST + 12, 0x3f800000, 4);
	memcpy(p->data + 0x60 + 16, "text\0\1\2\3", 8);
	put(p, LIST + 24, (uint32_t)-2, 4);
	put(p, LIST + 32, BIAS + 0x1000, 8);
	put(p, LIST + 40, 77, 4);
	put(p, BIAS + 0x4000, HEAP, 8);
	memcpy(p->heap, "said\"", 6);
	return p;
}

static void test_record(void **state)
{
	struct world *p = open_list();

	assert_string_equal(shown(p, "list"),
	                    "{next = 0x101000104060, bits = -3, more = 74565, {i = 1065353216, "
	                    "f = 1}, text = \"text\\000\\001\\002\\003\", kind = B, call = "
	                    "0x101000101000, tail = 0x101000104088}");
	assert_string_equal(shown(p, "list.next->next->more"), "74565");
	assert_string_equal(shown(p, "1::list.kind == B && list.kind != A"), "1");
	assert_string_equal(shown(p, "allocstr::list.f"), "1");
	assert_string_equal(shown(p, "list.tail[0]"), "77");
	assert_string_equal(shown(p, "list.text[1] @ 3"), "\"ext\"");
	assert_string_equal(shown(p, "sizeof(struct s)"), "40");
	assert_string_equal(shown(p, "*(struct s *) 0x101000104060 == 1"),
	                    "only numbers and pointers go with operators");
	assert_string_equal(shown(p, "((struct s *) 0x101000104060)->i"), "1065353216");
	assert_string_equal(shown(p, "hello"), "0x101001000000 \"said\\\"\"");
	assert_string_equal(shown(p, "(long) &list.text - (long) &list"), "16");
	assert_string_equal(shown(p, "&list.next + 1"), "(struct s **) 0x101000104068");
	assert_string_equal(shown(p, "(enum e) 0"), "A");
	assert_string_equal(shown(p, "*list.call"), "{int (int, char *)} 0x101000101000");
	assert_string_equal(shown(p, "'a.c'::list.more"), "74565");
	close_world(p);
}

static void test_options(void **state)
{
	struct world *p = open_list();

	assert_string_equal(
		shown_with(p, "list",
	                   (struct render_options){.depth = 1, .limit = 2, .plain = true}),
		"{next = 0x101000104060, bits = -3, more = 74565, {...}, text = \"te\"..., "
		"kind "
		"= B, call = 0x101000101000, tail = 0x101000104088}");
	assert_string_equal(
		shown_with(p, "matrix",
	                   (struct render_options){.depth = 9, .limit = 1, .plain = true}),
		"{{0...}...}");
	assert_string_equal(
		shown_with(p, "list.more",
	                   (struct render_options){.depth = 9, .limit = 9, .format = 'x'}),
		"0x12345");
	close_world(p);
}

static void test_unreadable(void **state)
{
	struct world *p = open_list();

	put(p, BIAS + 0x4000, 0x10, 8);
	assert_string_equal(shown(p, "hello"),
	                    "0x10 <error: Cannot access memory at address 0x10>");
	assert_non_null(strstr(shown(p, "*(struct s *) 0x20"), "{next = <"));
	close_world(p);
}

static void test_layout(void **state)
{
	static const struct {
		enum layout_kind kind;
		uint64_t bit, bits;
	} rows[] = {
		{LAYOUT_MEMBER, 0, 64},   {LAYOUT_MEMBER, 64, 3},  {LAYOUT_MEMBER, 67, 20},
		{LAYOUT_HOLE, 87, 9},     {LAYOUT_MEMBER, 96, 32}, {LAYOUT_MEMBER, 128, 64},
		{LAYOUT_MEMBER, 192, 32}, {LAYOUT_HOLE, 224, 32},  {LAYOUT_MEMBER, 256, 64},
		{LAYOUT_MEMBER, 320, 0},
	};
	struct world *p = open_world("clang-5");
	const struct reg_threadproc *tp;
	const struct type *type;
	struct layout layout;

	assert_int_equal(eval_type_text(&p->eval, "struct s", &type, &tp, &p->err), 0);
	assert_int_equal(layout_of(p->eval.catalog, tp, type, &layout, &p->err), 0);
	assert_int_equal(layout.size, 40);
	assert_int_equal(layout.count, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < layout.count; i++) {
		assert_int_equal(layout.rows[i].kind, rows[i].kind);
		assert_int_equal(layout.rows[i].bit, rows[i].bit);
		assert_int_equal(layout.rows[i].bits, rows[i].bits);
	}
	assert_int_equal(layout.hole_count, 2);
	assert_int_equal(layout.hole_bits, 41);
	layout_deinit(&layout);
	close_world(p);
}

static void test_parts_of_variables(void **state)
{
	struct world *p = open_list();
	struct value list, matrix;
	char text[64];

	assert_int_equal(eval_text(&p->eval, "list", &list, &p->err), 0);
	assert_int_equal(eval_text(&p->eval, "matrix", &matrix, &p->err), 0);
	assert_true(locate_part(p->eval.catalog, NULL, "list", list.type, 18, text, sizeof(text)));
	assert_string_equal(text, "list.text[2]");
	assert_true(locate_part(p->eval.catalog, NULL, "list", list.type, 13, text, sizeof(text)));
	assert_string_equal(text, "list.i+1");
	assert_true(locate_part(p->eval.catalog, NULL, "m", matrix.type, 33, text, sizeof(text)));
	assert_string_equal(text, "m[1][1]+1");
	assert_false(locate_part(p->eval.catalog, NULL, "m", matrix.type, 48, text, sizeof(text)));
	assert_true(locate_part(p->eval.catalog, NULL, "list", list.type, 18, text, 8));
	assert_string_equal(text, "list.te");
	close_world(p);
}

static void test_source(void **state)
{
	struct world *p = open_world("gcc-5");
	struct source_frame frames[SOURCE_FRAMES_MAX];
	struct debug *debug;
	size_t count;

	assert_int_equal(catalog_debug(p->eval.catalog, &p->snapshot->threadprocs[1].modules[0],
	                               &debug, &p->err),
	                 0);
	count = source_at(debug, 0x1000, frames);
	assert_true(count >= 1);
	assert_string_equal(frames[count - 1].function, "f");
	assert_string_equal(frames[count - 1].place.file + strlen(frames[count - 1].place.file) - 3,
	                    "a.c");
	assert_int_equal(source_at(debug, 0x100000, frames), 0);
	close_world(p);
}

/* ---- Values of C++ ------------------------------------------------------- */

/* Where a variable of the sample lies. */
static uint64_t address_of(struct world *p, const char *name)
{
	struct value value;

	assert_int_equal(eval_text(&p->eval, name, &value, &p->err), 0);
	assert_true(value.in_memory);
	return value.addr;
}

static void test_containers(void **state)
{
	struct world *p = open_world("gxx-5");
	uint64_t vec = address_of(p, "vec"), lst = address_of(p, "lst");

	put(p, vec, HEAP, 8);
	put(p, vec + 8, HEAP + 12, 8);
	put(p, vec + 16, HEAP + 16, 8);
	put(p, HEAP, 1, 4);
	put(p, HEAP + 4, 2, 4);
	put(p, HEAP + 8, 3, 4);
	assert_string_equal(shown(p, "vec"), "std::vector of length 3, capacity 4 = {1, 2, 3}");
	/* two nodes, then back */
	put(p, lst, HEAP + 64, 8);
	put(p, HEAP + 64, HEAP + 128, 8);
	put(p, HEAP + 64 + 16, 10, 4);
	put(p, HEAP + 128, lst, 8);
	put(p, HEAP + 128 + 16, 20, 4);
	assert_string_equal(shown(p, "lst"), "std::list with 2 elements = {10, 20}");
	close_world(p);
}

static void test_hostile_containers(void **state)
{
	struct world *p = open_world("gxx-5");
	uint64_t vec = address_of(p, "vec"), lst = address_of(p, "lst");

	put(p, vec, HEAP + 8, 8);
	put(p, vec + 8, HEAP, 8);
	put(p, vec + 16, HEAP + 8, 8);
	assert_string_equal(shown(p, "vec"), "<not a sound vector>");
	/* an endless list is cut, and one that leads nowhere too */
	put(p, lst, HEAP + 64, 8);
	put(p, HEAP + 64, HEAP + 64, 8);
	assert_string_equal(
		shown_with(p, "lst",
	                   (struct render_options){.depth = 9, .limit = 3, .plain = true}),
		"std::list = {0, 0, 0...}");
	put(p, HEAP + 64, 0x10, 8);
	assert_non_null(strstr(shown(p, "lst"), "std::list = {0, <"));
	close_world(p);
}

static void test_scopes(void **state)
{
	struct world *p = open_world("gxx-5");

	assert_string_equal(shown(p, "n::C::y"), "n::C::y");
	assert_string_equal(shown(p, "(int) n::C::y"), "4");
	assert_string_equal(shown(p, "sizeof(V<const char *, 3>)"), "40");
	assert_string_equal(shown(p, "sizeof(n::V<char const*, 3ul>)"), "40");
	assert_string_equal(shown(p, "sizeof(hidden)"), "4");
	assert_string_equal(shown(p, "n::B::shared"), shown(p, "B::shared"));
	/* arguments that have defaults need not be written */
	assert_string_equal(shown(p, "sizeof(std::vector<int>)"), "24");
	assert_string_equal(shown(p, "sizeof(std::vector<long>)"), "a value is missing at \")\"");
	close_world(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_default_arguments),
		cmocka_unit_test(test_name_parts),
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_parts_of_variables),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_hostile_containers),
		cmocka_unit_test(test_scopes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
