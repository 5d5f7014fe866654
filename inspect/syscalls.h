/*
 * syscalls.h - system calls by their names.
 */
#ifndef TPROC_INSPECT_SYSCALLS_H
#define TPROC_INSPECT_SYSCALLS_H

/* "read"; NULL for a number that this build does not know. */
const char *syscall_name(long number);

#endif
