/* Expressions and names, as they are typed: parsed, and computed where there are no programs. */
#include "lib/types/eval.h"
#include "lib/types/name.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void compute(const char *text)
{
	static const struct snapshot nobody;
	static const uint8_t bytes[256];
	struct mem_bytes run = {0x1000, bytes, sizeof(bytes)};
	struct target target = {.snapshot = &nobody};
	const struct reg_threadproc *tp;
	struct eval eval = {.catalog = NULL};
	const struct type *type;
	struct debug_cache *cache;
	struct value value;
	struct err err;

	PROMISE(!debug_cache_create(&cache, &err));
	PROMISE(!mem_open_bytes(&run, 1, &target.mem, &err));
	PROMISE(!catalog_create(&target, cache, &eval.catalog, &err));
	if (!eval_text(&eval, text, &value, &err))
		PROMISE(value.type);
	else
		PROMISE(memchr(err.text, '\0', sizeof(err.text)));
	eval_type_text(&eval, text, &type, &tp, &err);
	catalog_destroy(eval.catalog);
	mem_close(target.mem);
	debug_cache_destroy(cache);
}

static void compare(const char *text, size_t len)
{
	char canonical[NAME_SIZE], again[NAME_SIZE];
	size_t used = name_canonical(text, len, canonical, sizeof(canonical));

	PROMISE(used <= sizeof(canonical));
	PROMISE(name_canonical(text, len, again, sizeof(again)) == used);
	PROMISE(names_equal(text, len, text, len));
	PROMISE(name_last_part(text, len) <= len);
	name_hash(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);

	PROMISE(text);
	if (size)
		memcpy(text, data, size);
	compute(text);
	compare(text, strlen(text));
	free(text);
	return 0;
}
