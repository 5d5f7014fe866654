/*
 * suspect.h - inside libtproc: named objects whose lock somebody held who died.
 */
#ifndef TPROC_LIB_SUSPECT_H
#define TPROC_LIB_SUSPECT_H

#include "lib/tproc/space.h"

/*
 * Tells the server that what is named and protected by the mutex is suspect: what was published
 * with it, and what it lies in.  died is the id of who died, 0: not known.  Does nothing outside a
 * space.
 */
void tproci_suspect(const struct tp_mutex *mutex, unsigned int died);

#endif
