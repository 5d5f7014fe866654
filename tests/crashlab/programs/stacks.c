/* Stacks that end, or that are ruined, and thread-local storage. */
#include "faulty.h"

#include <asm/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread volatile int local = 7;

static int recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = above[0];
	return recurse(here) + here[0];
}

static void overflow_main(uintptr_t where)
{
	volatile char c = 1;

	(void)where;
	recurse(&c);
}

static void *overflow_of_thread(void *arg)
{
	overflow_main(0);
	return arg;
}

static void overflow_thread(uintptr_t where)
{
	pthread_t other;

	(void)where;
	need(!pthread_create(&other, NULL, overflow_of_thread, NULL), "pthread_create");
	pthread_join(other, NULL);
}

/* A frame that is larger than all of the stack, and then some: far below lies another component. */
static void large_frame(uintptr_t where)
{
	volatile char here[UINT64_C(1) << 26];

	(void)where;
	here[0] = 1;
}

static void *large_frame_of_thread(void *arg)
{
	large_frame(0);
	return arg;
}

static void large_frame_thread(uintptr_t where)
{
	pthread_t other;

	(void)where;
	need(!pthread_create(&other, NULL, large_frame_of_thread, NULL), "pthread_create");
	pthread_join(other, NULL);
}

/* The program does not want a stack for signals; that there is one is not its affair. */
static void overflow_disabled(uintptr_t where)
{
	stack_t none = { .ss_flags = SS_DISABLE };

	need(!sigaltstack(&none, NULL), "sigaltstack");
	overflow_main(where);
}

/* Over all that lies above the stack. */
static void stack_upwards(uintptr_t where)
{
	volatile char here = 1;
	volatile char *at = &here;

	(void)where;
	for (;;)
		*at++ = 'x';
}

/* With -fstack-protector: what lies above the array is looked at before the return. */
__attribute__((noinline, optimize("stack-protector-all"))) static void smash(uintptr_t size)
{
	char here[16];

	memset(here, 'x', size);
	__asm__ volatile("" : : "r"(here) : "memory");
}

static void smashed(uintptr_t where)
{
	(void)where;
	smash(48);
}

static void return_nowhere(uintptr_t where)
{
	(void)where;
	__asm__ volatile("push %0\n\tret" : : "r"(UINT64_C(0x666000)));
}

static void no_stack(uintptr_t where)
{
	(void)where;
	__asm__ volatile("xor %%esp, %%esp\n\tpush %%rax" : : : "memory");
}

static void stack_nowhere(uintptr_t where)
{
	(void)where;
	__asm__ volatile("mov %0, %%rsp\n\tpush %%rax" : : "r"(UINT64_C(0xdead00000000bee0)) : "memory");
}

static void no_tls(uintptr_t where)
{
	(void)where;
	syscall(SYS_arch_prctl, ARCH_SET_FS, 0);
	local++;
}

/*
 * Code that nothing describes, made by the program; it is called while the frame pointer leads to what
 * looks like a frame and is a table of functions.
 */
static void made_code(uintptr_t where)
{
	static const uint8_t code[] = { 0xc7, 0x04, 0x25, 0, 0, 0, 0, 1, 0, 0, 0 }; /* movl $1,0 */
	static void *const table[] = { NULL, (void *)no_tls };
	void *made = mmap(NULL, sizeof(code), PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)where;
	need(made != MAP_FAILED, "mmap");
	memcpy(made, code, sizeof(code));
	__asm__ volatile("mov %0, %%rbp\n\tcall *%1" : : "r"(table), "r"(made) : "memory");
}

/* The thread's own block, with what glibc keeps there, is ruined. */
static void tls_ruined(uintptr_t where)
{
	uintptr_t thread;

	(void)where;
	__asm__("mov %%fs:0, %0" : "=r"(thread));
	for (volatile uint64_t *at = (volatile uint64_t *)(thread - 64); at < (volatile uint64_t *)(thread + 512); at++)
		*at = UINT64_C(0xdeadbeefdeadbeef);
	write_4(0);
}

static void stack_ruined(uintptr_t where)
{
	volatile char here[64];

	(void)where;
	for (int i = 0; i < 1024; i++)
		here[i] = (char)0xff;
	write_4(0);
}

const struct way stack_ways[] = {
	{ "stack-overflow", overflow_main },
	{ "stack-overflow-thread", overflow_thread },
	{ "stack-overflow-disabled", overflow_disabled },
	{ "stack-upwards", stack_upwards },
	{ "stack-smashed", smashed },
	{ "large-frame", large_frame },
	{ "large-frame-thread", large_frame_thread },
	{ "made-code", made_code },
	{ "return-nowhere", return_nowhere },
	{ "no-stack", no_stack },
	{ "stack-nowhere", stack_nowhere },
	{ "no-tls", no_tls },
	{ "tls-ruined", tls_ruined },
	{ "stack-ruined", stack_ruined },
	{ 0 },
};
