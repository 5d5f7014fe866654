/* Crashes while it is relocated, long before its first line: in the choice of a function. */
static void work(void)
{
}

static void (*choose(void))(void)
{
	*(volatile int *)20 = 1;
	return work;
}

void chosen(void) __attribute__((ifunc("choose")));

int main(void)
{
	chosen();
	return 99;
}
