/* What a component opens at run time. */
__attribute__((visibility("default"))) long plugged(long n);

long plugged(long n)
{
	long result = 6 * n; /* first line of plugged */

	return result;
}
