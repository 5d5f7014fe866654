/*
 * A program with thread-local variables: its own, libc's, and those of a module that is loaded
 * late.  Says where they are as a line of JSON for each thread, and ends with its input.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__thread int initialised = 42;
__thread char zeroed[100];

static int *(*plugin_variable)(void);
static pthread_barrier_t barrier;

static void say(void)
{
	int *late = plugin_variable ? plugin_variable() : NULL;

	printf("{\"thread\": %d, \"control\": \"%p\", \"initialised\": \"%p\", \"zeroed\": \"%p\", "
	       "\"errno\": \"%p\", \"late\": \"%p\"}\n",
	       (int)gettid(), (void *)pthread_self(), (void *)&initialised, (void *)zeroed,
	       (void *)&errno, (void *)late);
}

static void *work(void *arg)
{
	say();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char ignored;

#ifndef WITHOUT_PLUGIN
	void *plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;

	if (!plugin)
		return 1;
	*(void **)&plugin_variable = dlsym(plugin, "plugin_variable");
#endif
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, work, NULL))
		return 1;
	pthread_barrier_wait(&barrier);
	say();
	fflush(stdout);
	return read(STDIN_FILENO, &ignored, 1) < 0;
}
