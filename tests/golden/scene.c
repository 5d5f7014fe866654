/*
 * A small scene for the golden answers of tpinspect: a list that goes around in the heap, a text,
 * a thread that waits, a named pointer.  Prints "NAME ADDRESS" for what cases refer to, then "ready",
 * and ends with its input.
 *
 *	scene [ADDRESS]		an address of another component's, which this one then holds
 */
#include "tproc/tproc.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

struct point {
	int x;
	int y;
};

struct node {
	struct node *next;
	const char *label;
	struct point at;
};

const char greeting[] = "hello from the scene";
static struct node *list;
static void *foreign;
static sem_t never;

static void *wait_forever(void *started)
{
	sem_post(started);
	sem_wait(&never);
	return NULL;
}

static struct node *make_node(struct node *next, int x, int y)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		abort();
	node->next = next;
	node->label = greeting;
	node->at = (struct point){x, y};
	return node;
}

static void start_waiter(void)
{
	pthread_t thread;
	sem_t started;

	sem_init(&never, 0, 0);
	sem_init(&started, 0, 0);
	if (pthread_create(&thread, NULL, wait_forever, &started))
		abort();
	pthread_setname_np(thread, "waiter");
	sem_wait(&started);
}

int main(int argc, char **argv)
{
	struct node *last = make_node(NULL, 3, 30);

	list = make_node(make_node(last, 2, 20), 1, 10);
	last->next = list;
	if (argc > 1)
		foreign = (void *)strtoul(argv[1], NULL, 16);
	start_waiter();
	tproc_publish(argc > 1 ? "other list" : "list", list, sizeof(*list), "struct node");
	printf("node %p\nlist %p\ngreeting %p\nforeign %p\nready\n", (void *)list, (void *)&list,
	       (const void *)greeting, (void *)&foreign);
	fflush(stdout);
	getchar();
	return 0;
}
