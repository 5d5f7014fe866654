/* A program that does nothing: what is left is the cost of running any. */
int main(void)
{
	return 0;
}
