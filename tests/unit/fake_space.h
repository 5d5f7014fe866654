/*
 * fake_space.h - a registry, a mailbox and a server thread in the test's own process.
 *
 * They lie at the addresses that the layout has for them, and getauxval is wrapped
 * (-Wl,--wrap=getauxval) to say so: to the code under test this is a space.
 */
#ifndef TPROC_TESTS_FAKE_SPACE_H
#define TPROC_TESTS_FAKE_SPACE_H

#include "tproc/abi.h"

#define FAKE_SELF 3u  /* index of the record that is the test's own */
#define FAKE_OTHER 5u /* of another one that lives */
#define FAKE_GONE 6u  /* of one that has exited */

/* The parts, all writable to the test. */
struct fake_space {
	struct tp_registry *registry;
	struct tp_granule *granules;
	struct tp_fixed *fixed;
	struct tp_threadproc *threadprocs;
	struct tp_name *names;
	struct tp_mailbox_header *mailbox_header;
	struct tp_self *self;
};

extern struct fake_space fake;

/*
 * Maps everything, fills in three threadprocs, and turns getauxval(AT_TPROC) to it.
 * Returns 0, or -1 when the addresses could not be had.
 */
int fake_space_create(void);

/* Where getauxval(AT_TPROC) leads: 0 for a process that is in no space. */
extern unsigned long fake_auxval;

struct tp_request *fake_request(uint32_t index);

/* The server of the fake: a thread that answers PUBLISH, UNPUBLISH, SUSPECT and TRUST. */
int fake_server_start(void);
void fake_server_stop(void);

/* Puts a name into the registry as the server would. */
void fake_publish(uint32_t slot, uint32_t owner, const char *name, const char *type, uint64_t addr);

#endif
