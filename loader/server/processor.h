/* processor.h - what every processor of this machine answers when asked what it can do. */
#ifndef TPROC_SERVER_PROCESSOR_H
#define TPROC_SERVER_PROCESSOR_H

#include "loader/server/registry.h"

/* Fills the registry's table of it (struct tp_cpuid); other machines have an empty one. */
void processor_describe(struct registry *registry);

#endif
