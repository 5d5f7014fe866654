/*
 * libdwfl walks from a set of registers to the end of what it knows.  Where it stops in front
 * of a stub, or right at the start in a place without code, the registers behind that are
 * worked out here, and libdwfl walks on from these: a backtrace is a row of such walks.
 */
#include "lib/unwind/unwind.h"

#include "lib/base/cleanup.h"
#include "lib/unwind/arch.h"
#include "lib/unwind/modules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct unwinder {
	const struct target *target;
	struct modules *modules;
	Elf64_Ehdr machine; /* tells libdwfl what kind of machine it is */
	Elf *machine_elf;
	struct walk *walk; /* that goes on */
};

struct walk {
	struct unwinder *unwinder;
	const struct capture *capture;
	size_t limit;
	struct registers registers; /* where this walk begins, or the next one */
	bool again;                 /* there is a next one */
	bool stub;                  /* the first frame of that is behind a stub */
	bool called;                /* the first pc of that is a call's, not where it returns to */
	bool going;                 /* a frame of this one was seen */
	bool guessing;              /* the frame seen last is not described */
	bool exact;                 /* that one's pc is where it is, and not where it returns to */
	bool no_memory;
	struct backtrace backtrace;
};

/* ---- Callbacks of libdwfl ------------------------------------------------ */

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	struct unwinder *unwinder = arg;

	if (*thread_arg)
		return 0;
	*thread_arg = unwinder->walk;
	return unwinder->walk->capture->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	struct unwinder *unwinder = arg;

	*thread_arg = unwinder->walk;
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *thread_arg)
{
	const struct walk *walk = thread_arg;
	const struct registers *registers = &walk->registers;

	for (unsigned i = 0; i < arch_register_count; i++) {
		Dwarf_Word value = registers->value[i];

		if ((registers->known & 1u << i) &&
		    !dwfl_thread_state_registers(thread, (int)i, 1, &value))
			return false;
	}
	dwfl_thread_state_register_pc(thread, registers->value[arch_pc]);
	return true;
}

static bool in_copy(const struct capture *capture, uint64_t addr)
{
	return addr >= capture->stack_lo && addr - capture->stack_lo < capture->stack_len &&
	       capture->stack_len - (addr - capture->stack_lo) >= sizeof(Dwarf_Word);
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *ret_word, void *arg)
{
	struct walk *walk = ((struct unwinder *)arg)->walk;
	const struct capture *capture = walk->capture;
	struct err err;

	if (capture->moving && !capture->stopped && !in_copy(capture, addr))
		walk->backtrace.moved = true;
	return !capture_read(capture, walk->unwinder->target->mem, addr, ret_word,
	                     sizeof(*ret_word), &err);
}

/* ---- Frames -------------------------------------------------------------- */

/* Whether unwind information covers addr; whether it is the return from a signal handler. */
static bool is_described(const struct unwinder *unwinder, uint64_t addr, bool *ret_trampoline)
{
	Dwfl_Module *module = modules_at(unwinder->modules, addr);
	Dwarf_Frame *frame;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi = module ? dwfl_module_eh_cfi(module, &bias) : NULL;

	if (!cfi || dwarf_cfi_addrframe(cfi, addr - bias, &frame))
		return false;
	dwarf_frame_info(frame, NULL, NULL, ret_trampoline);
	free(frame);
	return true;
}

static bool is_code(void *context, uint64_t addr)
{
	const struct unwinder *unwinder = context;
	struct mapping mapping;
	struct err err;

	/* a module has data as well; of one that is gone that cannot be told */
	if (unwinder->target->maps && !maps_find(unwinder->target->maps, addr, &mapping, &err))
		return mapping.prot & PROT_EXEC;
	return modules_at(unwinder->modules, addr);
}

static void frame_registers(Dwfl_Frame *state, uint64_t pc, struct registers *ret_registers)
{
	*ret_registers = (struct registers){.known = 1u << arch_pc};
	ret_registers->value[arch_pc] = pc;
	for (unsigned i = 0; i < arch_register_count; i++) {
		Dwarf_Word value;

		if (i == arch_pc || dwfl_frame_reg(state, i, &value))
			continue;
		ret_registers->value[i] = value;
		ret_registers->known |= 1u << i;
	}
}

