/* Memory of every kind that x can show, at addresses that are printed; ends with its input. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t noise[4096];

char strings[4096] = "plain\0tab\there \"quoted\" it's\\\n\0"
		     "\001\0021\033[31m\177\0"
		     "h\303\251llo \342\202\254 \360\237\230\200 end\0"
		     "bad \377\376 \303( \355\240\200 \300\200 tail\0"
		     "aaaaaaaaaaaaaaaaaaaabbbbbbbbbbbcccccccccc\0"
		     "xyyyyyyyyyyyyyyyy\377\377\377\377\377\377\377\377\377\377\377\377z\0"
		     "\0\0twice\0";

uint16_t wide[64] = {'w', 'i', 'd', 'e', 0x20ac, 0xd83d, 0xde00, 0xdc00, '1', '\n', 0, 'x', 0};
uint32_t wider[64] = {'w', 0x1f600, 0x110000, '1', 'a', 0xd800, 0x7f, 0, 'y', 0};

double doubles[16] = {0, -0.0, 1, -1.5, 0.1, 1e300, 1e-300, 123456789, INFINITY, -INFINITY};
float floats[16] = {0, -0.0f, 1, -1.5f, 0.1f, 1e30f, 1e-30f, 123456789, INFINITY, -INFINITY};

/* the last ones are a test's own */
const void *pointers[16];

static int callee(int n)
{
	return n * 3 + (int)noise[n];
}

int code(int n);

__attribute__((noinline)) int code(int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += callee(i) / (i + 1);
	return sum;
}

/* A generator whose numbers are the same everywhere. */
static void fill(void)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		noise[i] = x;
	}
	for (size_t i = 600; i < 1600; i++)
		strings[i] = (char)('a' + i % 7);
	memcpy(&doubles[10],
	       (uint64_t[]){0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 1,
	                    0x7fefffffffffffff},
	       40);
	memcpy(&floats[10], (uint32_t[]){0x7fc00000, 0xffc00001, 0x7f800001, 1, 0x7f7fffff}, 20);
	pointers[0] = noise;
	pointers[1] = (const char *)noise + 5;
	pointers[2] = (const void *)&code;
	pointers[3] = malloc(24);
	pointers[4] = &pointers;
	pointers[5] = (const void *)(uintptr_t)-1;
	pointers[6] = "a literal";
}

int main(void)
{
	fill();
	printf("%p %p %p %p %p %p %p %p\n", (void *)noise, (void *)strings, (void *)wide,
	       (void *)wider, (void *)doubles, (void *)floats, (void *)pointers,
	       (void *)(uintptr_t)&code);
	fflush(stdout);
	return getchar() == EOF ? 0 : code(1);
}
