/*
 * Makes a vfork child that uses its parent's memory once it is told to, long after the parent
 * was killed.  The child prints the parent's pid, then what it found.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGES 256

static char memory[PAGES * 4096];

_Noreturn static void use_memory(void)
{
	char text[32];
	int sum = 0;
	int length = snprintf(text, sizeof(text), "%d\n", (int)getppid());

	if (write(STDOUT_FILENO, text, (size_t)length) != length)
		_exit(1);
	if (read(STDIN_FILENO, text, 1) != 1)
		_exit(1);
	for (int i = 0; i < PAGES; i++)
		sum += memory[i * 4096];
	length = snprintf(text, sizeof(text), "%d pages\n", sum);
	_exit(write(STDOUT_FILENO, text, (size_t)length) != length);
}

int main(void)
{
	pid_t child;

	memset(memory, 1, sizeof(memory));
	child = vfork();
	if (child == 0)
		use_memory();
	return child < 0;
}
