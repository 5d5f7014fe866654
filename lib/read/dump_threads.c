/*
 * The threads of a core: each captured for itself, the one that crashed as it was then.
 */
#include "lib/read/dump_parts.h"

#include "lib/base/cleanup.h"
#include "lib/read/component.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
/* struct sigcontext, word by word. */
enum {
	WORD_R8,
	WORD_R9,
	WORD_R10,
	WORD_R11,
	WORD_R12,
	WORD_R13,
	WORD_R14,
	WORD_R15,
	WORD_DI,
	WORD_SI,
	WORD_BP,
	WORD_BX,
	WORD_DX,
	WORD_AX,
	WORD_CX,
	WORD_SP,
	WORD_IP,
	WORD_FLAGS,
	WORD_SEGMENTS, /* cs, gs, fs, ss: 16 bits each */
	WORD_FPSTATE = 23,
	WORDS,
};

static void set_general(struct user_regs_struct *regs, const struct tp_crash *crash)
{
	const uint64_t *w = crash->regs;

	regs->r8 = w[WORD_R8];
	regs->r9 = w[WORD_R9];
	regs->r10 = w[WORD_R10];
	regs->r11 = w[WORD_R11];
	regs->r12 = w[WORD_R12];
	regs->r13 = w[WORD_R13];
	regs->r14 = w[WORD_R14];
	regs->r15 = w[WORD_R15];
	regs->rdi = w[WORD_DI];
	regs->rsi = w[WORD_SI];
	regs->rbp = w[WORD_BP];
	regs->rbx = w[WORD_BX];
	regs->rdx = w[WORD_DX];
	regs->rax = w[WORD_AX];
	regs->rcx = w[WORD_CX];
	regs->rsp = w[WORD_SP];
	regs->rip = w[WORD_IP];
	regs->eflags = w[WORD_FLAGS];
	regs->cs = w[WORD_SEGMENTS] & 0xffff;
	regs->ss = w[WORD_SEGMENTS] >> 48;
	regs->orig_rax = UINT64_MAX; /* in no system call */
	if (crash->thread)
		regs->fs_base = crash->thread;
}

/*
 * The signal's frame has the vector registers in the form of ptrace(2), but for the mask of its
 * parts, which stands where ptrace has reserved bytes.  It is the program's own memory.
 */
static void set_vectors(struct capture *capture, struct mem *mem, uint64_t frame)
{
	enum { LEGACY = 512, RESERVED = 464 };
	struct {
		uint32_t magic;
		uint32_t size;
		uint64_t parts;
		uint32_t state_size;
	} said;
	uint8_t *bytes = malloc(CAPTURE_VECTORS_MAX);
	size_t len = LEGACY;
	struct err err;

	if (!bytes || !frame || mem_read(mem, frame, bytes, LEGACY, &err)) {
		free(bytes);
		return;
	}
	memcpy(&said, bytes + RESERVED, sizeof(said));
	if (said.magic == 0x46505853 && said.state_size > LEGACY &&
	    said.state_size <= CAPTURE_VECTORS_MAX &&
	    !mem_read(mem, frame, bytes, said.state_size, &err)) {
		memcpy(bytes + RESERVED, &said.parts, sizeof(said.parts));
		len = said.state_size;
	}
	free(capture->vectors);
	capture->vectors = bytes;
	capture->vectors_len = len;
}

static void set_registers(struct capture *capture, struct mem *mem, const struct tp_crash *crash)
{
	if (crash->reg_count < WORDS - 1)
		return;
	set_general(&capture->regs, crash);
	if (crash->reg_count >= WORDS)
		set_vectors(capture, mem, crash->regs[WORD_FPSTATE]);
}
#else
#error "put the registers of a crash record into those of a thread"
#endif

static bool is_crashed(const struct dump *dump, pid_t tid)
{
	return dump->tp->crash && dump->tp->crash->tid == tid;
}

/* The signal's own frame lies below; what was there before it is what counts. */
static void take_crash(struct dump *dump, struct dump_thread *thread)
{
	thread->crashed = true;
	set_registers(&thread->capture, dump->target->mem, dump->tp->crash);
}

static int take_thread(struct dump *dump, pid_t tid, struct err *err)
{
	struct dump_thread thread = {0};
	struct err unknown;

	if (target_capture(dump->target, dump->tp, tid, &thread.capture, err))
		return -1;
	if (target_thread_info(dump->target, dump->tp, tid, &thread.info, &unknown))
		thread.info = (struct thread_info){.tid = tid};
	if (is_crashed(dump, tid))
		take_crash(dump, &thread);
	dump->threads[dump->thread_count++] = thread;
	return 0;
}

/* The first one is what debuggers show first. */
static void put_first(struct dump *dump)
{
	for (size_t i = 0; i < dump->thread_count; i++) {
		struct dump_thread first = dump->threads[i];

		if (!first.crashed && (dump->tp->crash || first.capture.tid != dump->tp->abi.pid))
			continue;
		memmove(dump->threads + 1, dump->threads, i * sizeof(first));
		dump->threads[0] = first;
		return;
	}
}

int dump_take_threads(struct dump *dump, struct dump_result *result, struct err *err)
{
	struct threads threads;

	if (target_threads(dump->target, dump->tp, &threads, err))
		return -1;
	dump->threads = calloc(threads.count + 1, sizeof(*dump->threads));
	if (!dump->threads) {
		threads_deinit(&threads);
		return err_os(err, ENOMEM, "threads of a core file");
	}
	*err = (struct err){.code = ERR_NOT_FOUND, .text = "they are gone"};
	for (size_t i = 0; i < threads.count; i++) {
		struct err failure;

		if (!take_thread(dump, threads.list[i].tid, &failure) ||
		    failure.code == ERR_NOT_FOUND)
			continue;
		if (!result->threads_missing++)
			*err = failure;
	}
	threads_deinit(&threads);
	if (!dump->thread_count)
		return err_prefix(err, "its threads cannot be captured");
	if (result->threads_missing)
		snprintf(result->why, sizeof(result->why), "%.150s", err->text);
	put_first(dump);
	result->threads = dump->thread_count;
	return 0;
}
