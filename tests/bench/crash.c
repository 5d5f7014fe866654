/* Says what time it is (CLOCK_REALTIME, ns), and crashes; or, with an argument, lives on. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static volatile int *volatile nowhere;

static void crash(void)
{
	*nowhere = 1;
}

int main(int argc, char **argv)
{
	struct timespec now;

	(void)argv;
	if (argc > 1)
		return getchar() == EOF;
	clock_gettime(CLOCK_REALTIME, &now);
	dprintf(STDOUT_FILENO, "%lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	crash();
	return 0;
}
