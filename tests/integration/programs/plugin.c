/* What dl.c loads: counts its calls, in memory from malloc. */
#include <stdlib.h>

int plugin_answer(void);

int plugin_answer(void)
{
	static int *count;

	if (!count)
		count = calloc(1, 300000);
	return count ? ++*count : -1;
}
