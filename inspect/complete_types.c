#include "inspect/complete.h"

#include "inspect/session.h"

#include "lib/types/catalog.h"

#include <string.h>

/* Whoever presses a key waits no longer than this; what is not read by then is left out. */
#define PATIENCE_NS UINT64_C(200000000)

struct offer {
	struct session *session;
	const char *prefix;
	struct complete_list *list;
	uint64_t until;
};

static int is_late(void *context, size_t done, size_t total)
{
	const struct offer *offer = context;

	return session_clock(offer->session) > offer->until;
}

static int offer_entry(void *context, const struct index_entry *entry, bool exact)
{
	struct offer *offer = context;
	char path[TYPE_NAME_SIZE];

	if (entry->declaration)
		return 0;
	index_entry_name(entry, path, sizeof(path));
	return !complete_add(offer->list, offer->prefix, entry->name) ||
	       !complete_add(offer->list, offer->prefix, path);
}

static int offer_module(void *context, const struct found *module, struct err *err)
{
	struct debug_index *index;
	struct err ignored;

	if (debug_get_index(module->debug, &index, &ignored))
		return is_late(context, 0, 0);
	return debug_index_each(index, ENTRY_TYPE, offer_entry, context);
}

/* Those of the programs: libraries have too many. */
void complete_types(struct session *session, const char *prefix, struct complete_list *list)
{
	struct offer offer = {session, prefix, list, session_clock(session) + PATIENCE_NS};
	struct catalog *catalog;
	struct err ignored;

	if (!*prefix || session_refresh(session, &ignored) ||
	    (!session->debug && debug_cache_create(&session->debug, &ignored)) ||
	    catalog_create(session_target(session), session->debug, &catalog, &ignored))
		return;
	debug_cache_set_progress(session->debug, is_late, &offer);
	catalog_each(catalog, NULL, CATALOG_PROGRAMS, offer_module, &offer, &ignored);
	debug_cache_set_progress(session->debug, NULL, NULL);
	catalog_destroy(catalog);
}
