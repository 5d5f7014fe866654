/* tpinspect's verbs, on registries made in memory, good, hostile and spoilt. */
#include "inspect/address.h"
#include "inspect/repl.h"
#include "inspect/session.h"
#include "inspect/verbs.h"
#include "tests/unit/registry_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
	struct registry_builder builder;
	struct session session;
	char *out;
	size_t out_size;
	char *diagnostics;
	size_t diagnostics_size;
};

static void use_registry(struct world *w)
{
	struct err err;

	registry_close(w->session.registry);
	w->session.registry = NULL;
	registry_from_bytes(w->builder.bytes, w->builder.size, &w->session.registry, &err);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	FILE *out = open_memstream(&w->out, &w->out_size);
	FILE *diagnostics = open_memstream(&w->diagnostics, &w->diagnostics_size);
	struct err err;

	registry_builder_sample(&w->builder, (struct registry_shape){0});
	*state = w;
	if (session_init(&w->session, "fake", out, diagnostics, &err))
		return -1;
	use_registry(w);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fclose(w->session.out);
	fclose(w->session.err_out);
	session_deinit(&w->session);
	registry_builder_deinit(&w->builder);
	free(w->out);
	free(w->diagnostics);
	free(w);
	return 0;
}

/* Runs a line; what it answered is then in w->out and w->diagnostics, from their start. */
static int run(struct world *w, const char *line)
{
	int status;

	rewind(w->session.out);
	rewind(w->session.err_out);
	status = verbs_run_line(&w->session, line);
	fputc('\0', w->session.out);
	fputc('\0', w->session.err_out);
	fflush(w->session.out);
	fflush(w->session.err_out);
	return status;
}

static json_t *run_json(struct world *w, const char *line, int wanted_status)
{
	json_error_t error;
	json_t *document;

	w->session.json = true;
	assert_int_equal(run(w, line), wanted_status);
	document = json_loads(w->out, 0, &error);
	if (!document)
		fail_msg("%s: %s", line, error.text);
	return document;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

/* ---- Addresses ----------------------------------------------------------- */

static void test_address(void **state)
{
	static const struct {
		const char *word;
		uint64_t addr;
	} good[] = {
		{"0", 0},
		{"10", 0x10},
		{"0x10", 0x10},
		{"0XaBcD", 0xabcd},
		{"4014a7f000+2c0", UINT64_C(0x4014a7f2c0)},
		{"1+0x2+3", 6},
		{"ffffffffffffffff", UINT64_MAX},
		{"000000000000000000001", 1},
	};
	static const char *const bad[] = {
		"",
		"0x",
		"x",
		"g",
		"1+",
		"+1",
		"1++1",
		"-1",
		"1-1",
		" 1",
		"1 ",
		"0x0x1",
		"1.0",
		"10000000000000000",
		"ffffffffffffffff+1",
	};
	uint64_t addr;
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(address_parse(good[i].word, &addr, &err), 0);
		assert_int_equal(addr, good[i].addr);
	}
	addr = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(address_parse(bad[i], &addr, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_int_equal(addr, 42);
	}
}

/* ---- Text
 * ----------------------------------------------------------------------------------------- */

static void test_list(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "list"), STATUS_OK);
	assert_has(w->out, "allocstr 1000000001 running");
	assert_has(w->out, "printstr 1000000002 stopped");
	assert_has(w->out, "exited 3");
	assert_has(w->out, " aaaaaaaaaaaa ");
	assert_string_equal(w->diagnostics, "");
}

static void test_show(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "show gone"), STATUS_OK);
	assert_has(w->out, "exited 3 at ");
	assert_has(w->out, "  slot         0x101c00000000-0x102000000000  16 GiB\n");
	assert_int_equal(run(w, "show 2"), STATUS_OK);
	assert_has(w->out, "printstr (id 2, pid 1000000002");
	assert_has(w->out, "  fixed image  0x400000-");
	assert_int_equal(run(w, "show 9"), STATUS_NOT_FOUND);
	assert_int_equal(run(w, "show"), STATUS_USAGE);
}

