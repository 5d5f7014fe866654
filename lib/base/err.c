#include "lib/base/err.h"

#include <stdio.h>
#include <string.h>

static void fill(struct err *err, const char *fmt, va_list args)
{
	vsnprintf(err->text, sizeof(err->text), fmt, args);
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	err->os_errno = 0;
	va_start(args, fmt);
	fill(err, fmt, args);
	va_end(args);
	return -1;
}

int err_os(struct err *err, int os_errno, const char *fmt, ...)
{
	va_list args;
	size_t used;

	err->code = ERR_OS;
	err->os_errno = os_errno;
	va_start(args, fmt);
	fill(err, fmt, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(os_errno));
	return -1;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char was[sizeof(err->text)];
	va_list args;
	size_t used;

	memcpy(was, err->text, sizeof(was));
	va_start(args, fmt);
	fill(err, fmt, args);
	va_end(args);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %.*s", (int)sizeof(was) - 1, was);
	return -1;
}
