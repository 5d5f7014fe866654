/*
 * ELF files, read for their symbols.  An input is a list of changes to a sound one: offset (2
 * bytes, in units of 1), length (1), bytes.  One that begins with "=" is a file as it is.
 */
#include "lib/read/symbols.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/symtab_builder.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct symtab_entry entries[] = {
	{"_ZN3foo3barEi", 0x1100, 0x100, STB_GLOBAL, STT_FUNC, SYMTAB_TEXT},
	{"inner", 0x1140, 0x10, STB_WEAK, STT_FUNC, SYMTAB_TEXT},
	{"local", 0x1180, 0x100, STB_LOCAL, STT_FUNC, SYMTAB_TEXT},
	{"label", 0x1300, 0, STB_LOCAL, STT_NOTYPE, SYMTAB_TEXT},
	{"object@@V_1", 0x2010, 8, STB_GLOBAL, STT_OBJECT, SYMTAB_DATA},
	{"thread", 0x10, 8, STB_GLOBAL, STT_TLS, SYMTAB_DATA},
};

/* The sound file, made once. */
static uint8_t *sound(size_t *ret_size)
{
	static uint8_t *bytes;
	static size_t size;
	struct stat st;
	int fd;

	if (!bytes) {
		fd = symtab_builder_fd(SHT_SYMTAB, entries, sizeof(entries) / sizeof(entries[0]),
		                       7);
		PROMISE(!fstat(fd, &st));
		size = (size_t)st.st_size;
		bytes = malloc(size);
		PROMISE(bytes && pread(fd, bytes, size, 0) == st.st_size);
		close(fd);
	}
	*ret_size = size;
	return bytes;
}

static uint8_t *make(const uint8_t *data, size_t len, size_t *ret_size)
{
	const uint8_t *end = data + len;
	const uint8_t *base = sound(ret_size);
	uint8_t *bytes = malloc(*ret_size);

	PROMISE(bytes);
	memcpy(bytes, base, *ret_size);
	while (end - data >= 3) {
		size_t offset = (data[0] | (size_t)data[1] << 8) % *ret_size;
		size_t count = data[2];

		data += 3;
		if (count > (size_t)(end - data))
			count = (size_t)(end - data);
		if (count > *ret_size - offset)
			count = *ret_size - offset;
		memcpy(bytes + offset, data, count);
		data += count;
	}
	return bytes;
}

static void check_address(const struct symbols *symbols, uint64_t addr)
{
	struct section section;
	struct symbol symbol;
	uint64_t vaddr;

	if (symbols_find(symbols, addr, &symbol)) {
		PROMISE(symbol.value <= addr && symbol.index < symbols_count(symbols));
		PROMISE(symbol.type != STT_TLS);
		/* nobody claims what lies behind its end */
		PROMISE(!symbol.size || addr - symbol.value < symbol.size);
	}
	if (symbols_section(symbols, addr, &section))
		PROMISE(section.addr <= addr && addr - section.addr < section.size);
	symbols_vaddr_of_offset(symbols, addr, &vaddr);
}

static void check(const struct symbols *symbols)
{
	uint32_t count = symbols_count(symbols);

	for (uint64_t addr = 0xff0; addr < 0x3400; addr += 8)
		check_address(symbols, addr);
	for (unsigned bit = 0; bit < 64; bit++)
		check_address(symbols, UINT64_C(1) << bit);
	check_address(symbols, UINT64_MAX);
	for (uint32_t i = 0; i < count && i < 64; i++) {
		struct symbol symbol = symbols_at(symbols, i);
		size_t len;
		const char *text = symbols_text(symbols, i, &len);

		PROMISE(*symbol.name && text && strlen(text) == len);
		for (const char *c = text; *c; c++)
			PROMISE((unsigned char)*c >= ' ' && *c != 0x7f);
		if (symbol.type != STT_TLS && symbol.value < UINT64_MAX)
			check_address(symbols, symbol.value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct symbols *symbols;
	uint8_t *bytes = NULL;
	struct err err;
	int ret;

	if (size && *data == '=') {
		ret = symbols_open_bytes(data + 1, size - 1, &symbols, &err);
	} else {
		bytes = make(data, size, &size);
		ret = symbols_open_bytes(bytes, size, &symbols, &err);
		free(bytes);
	}
	if (ret)
		return 0;
	check(symbols);
	symbols_close(symbols);
	return 0;
}
