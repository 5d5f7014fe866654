/*
 * space.c - finds the space: auxiliary vector, struct tp_self, registry.
 */
#include "lib/tproc/space.h"

#include <string.h>
#include <sys/auxv.h>

#define NOT_LOOKED 1

struct tproci_space tproci_space = {.result = NOT_LOOKED};

/* True when the table is of the layout this library knows and lies in the registry. */
static int table_valid(const struct tp_table *table, uint32_t element_size, uint32_t min_count)
{
	if (table->size != element_size || table->count < min_count || table->off % 8)
		return 0;
	if (table->off < sizeof(struct tp_registry) || table->off > TP_REGISTRY_SIZE)
		return 0;
	return (uint64_t)table->size * table->count <= TP_REGISTRY_SIZE - table->off;
}

/*
 * The registry is at the one address that the layout has for it: no other is even
 * looked at, so that a scribbled struct tp_self cannot lead anywhere else.
 */
static int check_registry(const struct tp_self *self, struct tproci_space *space)
{
	const struct tp_registry *registry = (const struct tp_registry *)self->registry;
	const char *base = (const char *)registry;

	if (self->registry != TP_REGISTRY_ADDR || registry->magic != TP_ABI_MAGIC)
		return TPROC_NOT_IN_SPACE;
	if (registry->abi_version != TP_ABI_VERSION)
		return TPROC_WRONG_VERSION;
	if (registry->size != TP_REGISTRY_SIZE || registry->granule_shift != TP_GRANULE_SHIFT ||
	    !memchr(registry->space, '\0', sizeof(registry->space)) ||
	    !table_valid(&registry->granules, sizeof(struct tp_granule), TP_GRANULES) ||
	    !table_valid(&registry->fixed, sizeof(struct tp_fixed), 0) ||
	    !table_valid(&registry->threadprocs, sizeof(struct tp_threadproc), 1) ||
	    !table_valid(&registry->names, sizeof(struct tp_name), 1))
		return TPROC_NOT_IN_SPACE;
	space->registry = registry;
	space->granules = (const struct tp_granule *)(base + registry->granules.off);
	space->fixed = (const struct tp_fixed *)(base + registry->fixed.off);
	space->threadprocs = (const struct tp_threadproc *)(base + registry->threadprocs.off);
	space->names = (const struct tp_name *)(base + registry->names.off);
	return TPROC_OK;
}

/* Mailbox and record follow from the index: what else self says of them has to agree. */
static int check_self(const struct tp_self *self, struct tproci_space *space)
{
	const struct tp_registry *registry = space->registry;
	uint64_t off = TP_MAILBOX_HEADER_SIZE + (uint64_t)self->index * TP_MAILBOX_STRIDE;

	if (!self->index || self->index >= registry->threadprocs.count ||
	    self->index >= TP_THREADPROCS)
		return TPROC_NOT_IN_SPACE;
	if (space->threadprocs[self->index].generation != self->generation)
		return TPROC_NOT_IN_SPACE;
	if (self->mailbox_header != registry->mailbox_addr ||
	    self->mailbox != registry->mailbox_addr + off ||
	    off + TP_MAILBOX_STRIDE > registry->mailbox_size)
		return TPROC_NOT_IN_SPACE;
	space->self = self;
	space->mailbox_header = (struct tp_mailbox_header *)self->mailbox_header;
	space->mailbox = (struct tp_mailbox *)self->mailbox;
	space->index = self->index;
	space->generation = self->generation;
	space->id = self->id;
	return TPROC_OK;
}

static int find_space(struct tproci_space *space)
{
	const struct tp_self *self = (const struct tp_self *)getauxval(AT_TPROC);
	int result;

	if (!self || (uintptr_t)self % _Alignof(struct tp_self) || self->magic != TP_SELF_MAGIC)
		return TPROC_NOT_IN_SPACE;
	if (self->abi_version != TP_ABI_VERSION)
		return TPROC_WRONG_VERSION;
	result = check_registry(self, space);
	if (result == TPROC_OK)
		result = check_self(self, space);
	return result;
}

int tproci_attach(void)
{
	struct tproci_space space = {0};

	space.result = find_space(&space);
	tproci_space = space;
	return space.result;
}

/* Before other constructors and before there are threads: what is set here needs no lock. */
__attribute__((constructor(101))) static void attach_early(void)
{
	tproci_attach();
}

int tproc_in_space(void)
{
	return tproci_enter() == TPROC_OK;
}

unsigned int tproc_id(void)
{
	return tproci_enter() == TPROC_OK ? tproci_space.id : 0;
}

const char *tproc_space(void)
{
	return tproci_enter() == TPROC_OK ? tproci_space.registry->space : NULL;
}