/* Room grows by doubling: the list is full when the count is a power of two. */
static int add_frame(struct walk *walk, const struct frame *frame)
{
	struct backtrace *bt = &walk->backtrace;

	if (!(bt->count & (bt->count - 1))) {
		size_t room = bt->count ? 2 * bt->count : 1;
		struct frame *grown = reallocarray(bt->frames, room, sizeof(*grown));

		walk->no_memory = !grown;
		if (!grown)
			return DWARF_CB_ABORT;
		bt->frames = grown;
	}
	bt->frames[bt->count++] = *frame;
	return DWARF_CB_OK;
}

/* ---- Where another walk begins ------------------------------------------- */

static struct mem *memory_of(const struct walk *walk)
{
	return walk->unwinder->target->mem;
}

/* Behind the stub that pc is in. */
static bool leave_stub(struct walk *walk)
{
	const struct code_check check = {is_code, walk->unwinder};

	walk->again = arch_leave_stub(walk->capture, memory_of(walk), &check, &walk->registers);
	walk->stub = walk->again;
	return walk->again;
}

/*
 * Behind the call that led to nowhere.  What it returns to is no place that it is at: libdwfl
 * is given the call's own address instead.
 */
static bool leave_bad_call(struct walk *walk)
{
	const struct code_check check = {is_code, walk->unwinder};

	walk->again = arch_leave_bad_call(walk->capture, memory_of(walk), &check, &walk->registers);
	if (!walk->again)
		return false;
	walk->registers.value[arch_pc]--;
	walk->called = true;
	return true;
}

/*
 * The frame pointer leads elsewhere than to a call: it is not used as one, or not yet.  The frame
 * below is left otherwise, if its registers are those of the moment.
 */
static void leave_undescribed(struct walk *walk)
{
	const struct code_check check = {is_code, walk->unwinder};

	walk->again = walk->exact &&
	              arch_leave_leaf(walk->capture, memory_of(walk), &check, &walk->registers);
	if (!walk->again)
		return;
	walk->registers.value[arch_pc]--;
	walk->called = true;
}

/* Of a program that is gone, the code is in its files still; what cannot be read is believed. */
static bool is_wrong_guess(const struct walk *walk, const struct frame *frame)
{
	struct mem *mem = memory_of(walk);
	uint8_t code[CALL_MAX];
	const uint64_t at = frame->pc - sizeof(code);
	struct err err;

	if (!frame->guessed || arch_is_trampoline(mem, frame->pc))
		return false;
	if ((!mem || mem_read(mem, at, code, sizeof(code), &err)) &&
	    modules_read(walk->unwinder->modules, at, code, sizeof(code)) != sizeof(code))
		return false;
	return !arch_is_call(code);
}

/* Where the signal came, which may be where no code is: libdwfl does not go there. */
static bool leave_trampoline(struct walk *walk)
{
	walk->again = arch_leave_trampoline(walk->capture, memory_of(walk), &walk->registers);
	return walk->again;
}

/* ---- Frames, one by one -------------------------------------------------- */

/* The place of a frame, as the walk has it. */
static bool place_frame(struct walk *walk, Dwfl_Frame *state, struct frame *frame)
{
	Dwarf_Word sp;
	Dwarf_Addr pc;

	/* To tell whether pc is exact, libdwfl looks for the next frame: it has to know the module.
	 */
	if (!dwfl_frame_pc(state, &pc, NULL))
		return false;
	modules_at(walk->unwinder->modules, pc);
	if (!dwfl_frame_pc(state, &pc, &frame->exact))
		return false;
	if (!walk->going && walk->called) {
		pc++;
		frame->exact = false;
	}
	frame->pc = pc;
	frame->sp = dwfl_frame_reg(state, arch_sp, &sp) ? 0 : sp;
	frame->stub = !walk->going && walk->stub;
	frame->guessed = walk->going && walk->guessing;
	walk->going = true;
	walk->called = walk->stub = false;
	return true;
}

/* Whether another walk goes on above a frame. */
static bool leave(struct walk *walk, const struct frame *frame, bool described)
{
	if (frame->trampoline)
		return leave_trampoline(walk);
	return !described && frame->exact && leave_bad_call(walk);
}

/* Adds a frame.  False when there is no further one, or another walk goes on. */
static bool take_frame(struct walk *walk, Dwfl_Frame *state)
{
	struct frame frame = {0};
	bool described;

	if (!place_frame(walk, state, &frame))
		return false;
	/* nobody is called from there: the end of a chain of frame pointers */
	if (!frame.pc && !frame.exact)
		return false;
	if (is_wrong_guess(walk, &frame)) {
		leave_undescribed(walk);
		return false;
	}
	described = is_described(walk->unwinder, frame_lookup_address(&frame), &frame.trampoline);
	walk->guessing = !described;
	walk->exact = frame.exact;
	frame_registers(state, frame.pc, &walk->registers);
	if (!described) {
		frame.trampoline = arch_is_trampoline(memory_of(walk), frame.pc);
		if (leave_stub(walk))
			return false;
	}
	if (walk->backtrace.count == walk->limit) {
		walk->backtrace.cut = true;
		return false;
	}
	return !add_frame(walk, &frame) && !leave(walk, &frame, described);
}

