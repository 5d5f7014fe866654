#include "inspect/address.h"

#include "inspect/debugging.h"

#include "lib/types/eval.h"

#include <string.h>

/* As GDB's x takes it. */
static int address_of(struct debugging *debugging, const struct value *value, uint64_t *ret_addr,
                      struct err *err)
{
	const struct type *type = type_strip(value->type);
	bool is_place = type->kind == TYPE_FUNCTION || type->kind == TYPE_ARRAY ||
	                type->kind == TYPE_STRUCT || type->kind == TYPE_CLASS ||
	                type->kind == TYPE_UNION;

	if (!is_place || !value->in_memory)
		return value_integer(debugging->catalog, value, ret_addr, err);
	*ret_addr = value->addr;
	return 0;
}

static int evaluate(struct session *session, const char *text, uint64_t *ret_addr, struct err *err)
{
	struct debugging debugging;
	struct eval eval = {0};
	struct value value;
	int ret;

	if (debugging_begin(&debugging, session, err))
		return -1;
	eval.catalog = debugging.catalog;
	ret = eval_text(&eval, text, &value, err);
	if (!ret)
		ret = address_of(&debugging, &value, ret_addr, err);
	debugging_end(&debugging);
	return ret && session_interrupted(session) ? session_stopped(err) : ret;
}

int session_address(struct session *session, const char *word, uint64_t *ret_addr, struct err *err)
{
	if (!address_parse(word, ret_addr, err))
		return 0;
	if (strcmp(word, "$_") != 0)
		return evaluate(session, word, ret_addr, err);
	if (!session->examine.has_next)
		return err_set(err, ERR_USAGE, "$_: no address was examined yet");
	*ret_addr = session->examine.last_addr;
	return 0;
}
