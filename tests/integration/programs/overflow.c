/* Runs off the end of its stack: the guard has to end it, before it reaches anything else. */
static int sink;

static int recurse(int level)
{
	volatile char frame[4096];

	frame[0] = (char)level;
	sink += frame[0];
	return recurse(level + 1) + frame[0];
}

int main(void)
{
	return recurse(0);
}
