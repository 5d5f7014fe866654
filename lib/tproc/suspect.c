/*
 * suspect.c - named objects that may be half changed, since who changed them died.
 */
#include "lib/tproc/suspect.h"

#include "lib/tproc/record.h"
#include "lib/tproc/request.h"

#include <string.h>

static int protects(const struct tp_mutex *mutex, const struct tp_name *name)
{
	uint64_t at = (uint64_t)(uintptr_t)mutex;

	return name->lock == at || (at >= name->addr && at - name->addr < name->size);
}

void tproci_suspect(const struct tp_mutex *mutex, unsigned int died)
{
	struct tproci_request request = {.op = TP_REQUEST_SUSPECT, .type = "", .arg0 = died};
	struct tp_name name;
	uint32_t end, i;

	if (tproci_enter() != TPROC_OK)
		return;
	end = tproci_table_end(&tproci_space.registry->name_high, &tproci_space.registry->names);
	for (i = 1; i < end; i++) {
		if (tproci_copy(&tproci_space.names[i], &name, sizeof(name)) != TPROC_OK ||
		    !name.live || name.suspect_ns || !protects(mutex, &name))
			continue;
		name.name[sizeof(name.name) - 1] = '\0';
		request.name = name.name;
		/* The lock is the caller's by now: that cannot wait for a server that is gone. */
		tproci_request(&request);
	}
}

int tproc_suspect(const char *name, unsigned int *ret_id)
{
	struct tproc_named named;
	int result = tproc_lookup(name, NULL, NULL, &named);

	if (result != TPROC_OK)
		return result;
	if (!named.suspect)
		return TPROC_OK;
	if (ret_id)
		*ret_id = named.suspect_id;
	return TPROC_SUSPECT;
}

int tproc_trust(const char *name)
{
	struct tproci_request request = {.op = TP_REQUEST_TRUST, .name = name, .type = ""};
	int result = tproc_lookup(name, NULL, NULL, NULL);

	return result == TPROC_OK ? tproci_request(&request) : result;
}
