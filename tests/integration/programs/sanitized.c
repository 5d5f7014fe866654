/* Built with AddressSanitizer: says that it works, and with an argument makes a mistake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	size_t size = 100;
	char *block = malloc(size);

	if (!block)
		return 1;
	memset(block, 1, size + (argc > 1));
	printf("%d\n", block[size / 2]);
	free(block);
	return 0;
}
