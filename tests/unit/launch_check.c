#include "tests/unit/launched.h"
#include "tests/unit/stack_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

/* ---- what has to hold of an image in memory ------------------------------------------------ */

struct check {
	const struct launched *l;
	const struct cached_image *cached;
	uint64_t bias;
	uint64_t stubs;
	int fd;
	bool hooked;
};

static uint64_t jump_target(const uint8_t *jump, uint64_t at)
{
	int32_t rel;

	assert_int_equal(jump[0], 0xe9);
	memcpy(&rel, jump + 1, sizeof(rel));
	return at + 5 + (uint64_t)(int64_t)rel;
}

/* The stub begins with what stood before the opcode, and ends with the rest and a jump back. */
static void check_stub(const struct check *c, const struct image_site *site, uint64_t stub,
                       uint64_t back)
{
	uint8_t bytes[PATCH_STUB_MAX + 16] = {0};
	const uint8_t *rest = site->text + site->site.pre + 2;
	size_t rest_len = site->site.len - site->site.pre - 2u;

	assert_true(stub >= c->stubs + sizeof(struct patch_stub_head));
	assert_true(stub < c->stubs + SLOT_STUBS_SIZE);
	plan_replay_read(&c->l->replay, stub, bytes, PATCH_STUB_MAX);
	assert_memory_equal(bytes, site->text, site->site.pre);
	for (size_t i = site->site.pre + rest_len; i < PATCH_STUB_MAX - 5; i++)
		if (bytes[i] == 0xe9 && jump_target(bytes + i, stub + i) == back) {
			assert_memory_equal(bytes + i - rest_len, rest, rest_len);
			return;
		}
	fail_msg("the stub at 0x%lx does not lead back to 0x%lx", stub, back);
}

/* Checks each site, and puts the file's bytes back over it in text. */
static void check_sites(const struct check *c, uint32_t segment, uint8_t *text)
{
	const struct image_segment *s = &c->cached->image->segments[segment];

	for (uint32_t i = 0; i < c->cached->image->site_count; i++) {
		const struct image_site *site = &c->cached->sites[i];
		uint64_t off = site->site.off - s->offset;
		uint64_t at = c->bias + s->vaddr + off;

		if (site->segment != segment)
			continue;
		check_stub(c, site, jump_target(text + off, at), at + site->site.len);
		for (uint32_t k = 5; k < site->site.len; k++)
			assert_int_equal(text[off + k], 0x90);
		memcpy(text + off, site->text, site->site.len);
	}
}

/* mov slot(%rip),%r11; jmp *module_hook(%rip) */
static void check_hook(const struct check *c, uint32_t segment, uint8_t *text)
{
	const struct image_segment *s = &c->cached->image->segments[segment];
	uint64_t vaddr = c->cached->image->dl_debug_state;
	uint64_t at = c->bias + vaddr;
	uint8_t bytes[13];
	uint64_t stub;
	int32_t rel;

	if (!c->hooked || vaddr < s->vaddr || vaddr - s->vaddr >= s->filesz)
		return;
	assert_true(c->cached->has_debug_state_text);
	stub = jump_target(text + (vaddr - s->vaddr), at);
	plan_replay_read(&c->l->replay, stub, bytes, sizeof(bytes));
	assert_memory_equal(bytes, "\x4c\x8b\x1d", 3);
	memcpy(&rel, bytes + 3, 4);
	assert_int_equal(stub + 7 + (uint64_t)(int64_t)rel,
	                 c->stubs + offsetof(struct patch_stub_head, slot));
	assert_memory_equal(bytes + 7, "\xff\x25", 2);
	memcpy(&rel, bytes + 9, 4);
	assert_int_equal(stub + 13 + (uint64_t)(int64_t)rel,
	                 c->stubs + offsetof(struct patch_stub_head, module_hook));
	memcpy(text + (vaddr - s->vaddr), c->cached->debug_state_text, PATCH_HOOK_BYTES);
}

