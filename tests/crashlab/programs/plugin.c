/* A library that crashes when it is loaded, unloaded or used. */
#include <stdlib.h>
#include <string.h>

__attribute__((visibility("default"))) void plugin_crash(void)
{
	*(volatile int *)4 = 1;
}

static int crashes(const char *when)
{
	const char *wanted = getenv("PLUGIN_CRASHES");

	return wanted && !strcmp(wanted, when);
}

__attribute__((constructor)) static void begin(void)
{
	if (crashes("begin"))
		plugin_crash();
}

__attribute__((destructor)) static void end(void)
{
	if (crashes("end"))
		plugin_crash();
}