static void test_list_empty(void **state)
{
	struct world *w = *state;

	registry_builder_deinit(&w->builder);
	registry_builder_init(&w->builder, (struct registry_shape){0});
	use_registry(w);
	assert_int_equal(run(w, "list"), STATUS_OK);
	assert_string_equal(w->out, "no threadprocs\n");
	assert_int_equal(run(w, "names"), STATUS_OK);
	assert_string_equal(w->out, "no names\n");
}

static void test_modules_and_fds(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "modules 1"), STATUS_OK);
	assert_has(w->out,
	           "0x101000200000 0x101000208000 library none, gone bbbbbbbbbbbbbbbb libc.so.6");
	assert_int_equal(run(w, "fds allocstr"), STATUS_OK);
	assert_has(w->out, " 1 file w ");
	assert_int_equal(run(w, "fds 77"), STATUS_NOT_FOUND);
	assert_string_equal(w->diagnostics, "tpinspect: no threadproc 77; 'list' shows them\n");
}

static void test_owner(void **state)
{
	struct world *w = *state;

	/* No process of the sample lives: the registry alone answers. */
	assert_int_equal(run(w, "owner 101000000010"), STATUS_OK);
	assert_has(w->out, "0x101000000010: allocstr (id 1, pid 1000000001, running)\n");
	assert_int_equal(run(w, "owner 0x101000000000+c00000000"), STATUS_OK);
	assert_has(w->out, "gone (id 3, pid 1000000003), exited 3 at 2023-11-1");
	assert_int_equal(run(w, "owner 10 78000000"), STATUS_NOT_FOUND);
	assert_has(w->out, "0x10: not mapped\n");
	assert_has(w->out, "0x78000000: the registry of the space\n");
	assert_int_equal(run(w, "owner"), STATUS_USAGE);
	assert_string_equal(w->diagnostics, "tpinspect: usage: owner [--frames] [--gdb] ADDR...|-\n");
	assert_int_equal(run(w, "owner 10 zz"), STATUS_USAGE);
	assert_string_equal(w->out, "");
}

static void test_other_lines(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, ""), STATUS_OK);
	assert_int_equal(run(w, "  # list"), STATUS_OK);
	assert_string_equal(w->out, "");
	assert_int_equal(run(w, "lst"), STATUS_USAGE);
	assert_string_equal(w->diagnostics, "tpinspect: no verb 'lst'; did you mean 'list'?\n");
	assert_int_equal(run(w, "list all"), STATUS_USAGE);
	assert_int_equal(run(w, "help"), STATUS_OK);
	assert_has(w->out, "owner      ADDR...");
	assert_int_equal(run(w, "help owner"), STATUS_OK);
	assert_int_equal(run(w, "help me"), STATUS_USAGE);
	assert_false(w->session.quit);
	assert_int_equal(run(w, "\tquit \r\n"), STATUS_OK);
	assert_true(w->session.quit);
}

static void test_beginnings(void **state)
{
	struct world *w = *state;

	assert_int_equal(run(w, "own 10"), STATUS_USAGE);
	w->session.interactive = true;
	assert_int_equal(run(w, "own 10"), STATUS_NOT_FOUND);
	assert_int_equal(run(w, "help li"), STATUS_OK);
	assert_int_equal(run(w, "zzz"), STATUS_USAGE);
	assert_string_equal(w->diagnostics, "tpinspect: no verb 'zzz'; 'help' lists them\n");
}

/* What a file holds, as a string; "" when it is not there. */
static const char *content(const char *path, char text[256])
{
	FILE *file = fopen(path, "r");
	size_t len = file ? fread(text, 1, 255, file) : 0;

	text[len] = '\0';
	if (file)
		fclose(file);
	return text;
}

#define HELP_QUIT "quit: end\nSo does the end of the input.\nExample: quit\n"

