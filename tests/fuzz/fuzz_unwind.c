/*
 * Backtraces by what is in a target's memory.  An input is the registers, 1 KiB of stack, and the
 * ELF file that is mapped where the sample's program lies.
 */
#include "lib/unwind/unwind.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/registry_builder.h"

#include <string.h>

#define STACK (SAMPLE_STACK_HI - 0x1000)
#define STACK_SIZE 1024
#define FRAMES 64

struct input {
	struct user_regs_struct regs;
	uint8_t stack[STACK_SIZE];
};

/* Its files are not there: memory is all there is. */
static const struct snapshot *sample(void)
{
	static struct snapshot *snapshot;
	struct registry_builder b;

	if (snapshot)
		return snapshot;
	registry_builder_sample(&b, (struct registry_shape){0});
	rb_image(&b, 1)->path = rb_text(&b, "/nowhere");
	snapshot = rb_snapshot(&b);
	PROMISE(snapshot);
	registry_builder_deinit(&b);
	return snapshot;
}

static void check(const struct backtrace *bt)
{
	PROMISE(bt->count >= 1 && bt->count <= FRAMES);
	PROMISE(memchr(bt->problem, '\0', sizeof(bt->problem)));
	PROMISE(!bt->cut || bt->count == FRAMES);
}

static void unwind_it(const struct target *target, const struct capture *capture)
{
	struct unwinder *unwinder;
	struct backtrace bt;
	struct err err;

	PROMISE(!unwinder_create(target, &unwinder, &err));
	PROMISE(!unwind(unwinder, capture, FRAMES, &bt, &err));
	check(&bt);
	backtrace_deinit(&bt);
	unwinder_destroy(unwinder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "101000100000-101000180000 r-xp 00000000 08:01 9 /nowhere\n"
				   "101002000000-101002800000 rw-p 00000000 00:00 0 \n";
	struct capture capture = {.tid = 1, .moving = true, .stack_lo = STACK};
	struct target target = {.snapshot = sample()};
	struct mem_bytes run;
	struct input input;
	struct err err;

	if (size < sizeof(input))
		return 0;
	memcpy(&input, data, sizeof(input));
	capture.regs = input.regs;
	capture.stack = input.stack;
	capture.stack_len = sizeof(input.stack);
	run = (struct mem_bytes){SAMPLE_PROGRAM, data + sizeof(input), size - sizeof(input)};
	PROMISE(!mem_open_bytes(&run, 1, &target.mem, &err));
	PROMISE(!maps_open_text(text, &target.maps, &err));
	unwind_it(&target, &capture);
	maps_close(target.maps);
	mem_close(target.mem);
	return 0;
}
