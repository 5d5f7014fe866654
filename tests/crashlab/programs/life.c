/* The beginning and the end of programs and libraries, and children. */
#include "faulty.h"

#include <dlfcn.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The library that is built beside this program; what goes wrong in it is said by a variable. */
static void *load(const char *when)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);

	need(length > 0, "readlink");
	path[length] = 0;
	strcpy(strrchr(path, '/'), "/crashlab-plugin.so");
	setenv("PLUGIN_CRASHES", when, 1);
	return dlopen(path, RTLD_NOW);
}

static void in_dlopen(uintptr_t where)
{
	(void)where;
	need(!load("begin"), "dlopen");
}

static void in_dlclose(uintptr_t where)
{
	void *plugin = load("end");

	(void)where;
	need(!!plugin, "dlopen");
	dlclose(plugin);
}

static void in_library(uintptr_t where)
{
	void *plugin = load("");
	void (*run)(void);

	(void)where;
	need(!!plugin, "dlopen");
	run = (void (*)(void))dlsym(plugin, "plugin_crash");
	run();
}

static void after_dlclose(uintptr_t where)
{
	void *plugin = load("");
	uintptr_t run;

	(void)where;
	need(!!plugin, "dlopen");
	run = (uintptr_t)dlsym(plugin, "plugin_crash");
	dlclose(plugin);
	call(run);
}

static void exit_handler(void)
{
	write_4(0);
}

static void in_exit(uintptr_t where)
{
	(void)where;
	atexit(exit_handler);
	exit(0);
}

static void wait_for(pid_t child)
{
	int status = 0;

	need(child > 0 && waitpid(child, &status, 0) == child, "child");
	printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

static void in_fork(uintptr_t where)
{
	pid_t child = fork();

	if (!child)
		write_4(where);
	wait_for(child);
}

static void abort_in_fork(uintptr_t where)
{
	pid_t child = fork();

	(void)where;
	if (!child)
		abort();
	wait_for(child);
}

/* In a child of a child, both of which then end. */
static void in_fork_of_fork(uintptr_t where)
{
	pid_t child = fork();

	if (!child) {
		in_fork(where);
		_exit(0);
	}
	wait_for(child);
}

static void in_vfork(uintptr_t where)
{
	pid_t child = vfork();

	if (!child)
		write_4(where);
	wait_for(child);
}

/* First the child, then the program itself. */
static void after_fork(uintptr_t where)
{
	in_fork(where);
	in_vfork(where);
	write_4(where);
}

static void in_spawned(uintptr_t where)
{
	char *argv[] = { "/proc/self/exe", "read", "0", NULL };
	pid_t child = 0;

	(void)where;
	need(!posix_spawn(&child, argv[0], NULL, NULL, argv, environ), "posix_spawn");
	wait_for(child);
}

static void after_exec(uintptr_t where)
{
	(void)where;
	execl("/proc/self/exe", "faulty", "read", "0", NULL);
}

static void killed(uintptr_t where)
{
	(void)where;
	raise(SIGKILL);
}

static void *worker_memory;

/* Does a bit of everything for ever, to be killed in the midst of it. */
static void busy(uintptr_t where)
{
	(void)where;
	printf("%d\n", getpid());
	for (;;) {
		void *plugin = load("");
		FILE *file = popen("true", "r");

		worker_memory = malloc(1 << 20);
		memset(worker_memory, 1, 1 << 20);
		free(worker_memory);
		if (file)
			pclose(file);
		if (plugin)
			dlclose(plugin);
	}
}

const struct way life_ways[] = {
	{ "dlopen", in_dlopen },
	{ "dlclose", in_dlclose },
	{ "library", in_library },
	{ "after-dlclose", after_dlclose },
	{ "atexit", in_exit },
	{ "fork", in_fork },
	{ "fork-abort", abort_in_fork },
	{ "fork-fork", in_fork_of_fork },
	{ "vfork", in_vfork },
	{ "after-fork", after_fork },
	{ "spawned", in_spawned },
	{ "exec", after_exec },
	{ "killed", killed },
	{ "busy", busy },
	{ 0 },
};