static void test_redirection(void **state)
{
	struct world *w = *state;
	char dir[] = "/tmp/test_inspect.XXXXXX";
	char line[128], path[64], text[256];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a file", dir);
	snprintf(line, sizeof(line), "help quit > '%s'", path);
	w->session.colour = true;
	assert_int_equal(run(w, line), STATUS_OK);
	assert_string_equal(w->out, "");
	assert_string_equal(content(path, text), HELP_QUIT);
	assert_true(w->session.colour);
	snprintf(line, sizeof(line), "help quit >> '%s'", path);
	assert_int_equal(run(w, line), STATUS_OK);
	assert_string_equal(content(path, text), HELP_QUIT HELP_QUIT);
	snprintf(line, sizeof(line), "help quit | cat > '%s'", path);
	assert_int_equal(run(w, line), STATUS_OK);
	assert_string_equal(content(path, text), HELP_QUIT);
	assert_int_equal(run(w, "help | exit 3"), STATUS_NOT_FOUND);
	assert_int_equal(run(w, "help | true"), STATUS_OK);
	assert_string_equal(w->diagnostics, "");
	assert_int_equal(run(w, "help > /dev/full"), STATUS_NOT_FOUND);
	assert_string_equal(w->diagnostics,
	                    "tpinspect: cannot write /dev/full: No space left on device\n");
	assert_int_equal(run(w, "help > /nowhere/at/all"), STATUS_NOT_FOUND);
	assert_string_equal(w->diagnostics,
	                    "tpinspect: cannot write /nowhere/at/all: No such file or directory\n");
	unlink(path);
	rmdir(dir);
}

static void test_no_space(void **state)
{
	struct world *w = *state;

	registry_close(w->session.registry);
	w->session.registry = NULL;
	w->session.space = "no-such-space-anywhere";
	assert_int_equal(run(w, "help"), STATUS_OK);
	assert_int_equal(run(w, "list"), STATUS_NO_SPACE);
}

static void test_spoilt_registry(void **state)
{
	struct world *w = *state;
	struct err err;

	rb_header(&w->builder)->magic = 0;
	assert_int_equal(registry_from_bytes(w->builder.bytes, w->builder.size,
	                                     &(struct registry *){NULL}, &err),
	                 -1);
	assert_int_equal(status_of(&err), STATUS_BAD_REGISTRY);
}

static void test_script(void **state)
{
	static char script[] = "# three\nlist\n\nfds 99\nnames\n";
	struct world *w = *state;
	FILE *input = fmemopen(script, sizeof(script) - 1, "r");

	assert_int_equal(repl_script(&w->session, input, false), STATUS_NOT_FOUND);
	fflush(w->session.out);
	assert_has(w->out, "allocstr");
	assert_null(strstr(w->out, "greeting")); /* it ended at the first error */
	fclose(input);
	w->session.interrupted = SIGINT;
	assert_int_equal(repl_commands(&w->session, (const char *[]){"help", "names"}, 2, true),
	                 STATUS_STOPPED);
	fflush(w->session.out);
	assert_null(strstr(w->out, "greeting"));
}

/* ---- JSON
 * -------------------------------------------------------------------------------------------- */

static void test_json(void **state)
{
	struct world *w = *state;
	json_t *doc = run_json(w, "list", STATUS_OK);
	json_t *first = json_array_get(json_object_get(doc, "threadprocs"), 0);
	const char *lo = NULL, *build_id = NULL;

	assert_int_equal(json_array_size(json_object_get(doc, "threadprocs")), 3);
	assert_int_equal(
		json_unpack(first, "{s:[{s:s}], s:s}", "slots", "lo", &lo, "build_id", &build_id),
		0);
	assert_string_equal(lo, "0x101000000000");
	assert_string_equal(build_id, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	json_decref(doc);

	doc = run_json(w, "owner 10 101000000010", STATUS_NOT_FOUND);
	assert_int_equal(json_array_size(json_object_get(doc, "addresses")), 2);
	json_decref(doc);
	json_decref(run_json(w, "show 1", STATUS_OK));
	json_decref(run_json(w, "modules", STATUS_OK));
	doc = run_json(w, "owner --gdb 10 20", STATUS_OK);
	assert_string_equal(json_string_value(json_object_get(doc, "gdb")),
	                    "tproc owner 0x10\ntproc owner 0x20");
	json_decref(doc);
	json_decref(run_json(w, "fds 1", STATUS_OK));
	json_decref(run_json(w, "names", STATUS_OK));
	json_decref(run_json(w, "help", STATUS_OK));
}

/* The kind of the last, and least specific, identity of an address. */
static void expect_kind(struct world *w, const char *line, const char *kind)
{
	json_t *doc = run_json(w, line, STATUS_OK);
	json_t *all =
		json_object_get(json_array_get(json_object_get(doc, "addresses"), 0), "identities");
	json_t *last = json_array_get(all, json_array_size(all) - 1);

	assert_string_equal(json_string_value(json_object_get(last, "kind")), kind);
	json_decref(doc);
}

static void test_identities(void **state)
{
	struct world *w = *state;

	expect_kind(w, "owner 101000000010", "threadproc");
	expect_kind(w, "owner 101c00000000", "tombstone");
	expect_kind(w, "owner 78000000", "toolkit");
}

static void test_json_error(void **state)
{
	struct world *w = *state;
	json_t *doc = run_json(w, "fds 99", STATUS_NOT_FOUND);

	assert_string_equal(json_string_value(json_object_get(doc, "error")),
	                    "no threadproc 99; 'list' shows them");
	assert_int_equal(json_integer_value(json_object_get(doc, "status")), STATUS_NOT_FOUND);
	assert_has(w->diagnostics, "no threadproc 99");
	json_decref(doc);
}

/* ---- Hostile
 * ----------------------------------------------------------------------------------------- */

static const char *const every_verb[] = {
	"list", "modules", "fds", "names", "owner 101000000010", "owner 1010010002c0"};

static void assert_clean(const char *text)
{
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 && *c != '\n')
			fail_msg("a raw control character in:\n%s", text);
	}
}

