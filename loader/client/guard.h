/*
 * guard.h - tprun --guard-foreign-free: what is preloaded into the program.
 */
#ifndef TPROC_CLIENT_GUARD_H
#define TPROC_CLIENT_GUARD_H

#include "lib/base/err.h"

/*
 * *ret_envp is that environment with libtproc-guard.so in front of what LD_PRELOAD names.  It lives
 * as long as the process, and borrows all other variables.  ERR_NOT_FOUND when the library is
 * missing.
 */
int guard_environment(char *const *envp, char *const **ret_envp, struct err *err);

#endif
