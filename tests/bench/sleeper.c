/* The smallest program that stays: for thousands of them at once. */
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