static void test_hostile_names(void **state)
{
	static const char evil[] = "\033]0;pwned\007\xff\n\r";
	struct world *w = *state;
	struct tp_threadproc *tp = rb_threadproc(&w->builder, 1);

	strcpy(tp->name, evil);
	tp->exe = rb_text(&w->builder, evil);
	tp->cwd = tp->exe;
	tp->argv = tp->exe;
	((struct tp_module *)rb_at(&w->builder, tp->modules))->path = tp->exe;
	((struct tp_fd *)rb_at(&w->builder, tp->fds))->target = tp->exe;
	strcpy(rb_name(&w->builder, 1)->name, evil);
	strcpy(rb_name(&w->builder, 1)->type, evil);
	rb_image(&w->builder, 1)->path = tp->exe;
	use_registry(w);
	for (size_t i = 0; i < sizeof(every_verb) / sizeof(every_verb[0]); i++) {
		w->session.json = false;
		if (run(w, every_verb[i]) != STATUS_OK)
			fail_msg("%s:\n%s%s", every_verb[i], w->out, w->diagnostics);
		assert_clean(w->out);
		assert_has(w->out, "\\x1b]0;pwned\\x07\\xff\\x0a");
		json_decref(run_json(w, every_verb[i], STATUS_OK));
		assert_clean(w->out);
	}
	w->session.json = false;
	assert_int_equal(run(w, "fds \033[2J"), STATUS_NOT_FOUND);
	assert_clean(w->diagnostics);
}

static void test_fuzz(void **state)
{
	unsigned short seed[3] = {9, 8, 7};
	struct world *w = *state;
	size_t size = w->builder.size;
	char *sound = malloc(size);
	size_t from = rb_header(&w->builder)->fixed.off;

	memcpy(sound, w->builder.bytes, size);
	for (int round = 0; round < 300; round++) {
		memcpy(w->builder.bytes, sound, size);
		for (int i = 0; i < 1 + round % 20; i++)
			w->builder.bytes[from + (size_t)nrand48(seed) % (size - from)] =
				(char)nrand48(seed);
		use_registry(w);
		assert_non_null(w->session.registry);
		for (size_t i = 0; i < sizeof(every_verb) / sizeof(every_verb[0]); i++) {
			w->session.json = false;
			run(w, every_verb[i]);
			assert_clean(w->out);
			assert_clean(w->diagnostics);
			w->session.json = true;
			run(w, every_verb[i]);
			assert_clean(w->out);
		}
	}
	free(sound);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address),
		TEST(test_list),
		TEST(test_show),
		TEST(test_list_empty),
		TEST(test_modules_and_fds),
		TEST(test_owner),
		TEST(test_other_lines),
		TEST(test_beginnings),
		TEST(test_redirection),
		TEST(test_no_space),
		TEST(test_spoilt_registry),
		TEST(test_script),
		TEST(test_json),
		TEST(test_identities),
		TEST(test_json_error),
		TEST(test_hostile_names),
		TEST(test_fuzz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
