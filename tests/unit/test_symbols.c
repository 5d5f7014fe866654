/* Which symbol an address belongs to, in files good and bad. */
#include "lib/base/cleanup.h"
#include "lib/read/mem.h"
#include "lib/read/symbols.h"
#include "lib/read/symcache.h"
#include "tests/unit/symtab_builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *path_of(int fd, char path[64])
{
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return path;
}

static struct symbols *open_fd(int fd)
{
	struct symbols *symbols;
	struct err err;
	char path[64];

	if (symbols_open(path_of(fd, path), &symbols, &err))
		fail_msg("%s", err.text);
	return symbols;
}

static struct symbols *build(unsigned table_type, const struct symtab_entry *entries, size_t count)
{
	AUTO_CLOSE int fd = symtab_builder_fd(table_type, entries, count, 0);

	return open_fd(fd);
}

static void expect(const struct symbols *symbols, uint64_t vaddr, const char *name)
{
	struct symbol symbol = {.name = "none"};

	symbols_find(symbols, vaddr, &symbol);
	if (strcmp(symbol.name, name))
		fail_msg("0x%lx is %s, not %s", (unsigned long)vaddr, symbol.name, name);
}

static void test_find(void **state)
{
	static const struct symtab_entry entries[] = {
		{"outer", 0x1100, 0x100, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"inner", 0x1140, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"weak", 0x1200, 0x20, STB_WEAK, STT_FUNC, SYMTAB_TEXT},
		{"global", 0x1200, 0x20, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"second", 0x1200, 0x20, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"local", 0x1210, 0x10, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
		{"lonely", 0x1300, 0x10, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
		{"wide", 0x1400, 0x40, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"tight", 0x1400, 0x20, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"weaker", 0x1400, 0x10, STB_WEAK, STT_FUNC, SYMTAB_TEXT},
		{"label", 0x1500, 0, STB_GLOBAL, STT_NOTYPE, SYMTAB_TEXT},
		{"label2", 0x1580, 0, STB_LOCAL, STT_NOTYPE, SYMTAB_TEXT},
		{"object", 0x2010, 8, STB_GLOBAL, STT_OBJECT, SYMTAB_DATA},
		{"zeros", 0x3000, 0x100, STB_LOCAL, STT_OBJECT, SYMTAB_BSS},
		{"thread", 0x2018, 8, STB_GLOBAL, STT_TLS, SYMTAB_DATA},
		{"elsewhere", 0x2020, 8, STB_GLOBAL, STT_OBJECT, SHN_UNDEF},
		{"absolute", 0x2028, 8, STB_GLOBAL, STT_OBJECT, SHN_ABS},
		{"file.c", 0x2030, 8, STB_LOCAL, STT_FILE, SYMTAB_DATA},
		{"endless", 0x3180, UINT64_MAX, STB_LOCAL, STT_OBJECT, SYMTAB_BSS},
	};
	struct symbols *symbols = build(SHT_SYMTAB, entries, COUNT(entries));
	struct symbol symbol;

	expect(symbols, 0x10ff, "none");
	expect(symbols, 0x1100, "outer");
	expect(symbols, 0x113f, "outer");
	expect(symbols, 0x1140, "inner");
	expect(symbols, 0x1150, "outer");
	expect(symbols, 0x11ff, "outer");
	expect(symbols, 0x1200, "global");
	expect(symbols, 0x1218, "global"); /* a local is taken only when no global covers */
	expect(symbols, 0x1220, "none");
	expect(symbols, 0x1308, "lonely");
	expect(symbols, 0x1408, "tight");
	expect(symbols, 0x1410, "tight");
	expect(symbols, 0x1430, "wide");
	expect(symbols, 0x1440, "none");
	expect(symbols, 0x1508, "label");
	expect(symbols, 0x1590, "label2"); /* of labels the closest */
	expect(symbols, 0x1fff, "label2");
	expect(symbols, 0x2008, "none"); /* another section */
	expect(symbols, 0x2017, "object");
	expect(symbols, 0x2018, "none");
	expect(symbols, 0x2020, "none");
	expect(symbols, 0x2028, "none");
	expect(symbols, 0x2030, "none");
	expect(symbols, 0x30ff, "zeros");
	expect(symbols, 0x3190, "endless");
	assert_true(symbols_find(symbols, 0x1145, &symbol));
	assert_int_equal(symbol.value, 0x1140);
	assert_int_equal(symbol.size, 0x10);
	symbols_close(symbols);
}

static void test_dynsym(void **state)
{
	static const struct symtab_entry entries[] = {
		{"exported", 0x1100, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	};
	struct symbols *symbols = build(SHT_DYNSYM, entries, 1);

	expect(symbols, 0x1108, "exported");
	symbols_close(symbols);
	symbols = build(0, NULL, 0);
	expect(symbols, 0x1108, "none");
	symbols_close(symbols);
}

static void test_sections(void **state)
{
	struct symbols *symbols = build(0, NULL, 0);
	struct section section;
	uint64_t vaddr;

	assert_true(symbols_section(symbols, 0x1fff, &section));
	assert_string_equal(section.name, ".text");
	assert_int_equal(section.addr, 0x1000);
	assert_true(symbols_section(symbols, 0x2080, &section));
	assert_string_equal(section.name, ".data"); /* and not .tbss, which has no addresses */
	assert_true(symbols_section(symbols, 0x31ff, &section));
	assert_string_equal(section.name, ".bss");
	assert_false(symbols_section(symbols, 0x2100, &section));
	assert_false(symbols_section(symbols, 0, &section));
	assert_true(symbols_vaddr_of_offset(symbols, 0x20ff, &vaddr));
	assert_int_equal(vaddr, 0x20ff);
	assert_false(symbols_vaddr_of_offset(symbols, 0x2100, &vaddr));
	symbols_close(symbols);
}

static void test_version(void **state)
{
	AUTO_CLOSE int fd = symtab_builder_fd(0, NULL, 0, 0x5a);
	struct symbols *symbols = open_fd(fd);
	const struct file_version *version = symbols_version(symbols);
	struct file_version other = *version;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(version->size, st.st_size);
	assert_int_equal(version->ino, st.st_ino);
	assert_int_equal(version->build_id_len, 20);
	assert_int_equal(version->build_id[19], 0x5a);
	other.size++;
	assert_true(file_version_same(version, &other)); /* the build-id decides */
	other.build_id[0]++;
	assert_false(file_version_same(version, &other));
	other.build_id_len = 0;
	assert_false(file_version_same(version, &other));
	other.size--;
	assert_true(file_version_same(version, &other));
	other.mtime_nsec++;
	assert_false(file_version_same(version, &other));
	symbols_close(symbols);
}

/* ---- Cache --------------------------------------------------------------- */

static void test_cache(void **state)
{
	AUTO_CLOSE int fd = symtab_builder_fd(0, NULL, 0, 0x5a);
	const struct symbols *first, *again;
	struct file_version version = {.build_id_len = 20};
	struct symcache *cache;
	struct err err;
	char path[64];

	assert_int_equal(symcache_create(&cache, &err), 0);
	memset(version.build_id, 0x5a, 20);
	assert_int_equal(symcache_file(cache, path_of(fd, path), &version, &first, &err), 0);
	assert_int_equal(symcache_file(cache, path, &version, &again, &err), 0);
	assert_ptr_equal(first, again);
	version.build_id[3] = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(symcache_file(cache, path, &version, &again, &err), -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_string_equal(err.text, "the file has changed since it was mapped");
	}
	assert_int_equal(symcache_file(cache, "/nonexistent", &version, &again, &err), -1);
	assert_string_equal(err.text, "the file is gone");
	symcache_destroy(cache);
}

static void test_cache_memory(void **state)
{
	static const struct symtab_entry entries[] = {
		{"in_memory", 0x1100, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	};
	AUTO_CLOSE int fd = symtab_builder_fd(SHT_DYNSYM, entries, 1, 0);
	struct mem_bytes run = {.addr = UINT64_C(0x7fff00000000)};
	const struct symbols *symbols, *again;
	struct symcache *cache;
	struct mem *mem;
	struct err err;
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	run.len = (size_t)st.st_size;
	run.bytes = mmap(NULL, run.len, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_int_equal(mem_open_bytes(&run, 1, &mem, &err), 0);
	assert_int_equal(symcache_create(&cache, &err), 0);
	assert_int_equal(symcache_memory(cache, mem, run.addr, run.len, &symbols, &err), 0);
	expect(symbols, 0x1108, "in_memory");
	assert_int_equal(symcache_memory(cache, mem, run.addr, run.len, &again, &err), 0);
	assert_ptr_equal(symbols, again);
	assert_int_equal(symcache_memory(cache, mem, 0x1000, 64, &again, &err), -1);
	assert_int_equal(symcache_memory(cache, mem, 0x2000, UINT64_MAX, &again, &err), -1);
	symcache_destroy(cache);
	mem_close(mem);
	munmap((void *)run.bytes, run.len);
}

/* The file is gone: what it exports is read from where the dynamic linker has it. */
static void test_exported_in_memory(void **state)
{
	static const struct symtab_entry entries[] = {
		{"exported", 0x1100, 0x10, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	};
	AUTO_CLOSE int fd = symtab_builder_fd(SHT_DYNSYM, entries, 1, 0);
	const uint64_t bias = UINT64_C(0x101000000000);
	struct reg_image image = {.path = "/nonexistent",
	                          .abi = {.vaddr_hi = 0x5000,
	                                  .size = 1,
	                                  .dynsym = 0x3000,
	                                  .dynsym_count = 2,
	                                  .dynstr = 0x4000,
	                                  .dynstr_size = 10}};
	struct mem_bytes run = {.addr = bias};
	const struct symbols *symbols;
	struct symcache *cache;
	struct mem *mem;
	struct err err;

	run.len = 0x5000;
	run.bytes = mmap(NULL, run.len, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_int_equal(mem_open_bytes(&run, 1, &mem, &err), 0);
	assert_int_equal(symcache_create(&cache, &err), 0);
	assert_int_equal(symcache_module(cache, NULL, &image, bias, &symbols, &err), -1);
	assert_string_equal(err.text, "the file is gone");
	assert_int_equal(symcache_module(cache, mem, &image, bias, &symbols, &err), 0);
	expect(symbols, 0x1108, "exported");
	assert_int_equal(symcache_image_state(cache, &image), FILE_GONE);
	/* another module there, whose table cannot be read */
	image.abi.size = 2;
	image.abi.dynsym_count = 1 << 20;
	assert_int_equal(symcache_module(cache, mem, &image, bias, &symbols, &err), -1);
	image.abi.size = 3;
	image.abi.dynstr_size = UINT64_MAX;
	assert_int_equal(symcache_module(cache, mem, &image, bias, &symbols, &err), -1);
	assert_string_equal(err.text, "the file is gone");
	symcache_destroy(cache);
	mem_close(mem);
	munmap((void *)run.bytes, run.len);
}

/* ---- Bad files ----------------------------------------------------------- */

static void test_refused(void **state)
{
	char fifo[] = "/tmp/tproc-test-fifo-XXXXXX";
	struct symbols *symbols = NULL;
	struct err err;

	assert_int_equal(symbols_open("/nonexistent", &symbols, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(symbols_open("/dev/zero", &symbols, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(symbols_open("/tmp", &symbols, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(symbols_open("/proc/self/maps", &symbols, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	close(mkstemp(fifo));
	assert_int_equal(symbols_open(fifo, &symbols, &err), -1); /* empty */
	assert_int_equal(err.code, ERR_INVALID);
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symbols_open(fifo, &symbols, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	unlink(fifo);
	assert_null(symbols);
}

static void look_everywhere(const char *bytes, size_t len)
{
	struct symbols *symbols;
	struct section section;
	struct symbol symbol;
	uint64_t vaddr;
	struct err err;
	char name[64];

	if (symbols_open_bytes(bytes, len, &symbols, &err))
		return;
	for (uint64_t at = 0xff0; at < 0x3300; at += 0x48) {
		if (symbols_find(symbols, at, &symbol))
			symbol_demangle(symbol.name, name, sizeof(name));
		if (symbols_section(symbols, at, &section))
			assert_true(strlen(section.name) < len);
		symbols_vaddr_of_offset(symbols, at, &vaddr);
	}
	symbols_close(symbols);
}

static void test_spoilt(void **state)
{
	static const struct symtab_entry entries[] = {
		{"_Z3foov", 0x1100, 0x100, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
		{"label", 0x1280, 0, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
		{"object", 0x2010, 8, STB_GLOBAL, STT_OBJECT, SYMTAB_DATA},
	};
	AUTO_CLOSE int fd = symtab_builder_fd(SHT_SYMTAB, entries, COUNT(entries), 7);
	unsigned short seed[3] = {3, 1, 4};
	char sound[0x6000], bytes[0x6000];
	ssize_t len = pread(fd, sound, sizeof(sound), 0);

	assert_true(len > 0x5000 && len < (ssize_t)sizeof(sound));
	for (size_t cut = 0; cut < (size_t)len; cut += cut < 0x100 ? 1 : 61)
		look_everywhere(sound, cut);
	for (int round = 0; round < 2000; round++) {
		memcpy(bytes, sound, (size_t)len);
		for (int i = 0; i < 1 + round % 6; i++) {
			/* the header, the segments, the note, the symbols, the section headers */
			static const size_t parts[] = {0, 0x40, 0x800, 0x3000, 0x5000, 0x5080};
			size_t at = parts[(size_t)nrand48(seed) % COUNT(parts)] +
			            (size_t)nrand48(seed) % 0x80;

			bytes[at] = (char)nrand48(seed);
		}
		look_everywhere(bytes, (size_t)len);
	}
}

/* ---- Names
 * ---------------------------------------------------------------------------------------- */

static void test_demangle(void **state)
{
	char name[64];

	assert_true(symbol_demangle("_ZN3foo3barEi", name, sizeof(name)));
	assert_string_equal(name, "foo::bar(int)");
	assert_true(symbol_demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", name,
	                            sizeof(name)));
	assert_string_equal(name, "core::fmt::Write::write_fmt");
	assert_false(symbol_demangle("malloc", name, sizeof(name)));
	assert_string_equal(name, "malloc");
	assert_false(symbol_demangle("_start", name, sizeof(name)));
	assert_string_equal(name, "_start");
	assert_false(symbol_demangle("_Znonsense", name, sizeof(name)));
	assert_string_equal(name, "_Znonsense");
	assert_false(symbol_demangle("malloc@@GLIBC_2.2.5", name, sizeof(name)));
	assert_string_equal(name, "malloc");
	assert_true(symbol_demangle("_ZN3foo3barEi@FOO_1", name, sizeof(name)));
	assert_string_equal(name, "foo::bar(int)");
	assert_false(symbol_demangle("free@plt", name, sizeof(name)));
	assert_string_equal(name, "free@plt");
	assert_false(symbol_demangle("example.com/x@v1.2/y.F", name, sizeof(name)));
	assert_string_equal(name, "example.com/x@v1.2/y.F");
	assert_false(symbol_demangle("@a", name, sizeof(name)));
	assert_string_equal(name, "@a");
	assert_false(symbol_demangle("a@@", name, sizeof(name)));
	assert_string_equal(name, "a@@");
}

static void test_demangle_bounds(void **state)
{
	char name[16], mangled[20000];

	assert_true(symbol_demangle("_ZN6abcdef6ghijkl6mnopqrEv", name, sizeof(name)));
	assert_string_equal(name, "abcdef::ghij...");
	assert_false(symbol_demangle("a_rather_long_name", name, sizeof(name)));
	assert_string_equal(name, "a_rather_lon...");
	assert_false(symbol_demangle("abc", name, 3));
	assert_string_equal(name, "");

	memset(mangled, 'x', sizeof(mangled));
	memcpy(mangled, "_Z", 2);
	mangled[sizeof(mangled) - 1] = '\0';
	assert_false(symbol_demangle(mangled, name, sizeof(name)));
}

/* f(T0, T1, ...) where each type is a pair of the one before: doubles with each letter. */
static void test_demangle_endless(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char mangled[1024] = "_Z1f1PIiiE", name[128];
	size_t used = strlen(mangled);

	for (int i = 0; i < 34; i++)
		used += (size_t)snprintf(mangled + used, sizeof(mangled) - used, "S_IS%c_S%c_E",
		                         digits[i], digits[i]);
	assert_true(symbol_demangle(mangled, name, sizeof(name)));
	assert_int_equal(strlen(name), sizeof(name) - 1);
	assert_string_equal(name + sizeof(name) - 4, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_dynsym),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_cache_memory),
		cmocka_unit_test(test_exported_in_memory),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_spoilt),
		cmocka_unit_test(test_demangle),
		cmocka_unit_test(test_demangle_bounds),
		cmocka_unit_test(test_demangle_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