static void check_zero(const struct plan_replay *replay, uint64_t lo, uint64_t hi)
{
	for (uint64_t at = lo; at < hi; at++) {
		uint8_t byte;

		plan_replay_read(replay, at, &byte, 1);
		if (byte)
			fail_msg("0x%lx is not zero", at);
	}
}

/* But for sites and hook the bytes are the file's; what the file does not fill is zero. */
static void check_segment(const struct check *c, uint32_t segment)
{
	const struct image_segment *s = &c->cached->image->segments[segment];
	uint64_t lo = c->bias + s->vaddr;
	uint64_t pages_end = (lo + s->memsz + PAGE - 1) & ~(PAGE - 1);
	uint8_t *in_file = malloc(s->filesz + 1);
	uint8_t *in_memory = malloc(s->filesz + 1);

	assert_non_null(in_file);
	assert_non_null(in_memory);
	assert_int_equal(pread(c->fd, in_file, s->filesz, (off_t)s->offset), s->filesz);
	plan_replay_read(&c->l->replay, lo, in_memory, s->filesz);
	check_sites(c, segment, in_memory);
	check_hook(c, segment, in_memory);
	assert_memory_equal(in_memory, in_file, s->filesz);
	free(in_file);
	free(in_memory);
	plan_replay_check_prot(&c->l->replay, lo & ~(PAGE - 1), pages_end, s->prot);
	if (s->memsz > s->filesz)
		check_zero(&c->l->replay, lo + s->filesz, pages_end);
}

static void check_stubs_head(const struct launched *l, uint64_t at)
{
	struct patch_stub_head head;

	plan_replay_read(&l->replay, at, &head, sizeof(head));
	assert_int_equal(head.slot, l->layout.state);
	assert_int_equal(head.entry, launched_space.entry);
	assert_int_equal(head.filter, launched_space.filter);
	assert_int_equal(head.module_hook, launched_space.module_hook);
	assert_int_equal(head.cpuid, at == l->layout.stubs && l->layout.interp_bias
	                                     ? launched_space.cpuid_early
	                                     : launched_space.cpuid);
	plan_replay_check_prot(&l->replay, at, at + PAGE, PROT_READ | PROT_EXEC);
}

static void check_image(const struct check *c)
{
	for (uint32_t i = 0; i < c->cached->image->segment_count; i++)
		check_segment(c, i);
	if (c->cached->image->site_count)
		check_stubs_head(c->l, c->stubs);
}

static void check_images(const struct launched *l)
{
	const struct layout *layout = &l->layout;
	struct check c = {
		.l = l,
		.cached = l->image,
		.bias = layout->program_bias,
		.stubs = layout->fixed_stubs ? layout->fixed_stubs : layout->stubs,
		.fd = l->program.fd,
		.hooked = !l->interp && l->image->image->dl_debug_state,
	};

	check_image(&c);
	if (!l->interp)
		return;
	c = (struct check){
		.l = l,
		.cached = l->interp,
		.bias = layout->interp_bias,
		.stubs = layout->stubs,
		.fd = l->interp_fd,
		.hooked = true,
	};
	check_image(&c);
}

/* ---- what has to hold of the rest ----------------------------------------------------------- */

/* Nothing lies outside, and nothing is both writable and executable. */
static void check_pages(const struct launched *l)
{
	const struct layout *layout = &l->layout;
	const int wx = PROT_WRITE | PROT_EXEC;
	const struct plan_replay_page *page;

	for (page = l->replay.pages; page; page = page->hh.next) {
		bool fixed = page->addr >= layout->fixed_lo && page->addr < layout->fixed_hi;

		if (!fixed && (page->addr < layout->lo || page->addr >= layout->mmap_lo))
			fail_msg("a page lies at 0x%lx", page->addr);
		if (page->addr >= layout->brk_lo && page->addr < layout->brk_hi)
			fail_msg("a page lies in brk's zone, at 0x%lx", page->addr);
		if (page->addr < layout->stack_lo || page->addr >= layout->stack_hi)
			assert_true((page->prot & wx) != wx);
	}
	assert_null(plan_replay_page(&l->replay, layout->stack_lo - 1));
	assert_null(plan_replay_page(&l->replay, layout->stack_hi));
}