static int on_frame(Dwfl_Frame *state, void *arg)
{
	struct walk *walk = arg;
	/* To place a frame, libdwfl looks for the next one already, which may not be wanted. */
	const bool moved = walk->backtrace.moved;

	if (take_frame(walk, state))
		return DWARF_CB_OK;
	walk->backtrace.moved = moved;
	return DWARF_CB_ABORT;
}

/* ---- A backtrace --------------------------------------------------------- */

/* Stubs never lead to stubs, but a hostile program's may: then walks find no frame. */
static void go(struct walk *walk)
{
	Dwfl *dwfl = modules_dwfl(walk->unwinder->modules);
	struct backtrace *bt = &walk->backtrace;
	bool fruitless = false;

	do {
		const size_t before = bt->count;
		int ret;

		walk->again = walk->going = false;
		ret = dwfl_getthread_frames(dwfl, walk->capture->tid, on_frame, walk);
		if (ret < 0)
			snprintf(bt->problem, sizeof(bt->problem), "%s", dwfl_errmsg(-1));
		if (bt->count == before && fruitless) {
			snprintf(bt->problem, sizeof(bt->problem), "a stub leads to a stub");
			return;
		}
		fruitless = bt->count == before;
	} while (walk->again);
}

int unwind(struct unwinder *unwinder, const struct capture *capture, size_t limit,
           struct backtrace *ret_backtrace, struct err *err)
{
	struct walk walk = {.unwinder = unwinder, .capture = capture};

	walk.limit = limit < UNWIND_FRAMES_MAX ? limit : UNWIND_FRAMES_MAX;
	arch_registers(capture, &walk.registers);
	unwinder->walk = &walk;
	go(&walk);
	unwinder->walk = NULL;
	if (!walk.backtrace.count && !walk.no_memory) {
		const struct frame here = {
			.pc = capture_pc(capture), .sp = capture_sp(capture), .exact = true};

		add_frame(&walk, &here);
	}
	if (walk.no_memory) {
		backtrace_deinit(&walk.backtrace);
		return err_os(err, ENOMEM, "backtrace");
	}
	*ret_backtrace = walk.backtrace;
	return 0;
}

void backtrace_deinit(struct backtrace *backtrace)
{
	free(backtrace->frames);
	*backtrace = (struct backtrace){0};
}

/* ---- The unwinder -------------------------------------------------------- */

static int attach(struct unwinder *unwinder, struct err *err)
{
	static const Dwfl_Thread_Callbacks callbacks = {
		.next_thread = next_thread,
		.get_thread = get_thread,
		.memory_read = read_memory,
		.set_initial_registers = set_registers,
	};
	Elf64_Ehdr *header = &unwinder->machine;
	const pid_t any = 1; /* libdwfl only hands it back */

	*header = (Elf64_Ehdr){
		.e_type = ET_DYN, .e_machine = (Elf64_Half)arch_machine, .e_version = EV_CURRENT};
	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_ident[EI_VERSION] = EV_CURRENT;
	header->e_ehsize = sizeof(*header);
	unwinder->machine_elf = elf_memory((char *)header, sizeof(*header));
	if (!unwinder->machine_elf ||
	    !dwfl_attach_state(modules_dwfl(unwinder->modules), unwinder->machine_elf, any,
	                       &callbacks, unwinder))
		return err_set(err, ERR_OS, "cannot unwind: %s", dwfl_errmsg(-1));
	return 0;
}

int unwinder_create(const struct target *target, struct unwinder **ret_unwinder, struct err *err)
{
	struct unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return err_os(err, ENOMEM, "unwinder");
	unwinder->target = target;
	if (modules_create(target, &unwinder->modules, err) || attach(unwinder, err)) {
		unwinder_destroy(unwinder);
		return -1;
	}
	*ret_unwinder = unwinder;
	return 0;
}

void unwinder_destroy(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	modules_destroy(unwinder->modules);
	elf_end(unwinder->machine_elf);
	free(unwinder);
}

size_t unwinder_code(struct unwinder *unwinder, uint64_t addr, void *buf, size_t len)
{
	return modules_read(unwinder->modules, addr, buf, len);
}
