#include "inspect/syscalls.h"

#include <stddef.h>

static const char *const names[] = {
#include "inspect/syscall_names.inc"
};

const char *syscall_name(long number)
{
	return number >= 0 && (size_t)number < sizeof(names) / sizeof(names[0]) ? names[number]
	                                                                        : NULL;
}