static uint64_t aux(const struct stack_parse *parse, uint64_t type)
{
	uint64_t value = 0;

	assert_int_equal(stack_parse_aux(parse, type, &value), 1);
	return value;
}

static void check_stack(const struct launched *l)
{
	const struct image *image = l->image->image;
	uint64_t sp = l->slot.launch.sp;
	size_t length = l->layout.stack_hi - sp;
	uint8_t *bytes = malloc(length);
	struct stack_parse parse;
	Elf64_Phdr phdr;

	assert_non_null(bytes);
	assert_int_equal(sp % 16, 0);
	plan_replay_read(&l->replay, sp, bytes, length);
	stack_parse(bytes, sp, length, &parse);
	assert_int_equal(parse.argc, l->program.argc);
	for (int i = 0; i < l->program.argc; i++)
		assert_string_equal(stack_parse_element(&parse, parse.argv, (uint64_t)i),
		                    l->program.argv[i]);
	assert_int_equal(parse.envc, 2);
	assert_string_equal(stack_parse_element(&parse, parse.envp, 1), "LANG=C");
	assert_int_equal(aux(&parse, AT_BASE), l->interp ? l->layout.interp_bias : 0);
	assert_int_equal(aux(&parse, AT_ENTRY), image->entry + l->layout.program_bias);
	assert_int_equal(aux(&parse, AT_PHNUM), image->phnum);
	assert_int_equal(aux(&parse, AT_TPROC), l->layout.self);
	assert_int_equal(aux(&parse, AT_SYSINFO_EHDR), launched_space.vdso);
	assert_string_equal(stack_parse_string(&parse, aux(&parse, AT_EXECFN)), l->program.execfn);
	/* Where the headers are said to be, headers are. */
	plan_replay_read(&l->replay, aux(&parse, AT_PHDR), &phdr, sizeof(phdr));
	assert_true(phdr.p_type == PT_PHDR || phdr.p_type == PT_LOAD);
	free(bytes);
}

void launch_check_fds(const struct launched *l)
{
	const struct slot_launch *launch = &l->slot.launch;
	struct slot_fd list[LAUNCHED_FDS];

	assert_int_equal(launch->fd_count, LAUNCHED_FDS);
	/* The list lies below what the program finds, and above what its start may use. */
	assert_true(launch->fds + sizeof(list) + 128 <= launch->sp);
	assert_true(launch->fds - l->layout.stack_lo >= SLOT_START_STACK);
	plan_replay_read(&l->replay, launch->fds, list, sizeof(list));
	for (int i = 0; i < LAUNCHED_FDS; i++) {
		assert_int_equal(list[i].to, l->fds[i].target);
		assert_int_equal(l->plan.fds[i], l->fds[i].fd);
	}
	assert_int_equal(l->replay.clone.addr, l->layout.state);
	assert_int_equal(l->replay.clone.len, LAUNCHED_FDS);
	assert_int_equal(l->plan.fds[l->replay.clone.fd], l->request.cwd_fd);
}

/* What the kernel takes for the memory of a forked child (prctl(2), PR_SET_MM_MAP). */
static void check_memory(const struct launched *l)
{
	const struct slot *slot = &l->slot;
	const struct prctl_mm_map *memory = &slot->memory;
	const struct image *image = l->image->image;
	const uint64_t bias = l->layout.program_bias;

	assert_true(slot->describes);
	assert_int_equal(slot->agent_stack, launched_space.agent_stack);
	assert_true(memory->start_code < memory->end_code);
	assert_true(memory->start_code <= image->entry + bias &&
	            image->entry + bias < memory->end_code);
	assert_true(memory->start_data <= memory->end_data);
	assert_true(memory->start_code >= image->vaddr_lo + bias &&
	            memory->end_data <= image->vaddr_hi + bias);
	assert_int_equal(memory->start_brk, launched_space.brk);
	assert_int_equal(memory->brk, launched_space.brk);
	assert_int_equal(memory->start_stack, slot->launch.sp);
	assert_true(memory->start_stack < memory->arg_start);
	assert_true(memory->arg_start < memory->arg_end);
	assert_int_equal(memory->env_start, memory->arg_end);
	assert_true(memory->env_start < memory->env_end && memory->env_end < l->layout.stack_hi);
	assert_int_equal(memory->exe_fd, UINT32_MAX);
	assert_int_equal((uint64_t)memory->auxv, l->layout.state + offsetof(struct slot, aux));
	assert_true(memory->auxv_size <= sizeof(slot->aux));
	assert_int_equal(slot->aux[memory->auxv_size / sizeof(slot->aux[0]) - 2], AT_NULL);
}

