/*
 * Uses libtproc as it is told, a line of input for a call, and answers with a line each:
 *
 *	publish NAME		an object of its own, with its mutex
 *	find NAME		uses that of another
 *	lock | trylock | unlock | consistent
 *	suspect NAME | trust NAME
 *	info			who has the mutex, and who died with it
 *	where			the mutex's address
 *	robust			locks the plain robust mutex of the object, too
 *	thread			a thread locks the mutex and ends
 *	crash
 */
#include "tproc/tproc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object {
	struct tproc_mutex mutex;
	pthread_mutex_t robust;
	int value;
};

static struct object own;
static struct object *object = &own;

static int prepare(const char *name)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&own.robust, &attributes);
	if (tproc_mutex_init(&own.mutex))
		abort();
	return tproc_publish_guarded(name, &own.value, sizeof(own.value), "int", &own.mutex);
}

static int find(const char *name)
{
	struct tproc_named named;
	int result = tproc_wait_name(name, "int", -1, NULL, &named);

	if (result == TPROC_OK)
		object = (struct object *)(void *)named.mutex;
	return result;
}

static void *lock(void *unused)
{
	(void)unused;
	tproc_mutex_lock(&object->mutex);
	return NULL;
}

static int lock_in_a_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, lock, NULL) || pthread_join(thread, NULL);
}

static int say_suspect(const char *name)
{
	unsigned int id = 0;
	int result = tproc_suspect(name, &id);

	if (result == TPROC_SUSPECT)
		printf("%u: ", id);
	return result;
}

static int say_info(void)
{
	struct tproc_mutex_info info;
	int result = tproc_mutex_info(&object->mutex, &info);

	printf("%u %s:%u, %u %s:%u: ", info.holder.id, info.holder.file, info.holder.line,
	       info.died.id, info.died.file, info.died.line);
	return result;
}

static int do_as_told(const char *what, const char *name)
{
	if (!strcmp(what, "publish"))
		return prepare(name);
	if (!strcmp(what, "find"))
		return find(name);
	if (!strcmp(what, "lock"))
		return tproc_mutex_lock(&object->mutex);
	if (!strcmp(what, "trylock"))
		return tproc_mutex_trylock(&object->mutex);
	if (!strcmp(what, "unlock"))
		return tproc_mutex_unlock(&object->mutex);
	if (!strcmp(what, "consistent"))
		return tproc_mutex_consistent(&object->mutex);
	if (!strcmp(what, "suspect"))
		return say_suspect(name);
	if (!strcmp(what, "trust"))
		return tproc_trust(name);
	if (!strcmp(what, "info"))
		return say_info();
	if (!strcmp(what, "where"))
		return printf("%p: ", (void *)&object->mutex) < 0;
	if (!strcmp(what, "robust"))
		return pthread_mutex_lock(&object->robust);
	if (!strcmp(what, "thread"))
		return lock_in_a_thread();
	if (!strcmp(what, "crash"))
		*(volatile int *)0 = 1;
	return TPROC_INVALID;
}

int main(void)
{
	char line[256], what[32], name[128];

	while (fgets(line, sizeof(line), stdin)) {
		name[0] = '\0';
		if (sscanf(line, "%31s %127s", what, name) < 1)
			continue;
		printf("%s\n", tproc_strerror(do_as_told(what, name)));
		fflush(stdout);
	}
	return 0;
}
