#include "loader/server/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void log_error(const char *fmt, ...)
{
	char line[1024];
	struct timespec now;
	struct tm local;
	va_list args;
	size_t at;
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	at = strftime(line, sizeof(line), "%F %T tpserver: ", &local);
	va_start(args, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	n = (int)strlen(line + at);
	for (char *p = line + at; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	line[at + (size_t)n] = '\n';
	if (write(STDERR_FILENO, line, at + (size_t)n + 1) < 0)
		return;
}