static void check_slot(const struct launched *l)
{
	const struct layout *layout = &l->layout;
	const struct slot *slot = &l->slot;
	uint64_t mailbox =
		TP_MAILBOX_ADDR + TP_MAILBOX_HEADER_SIZE + LAUNCHED_INDEX * TP_MAILBOX_STRIDE;

	assert_int_equal(slot->magic, SLOT_MAGIC);
	assert_int_equal(slot->index, LAUNCHED_INDEX);
	assert_int_equal(slot->generation, LAUNCHED_GENERATION);
	assert_int_equal(slot->self, layout->self);
	assert_int_equal(slot->mailbox, mailbox);
	assert_int_equal(slot->mailbox_header, TP_MAILBOX_ADDR);
	assert_int_equal(slot->registry, TP_REGISTRY_ADDR);
	assert_int_equal(slot->lo, layout->lo);
	assert_int_equal(slot->hi, layout->hi);
	assert_int_equal(slot->brk_lo, layout->brk_lo);
	assert_int_equal(slot->brk_hi, layout->brk_hi);
	assert_int_equal(slot->brk_now, layout->brk_lo);
	assert_int_equal(slot->brk_mapped, layout->brk_lo);
	assert_int_equal(slot->brk_lock, 0);
	assert_int_equal(slot->entry, launched_space.entry);
	assert_int_equal(slot->filter, launched_space.filter);
	assert_int_equal(slot->range_count, 1);
	assert_int_equal(slot->ranges[0].lo, layout->mmap_lo);
	assert_int_equal(slot->ranges[0].hi, layout->mmap_hi);
	assert_int_equal(slot->ranges[0].cursor, layout->mmap_lo);
	assert_string_equal(slot->exe, l->program.path);
	assert_int_equal(slot->exe_length, strlen(l->program.path));
	assert_int_equal(slot->launch.server_pid, launched_space.server_pid);
	assert_int_equal(slot->launch.entry,
	                 l->interp ? layout->interp_bias + l->interp->image->entry
	                           : layout->program_bias + l->image->image->entry);
	plan_replay_check_prot(&l->replay, layout->state, layout->self + SLOT_PAGE,
	                       PROT_READ | PROT_WRITE);
}

static void check_self(const struct launched *l)
{
	assert_int_equal(l->self.magic, TP_SELF_MAGIC);
	assert_int_equal(l->self.abi_version, TP_ABI_VERSION);
	assert_int_equal(l->self.index, LAUNCHED_INDEX);
	assert_int_equal(l->self.generation, LAUNCHED_GENERATION);
	assert_int_equal(l->self.id, LAUNCHED_ID);
	assert_int_equal(l->self.mailbox, l->slot.mailbox);
	/* A forked child is no threadproc, but has the slot's state. */
	assert_int_equal(plan_replay_page(&l->replay, l->layout.self)->advice, MADV_WIPEONFORK);
	assert_int_equal(plan_replay_page(&l->replay, l->layout.state)->advice, 0);
}

void launch_check(const struct launched *l)
{
	check_pages(l);
	check_images(l);
	check_stack(l);
	launch_check_fds(l);
	check_slot(l);
	check_memory(l);
	check_self(l);
}
