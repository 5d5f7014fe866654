/* Values of every kind C has, for `print`: tests compare with what GDB says of them. */
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum colour { RED, GREEN = 5, BLUE = -3 };
enum flags { FLAG_A = 1, FLAG_B = 2, FLAG_C = 4, FLAG_D = 16 };

struct point {
	int x;
	int y;
};

struct bits {
	unsigned int one : 1;
	int three : 3;
	unsigned int rest : 20;
	uint64_t wide : 40;
	enum colour colour : 4;
};

typedef int (*operation)(int, int);

struct node {
	struct node *next;
	const char *name;
	union {
		int number;
		float real;
		char text[8];
	};
	struct {
		short a;
		char b;
	} inner;
};

struct config {
	char title[16];
	struct point corner[2];
	double ratio;
	struct node table[4];
	operation op;
	void *anything;
	_Bool on;
	struct bits bits;
	enum flags flags;
};

struct flexible {
	size_t count;
	int items[];
};

struct declared_only;

static int add(int a, int b)
{
	return a + b;
}

int numbers[40] = {1, 2, 3, 4};
int matrix[2][3] = {{1, 2, 3}, {4, 5, 6}};
int same[64];
static int counter = 42;
signed char tiny = -7;
unsigned char byte = 200;
char letter = 'x', newline = '\n', high = (char)0xe9;
short small = -300;
unsigned short port = 65000;
unsigned int mask = 0xdeadbeef;
long big = -1234567890123;
unsigned long huge = 18446744073709551615UL;
__int128 wide = ((__int128)1 << 100) + 7;
float single = 3.14159274f;
double pi = 3.141592653589793;
long double precise = 2.5L;
double _Complex spin = 1.5 - 2.0 * __extension__ 1.0i;
float _Complex half_spins[2] = {0.5f};
long double _Complex long_spin = 0.25L;
double not_a_number, infinite, third;
_Bool yes = 1;
enum colour colour = GREEN, cold = BLUE, odd = 4;
enum flags none, both = FLAG_A | FLAG_B, strange = FLAG_A | 64, unknown = 64;
const char *hello = "hello, \"world\"\n\t\033[31m\\";
char padded[16] = "padded";
char full[4] = {'f', 'u', 'l', 'l'};
char dotted[40] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaab";
unsigned char raw[6] = {1, 2, 0, 255, 'A', 0};
const char *nobody;
const char *wild = (const char *)0x10;
void *pointer = numbers + 3;
struct point origin, *where = &origin;
struct point cloud[12];
struct config config;
struct node *list;
struct flexible *flexible;
struct declared_only *hidden;
operation operations[3] = {add, NULL, add};
int (*speaks)(const char *, const struct point *const, volatile int, ...);
int (*array_pointer)[3] = matrix;
struct point *pointers[3] = {&origin, NULL, cloud + 2};
const volatile int *const constant = &counter;
size_t offset = offsetof(struct config, table);
wchar_t letters[6] = L"wide";
_Thread_local int own = 99;

static void fill(void)
{
	static struct node nodes[3];
	volatile double zero = 0;

	for (int i = 0; i < 3; i++) {
		nodes[i].next = &nodes[(i + 1) % 3];
		nodes[i].name = i ? "later" : "first";
		nodes[i].number = 100 + i;
		nodes[i].inner.a = (short)i;
		nodes[i].inner.b = 'a';
	}
	list = nodes;
	not_a_number = zero / zero;
	infinite = -1 / zero;
	third = 1.0 / 3;
	strcpy(config.title, "the title");
	config.corner[1] = (struct point){3, 4};
	config.ratio = 0.1;
	config.table[3] = nodes[1];
	config.op = add;
	config.anything = &counter;
	config.on = 1;
	config.bits = (struct bits){1, -2, 0x12345, 0x123456789a, RED};
	config.flags = FLAG_B | FLAG_C;
	flexible = calloc(1, sizeof(*flexible) + 4 * sizeof(int));
	flexible->count = 4;
	flexible->items[1] = 11;
	cloud[7].x = 1;
	counter++;
	own++;
}

static void *wait_forever(void *started)
{
	own = 7;
	sem_post(started);
	return pause(), NULL;
}

static void start_thread(void)
{
	pthread_t thread;
	sem_t started;

	sem_init(&started, 0, 0);
	if (pthread_create(&thread, NULL, wait_forever, &started))
		abort();
	sem_wait(&started);
}

int main(void)
{
	fill();
	start_thread();
	printf("ready %p\n", (void *)list);
	fflush(stdout);
	return getchar() == EOF ? 0 : 1;
}
