/*
 * libtproc in a real space.  Run by in_space.py as the first program of an empty space; says what
 * went wrong and exits with 1.
 */
#include "tproc/tproc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 200

static int failures;
static int global;

static void check(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}
#define CHECK(condition) check(condition, #condition)

static int is_mine(const void *address)
{
	unsigned int id = 0;

	return tproc_owner(address, &id) == TPROC_OK && id == tproc_id();
}

static void check_who_i_am(void)
{
	struct tproc_info info = {0};

	CHECK(tproc_in_space());
	CHECK(tproc_id() == 1);
	CHECK(tproc_space() && !strcmp(tproc_space(), "default"));
	CHECK(tproc_self(&info) == TPROC_OK);
	CHECK(info.pid == getpid());
	CHECK(info.state == TPROC_STATE_RUNNING);
	CHECK(!strncmp(info.name, "in_space", 8));
}

static void check_owners(void)
{
	char *small = malloc(16);
	char *large = malloc(64 << 20);
	unsigned int id;
	int local;

	CHECK(is_mine(&local));
	CHECK(is_mine(&global));
	CHECK(is_mine(small));
	CHECK(is_mine(large));
	CHECK(is_mine(large + (64 << 20) - 1));
	CHECK(is_mine((const void *)printf));
	CHECK(tproc_owner(NULL, &id) == TPROC_NOT_FOUND);
	free(small);
	free(large);
}

/* Allocates between the requests: claims for memory go through the same mailbox. */
static void *publish_and_take_back(void *name)
{
	void *found;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		CHECK(tproc_publish(name, &global, sizeof(global), "int") == TPROC_OK);
		CHECK(tproc_lookup(name, "int", &found, NULL) == TPROC_OK && found == &global);
		free(malloc(1 << 20));
		CHECK(tproc_unpublish(name) == TPROC_OK);
	}
	CHECK(is_mine(&i));
	return NULL;
}

static void check_names(void)
{
	char names[THREADS][8];
	pthread_t threads[THREADS];
	struct tproc_named named;
	unsigned int cursor = 0;
	int i;

	for (i = 0; i < THREADS; i++) {
		snprintf(names[i], sizeof(names[i]), "name%d", i);
		CHECK(!pthread_create(&threads[i], NULL, publish_and_take_back, names[i]));
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(tproc_next_named(&cursor, &named) == TPROC_NOT_FOUND);
	CHECK(tproc_publish("two\nlines", &global, 0, NULL) == TPROC_INVALID);
	CHECK(tproc_unpublish("nobody's") == TPROC_NOT_FOUND);
	CHECK(tproc_wait_name("nobody's", NULL, 0, NULL, NULL) == TPROC_TIMED_OUT);
}

static void check_forked_child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(tproc_in_space() ? 1 : 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(tproc_in_space());
}

int main(void)
{
	check_who_i_am();
	check_owners();
	check_names();
	check_forked_child();
	return failures ? 1 : 0;
}
