/* What the kernel puts on the stack of a new program: argv, environment, auxiliary vector. */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define AT_OWN 0x74707263 /* AT_TPROC of tproc/abi.h: the one entry that only a space has */

static int by_type(const void *a, const void *b)
{
	unsigned long x = ((const ElfW(auxv_t) *)a)->a_type;
	unsigned long y = ((const ElfW(auxv_t) *)b)->a_type;

	return (x > y) - (x < y);
}

/* Entries whose value is the same in every run; of the others only that they are there. */
static int has_value(unsigned long type)
{
	switch (type) {
	case AT_PHENT:
	case AT_PHNUM:
	case AT_PAGESZ:
	case AT_CLKTCK:
	case AT_HWCAP:
	case AT_HWCAP2:
	case AT_UID:
	case AT_EUID:
	case AT_GID:
	case AT_EGID:
	case AT_SECURE:
	case AT_MINSIGSTKSZ:
	case AT_FLAGS:
		return 1;
	default:
		return 0;
	}
}

static void print_auxv(char **envp)
{
	ElfW(auxv_t) entries[64];
	const ElfW(auxv_t) * entry;
	size_t count = 0;

	while (*envp)
		envp++;
	for (entry = (const void *)(envp + 1); entry->a_type != AT_NULL && count < 64; entry++) {
		if (entry->a_type != AT_OWN)
			entries[count++] = *entry;
	}
	qsort(entries, count, sizeof(entries[0]), by_type);
	for (size_t i = 0; i < count; i++) {
		if (has_value(entries[i].a_type))
			printf("auxv %lu = %lu\n", entries[i].a_type, entries[i].a_un.a_val);
		else
			printf("auxv %lu\n", entries[i].a_type);
	}
	printf("execfn %s\n", (const char *)getauxval(AT_EXECFN));
	printf("platform %s\n", (const char *)getauxval(AT_PLATFORM));
	printf("random %s\n", getauxval(AT_RANDOM) ? "there" : "missing");
}

int main(int argc, char **argv, char **envp)
{
	char exe[4096];
	ssize_t length = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[length > 0 ? length : 0] = '\0';
	printf("exe %s\n", exe);
	for (int i = 0; i < argc; i++)
		printf("argv[%d] %s\n", i, argv[i]);
	for (char **e = envp; *e; e++)
		printf("env %s\n", *e);
	print_auxv(envp);
	return 0;
}
