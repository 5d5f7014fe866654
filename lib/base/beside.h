/* beside.h - the toolkit's other commands. */
#ifndef TPROC_BASE_BESIDE_H
#define TPROC_BASE_BESIDE_H

#include <limits.h>
#include <stdbool.h>

/*
 * Finds a command: beside this executable, in the build tree not far from it, or where it is
 * installed.  False when it is in none of these.
 */
bool beside_find(const char *name, char path[PATH_MAX]);

#endif
