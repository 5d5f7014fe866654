/* Loads a plugin: into the base namespace and, where the C library can, into one of its own. */
#include <dlfcn.h>
#include <stdio.h>

static int call(void *handle)
{
	int (*answer)(void);

	if (!handle) {
		puts(dlerror());
		return -1;
	}
	answer = (int (*)(void))dlsym(handle, "plugin_answer");
	return answer ? answer() : -1;
}

int main(int argc, char **argv)
{
	void *first;
	void *second;

	if (argc != 2)
		return 2;
	first = dlopen(argv[1], RTLD_NOW);
	printf("%d\n", call(first));
	printf("%d\n", call(first));
	second = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
	printf("%d\n", call(second)); /* counts anew: a copy of its own */
	return dlclose(first) | dlclose(second);
}
