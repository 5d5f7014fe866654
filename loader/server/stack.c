#include "loader/server/stack.h"

#include "loader/agent/slot.h"

#include "tproc/abi.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif
#ifndef AT_HWCAP3
#define AT_HWCAP3 29
#define AT_HWCAP4 30
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

/* The kernel's limits (include/uapi/linux/binfmts.h, fs/exec.c). */
#define MAX_STRING 131072u
#define MAX_STRINGS (6u << 20)
#define MIN_STRINGS 131072u
#define RANDOM_BYTES 16
#define MAX_AUX (SLOT_AUX_WORDS / 2)

struct aux {
	uint64_t entries[MAX_AUX][2];
	size_t count;
};

static void aux_add(struct aux *aux, uint64_t type, uint64_t value)
{
	aux->entries[aux->count][0] = type;
	aux->entries[aux->count][1] = value;
	aux->count++;
}

/*
 * The server's own vector as the kernel made it: getauxval(3) answers with what ld.so
 * made of it (AT_HWCAP).  Read once, since it does not change.
 */
static const uint64_t (*kernel_aux(void))[2]
{
	static uint64_t entries[MAX_AUX + 1][2];
	static bool done;
	int fd;

	if (done)
		return (const uint64_t(*)[2])entries;
	fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, entries, MAX_AUX * sizeof(entries[0])) < 0)
			entries[0][0] = AT_NULL;
		close(fd);
	}
	done = true;
	return (const uint64_t(*)[2])entries;
}

/* What the kernel told the server holds for every process of this machine. */
static void aux_inherit(struct aux *aux, uint64_t type)
{
	const uint64_t(*entry)[2] = kernel_aux();

	while ((*entry)[0] != AT_NULL && (*entry)[0] != type)
		entry++;
	if ((*entry)[0] == type)
		aux_add(aux, type, (*entry)[1]);
}

static void aux_fill(struct aux *aux, const struct stack_input *input, uint64_t random,
                     uint64_t platform, uint64_t execfn)
{
	if (input->vdso)
		aux_add(aux, AT_SYSINFO_EHDR, input->vdso);
	aux_inherit(aux, AT_MINSIGSTKSZ);
	aux_inherit(aux, AT_HWCAP);
	aux_add(aux, AT_PAGESZ, (uint64_t)sysconf(_SC_PAGESIZE));
	aux_inherit(aux, AT_CLKTCK);
	aux_add(aux, AT_PHDR, input->phdr);
	aux_add(aux, AT_PHENT, sizeof(Elf64_Phdr));
	aux_add(aux, AT_PHNUM, input->phnum);
	aux_add(aux, AT_BASE, input->base);
	aux_add(aux, AT_FLAGS, 0);
	aux_add(aux, AT_ENTRY, input->entry);
	aux_add(aux, AT_UID, getuid());
	aux_add(aux, AT_EUID, geteuid());
	aux_add(aux, AT_GID, getgid());
	aux_add(aux, AT_EGID, getegid());
	aux_add(aux, AT_SECURE, 0);
	aux_add(aux, AT_RANDOM, random);
	aux_inherit(aux, AT_HWCAP2);
	aux_inherit(aux, AT_HWCAP3);
	aux_inherit(aux, AT_HWCAP4);
	aux_add(aux, AT_EXECFN, execfn);
	if (platform)
		aux_add(aux, AT_PLATFORM, platform);
	aux_inherit(aux, AT_RSEQ_FEATURE_SIZE);
	aux_inherit(aux, AT_RSEQ_ALIGN);
	aux_add(aux, AT_TPROC, input->self);
	aux_add(aux, AT_NULL, 0);
}

/* Adds the strings' sizes; false when one of them, or all together, are too long. */
static int measure(const struct stack_input *input, size_t *ret_bytes)
{
	size_t limit = input->size / 4;
	size_t bytes = (size_t)(input->argc + input->envc) * sizeof(char *);

	if (limit > MAX_STRINGS)
		limit = MAX_STRINGS;
	if (limit < MIN_STRINGS)
		limit = MIN_STRINGS;
	for (int i = 0; i < input->argc + input->envc; i++) {
		const char *s = i < input->argc ? input->argv[i] : input->envp[i - input->argc];
		size_t len = strlen(s) + 1;

		if (len > MAX_STRING || bytes + len > limit)
			return -1;
		bytes += len;
	}
	*ret_bytes = bytes - (size_t)(input->argc + input->envc) * sizeof(char *);
	return 0;
}

/* Copies a string to *p, moves *p behind it, and returns its address in the program. */
static uint64_t put_string(uint8_t **p, const struct stack_image *image, const char *s)
{
	uint64_t addr = image->sp + (uint64_t)(*p - image->bytes);
	size_t len = strlen(s) + 1;

	memcpy(*p, s, len);
	*p += len;
	return addr;
}

int stack_build(const struct stack_input *input, struct stack_image *image, struct err *err)
{
	const char *platform = (const char *)getauxval(AT_PLATFORM);
	size_t words = 1 + (size_t)input->argc + 1 + (size_t)input->envc + 1;
	struct aux aux = {.count = 0};
	uint64_t random_at;
	uint64_t platform_at = 0;
	size_t strings;
	size_t tail;
	uint64_t *word;
	uint8_t *p;

	if (measure(input, &strings))
		return err_os(err, E2BIG, "%s", input->execfn);
	tail = RANDOM_BYTES + (platform ? strlen(platform) + 1 : 0) + strings +
	       strlen(input->execfn) + 1 + sizeof(uint64_t);
	image->length = words * sizeof(uint64_t) + sizeof(aux.entries) + tail;
	image->sp = (input->top - image->length) & ~UINT64_C(15);
	image->length = input->top - image->sp;
	image->bytes = calloc(1, image->length);
	if (!image->bytes)
		return err_os(err, ENOMEM, "%s: cannot make its stack", input->execfn);

	/* From below: words, auxiliary vector, a gap, random bytes, strings, execfn, 8 zeros. */
	p = image->bytes + (image->length - tail);
	random_at = image->sp + (uint64_t)(p - image->bytes);
	if (getrandom(p, RANDOM_BYTES, 0) != RANDOM_BYTES) {
		stack_image_deinit(image);
		return err_os(err, errno, "getrandom");
	}
	p += RANDOM_BYTES;
	if (platform)
		platform_at = put_string(&p, image, platform);
	word = (uint64_t *)image->bytes;
	*word++ = (uint64_t)input->argc;
	image->args = image->sp + (uint64_t)(p - image->bytes);
	for (int i = 0; i < input->argc; i++)
		*word++ = put_string(&p, image, input->argv[i]);
	*word++ = 0;
	image->args_end = image->sp + (uint64_t)(p - image->bytes);
	for (int i = 0; i < input->envc; i++)
		*word++ = put_string(&p, image, input->envp[i]);
	*word++ = 0;
	image->env_end = image->sp + (uint64_t)(p - image->bytes);
	image->aux = (const uint8_t *)word;
	aux_fill(&aux, input, random_at, platform_at, put_string(&p, image, input->execfn));
	image->aux_size = aux.count * sizeof(aux.entries[0]);
	memcpy(word, aux.entries, image->aux_size);
	return 0;
}

uint64_t stack_execfn(uint64_t top, const char *execfn)
{
	return top - sizeof(uint64_t) - (strlen(execfn) + 1);
}

void stack_image_deinit(struct stack_image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}
