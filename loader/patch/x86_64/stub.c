/*
 * Stubs for x86-64.  A site's jump leads to
 *
 *	<what stood before the syscall instruction>
 *	lea  -128(%rsp),%rsp		step over the red zone
 *	mov  head.slot(%rip),%r11
 *	call *head.entry(%rip)		rax in and out; clobbers rcx and r11, as syscall does
 *	lea  128(%rsp),%rsp
 *	<what stood after it>
 *	jmp  back
 *
 * A filtered one calls head.filter first, which leaves everything but rcx as it was and
 * sets the carry flag when the call is ours; otherwise the system call is made right in
 * the stub, with the program's own stack pointer, so that even a clone onto another stack
 * comes back as it should.
 */
#include "loader/patch/patch.h"

#define SYSCALL_SIZE 2 /* and of cpuid */
#define JUMP_SIZE 5
/* Bytes of a site: with a filtered stub around them they fit PATCH_STUB_MAX. */
#define MAX_SITE 48

/* Where the next byte goes, and the address that it will run at. */
struct emitter {
	uint8_t *p;
	uint64_t at;
	uint64_t head; /* address of the struct patch_stub_head */
};

static void emit(struct emitter *e, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		e->p[i] = bytes[i];
	e->p += n;
	e->at += n;
}

#define EMIT(e, ...) emit(e, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void emit32(struct emitter *e, uint32_t v)
{
	EMIT(e, v & 0xff, (v >> 8) & 0xff, (v >> 16) & 0xff, v >> 24);
}

static void emit64(struct emitter *e, uint64_t v)
{
	emit32(e, (uint32_t)v);
	emit32(e, (uint32_t)(v >> 32));
}

/* A displacement relative to the end of the four bytes. */
static void emit_rel32(struct emitter *e, uint64_t target)
{
	emit32(e, (uint32_t)(target - (e->at + 4)));
}

static void emit_step_down(struct emitter *e)
{
	EMIT(e, 0x48, 0x8d, 0x64, 0x24, 0x80); /* lea -128(%rsp),%rsp */
}

static void emit_step_up(struct emitter *e)
{
	EMIT(e, 0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0); /* lea 128(%rsp),%rsp */
}

static void emit_load_slot(struct emitter *e)
{
	EMIT(e, 0x4c, 0x8b, 0x1d); /* mov slot(%rip),%r11 */
	emit_rel32(e, e->head + offsetof(struct patch_stub_head, slot));
}

static void emit_call(struct emitter *e, size_t field)
{
	EMIT(e, 0xff, 0x15); /* call *field(%rip) */
	emit_rel32(e, e->head + field);
}

static void emit_jump_to_field(struct emitter *e, size_t field)
{
	EMIT(e, 0xff, 0x25); /* jmp *field(%rip) */
	emit_rel32(e, e->head + field);
}

static void emit_handled(struct emitter *e)
{
	emit_step_down(e);
	emit_load_slot(e);
	emit_call(e, offsetof(struct patch_stub_head, entry));
	emit_step_up(e);
}

static void emit_cpuid(struct emitter *e)
{
	emit_step_down(e);
	emit_call(e, offsetof(struct patch_stub_head, cpuid));
	emit_step_up(e);
}

static void emit_filtered(struct emitter *e)
{
	const unsigned own_syscall = SYSCALL_SIZE + 2; /* with the jump over what follows */
	uint8_t *skip;
	uint8_t *from;

	emit_step_down(e);
	emit_load_slot(e);
	emit_call(e, offsetof(struct patch_stub_head, filter));
	emit_step_up(e);
	EMIT(e, 0x72, own_syscall); /* jc: it is ours */
	EMIT(e, 0x0f, 0x05);
	EMIT(e, 0xeb, 0); /* jmp past it */
	skip = e->p - 1;
	from = e->p;
	emit_handled(e);
	*skip = (uint8_t)(e->p - from);
}

void patch_stubs_init(struct patch_stubs *stubs, uint8_t *here, uint64_t at, uint32_t size,
		      const struct patch_stub_head *head)
{
	__builtin_memcpy(here, head, sizeof(*head));
	stubs->here = here;
	stubs->at = at;
	stubs->size = size;
	stubs->used = sizeof(*head);
}

uint32_t patch_stubs_size(uint32_t site_count)
{
	return (uint32_t)sizeof(struct patch_stub_head) + (site_count + 1) * PATCH_STUB_MAX;
}

/* A jump with 32-bit displacement reaches 2 GiB; leave a page to spare. */
static bool is_near(uint64_t a, uint64_t b)
{
	uint64_t d = a > b ? a - b : b - a;

	return d < UINT64_C(0x7ffff000);
}

static bool stubs_begin(const struct patch_stubs *stubs, uint64_t site, struct emitter *e)
{
	if (stubs->size - stubs->used < PATCH_STUB_MAX || !is_near(stubs->at, site) ||
	    !is_near(stubs->at + stubs->size, site))
		return false;
	e->p = stubs->here + stubs->used;
	e->at = stubs->at + stubs->used;
	e->head = stubs->at;
	return true;
}

/* Between stubs there is int3: what the memory held before is nobody's business. */
static void stubs_end(struct patch_stubs *stubs, struct emitter *e)
{
	while ((size_t)(e->p - stubs->here) % 16)
		EMIT(e, 0xcc);
	stubs->used = (uint32_t)(e->p - stubs->here);
}

/* The jump to `stub`, and no-ops up to len. */
static void write_jump(uint8_t *patched, uint64_t at, uint64_t stub, uint32_t len)
{
	struct emitter e = { .p = patched, .at = at };

	EMIT(&e, 0xe9);
	emit_rel32(&e, stub);
	for (uint32_t i = JUMP_SIZE; i < len; i++)
		EMIT(&e, 0x90);
}

/* Whether the bytes are those of a site: what was published may be of another file. */
static bool is_site(const struct tp_site *site, const uint8_t *text)
{
	uint8_t second = site->kind == PATCH_CPUID ? 0xa2 : 0x05;

	if (site->len < JUMP_SIZE || site->pre + SYSCALL_SIZE > site->len || site->len > MAX_SITE)
		return false;
	if (text[site->pre] != 0x0f || text[site->pre + 1] != second)
		return false;
	return site->kind == PATCH_CPUID || !site->pre || text[0] == 0xb8;
}

bool patch_site(struct patch_stubs *stubs, const struct tp_site *site, const uint8_t *text,
		uint64_t at, uint8_t *patched)
{
	const uint8_t *post = text + site->pre + SYSCALL_SIZE;
	struct emitter e;
	uint64_t stub;

	if (!is_site(site, text) || !stubs_begin(stubs, at, &e))
		return false;
	stub = e.at;
	emit(&e, text, site->pre);
	if (site->kind == PATCH_CPUID)
		emit_cpuid(&e);
	else if (site->kind == PATCH_DIRECT)
		emit_handled(&e);
	else
		emit_filtered(&e);
	emit(&e, post, (size_t)(text + site->len - post));
	EMIT(&e, 0xe9);
	emit_rel32(&e, at + site->len);
	stubs_end(stubs, &e);
	write_jump(patched, at, stub, site->len);
	return true;
}

/*
 * Whether the n bytes between a function's return and the next function are no-ops or int3;
 * n is at most 4, and some more bytes can be read.
 */
static bool is_padding(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (p[i] == 0x90 || p[i] == 0xcc || p[i] == 0x66 || p[i] == 0x2e) {
			i++;
			continue;
		}
		if (p[i] != 0x0f || p[i + 1] != 0x1f)
			return false;
		/* nopl (%rax) has three bytes, with any other operand it reaches n */
		if (p[i + 2] != 0x00)
			return true;
		i += 3;
	}
	return true;
}

bool patch_module_hook(struct patch_stubs *stubs, const uint8_t text[PATCH_HOOK_BYTES],
		       uint64_t at, uint8_t patched[PATCH_HOOK_BYTES], uint32_t *ret_len)
{
	static const uint8_t endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
	struct emitter e;
	uint64_t stub;
	size_t ret = 0;

	for (size_t i = 0; i < sizeof(endbr64) && text[i] == endbr64[i]; i++)
		ret = i + 1;
	if (ret != sizeof(endbr64))
		ret = 0;
	if (text[ret] != 0xc3)
		return false;
	if (ret == 0 && !is_padding(text + 1, JUMP_SIZE - 1))
		return false;
	if (!stubs_begin(stubs, at, &e))
		return false;
	stub = e.at;
	emit_load_slot(&e);
	emit_jump_to_field(&e, offsetof(struct patch_stub_head, module_hook));
	stubs_end(stubs, &e);
	write_jump(patched, at, stub, JUMP_SIZE);
	*ret_len = JUMP_SIZE;
	return true;
}

uint64_t patch_signal_stub(struct patch_stubs *stubs, uint64_t slot, uint32_t index,
			   uint64_t handler)
{
	struct emitter e;
	uint64_t stub;

	if (!stubs_begin(stubs, stubs->at, &e))
		return 0;
	stub = e.at;
	EMIT(&e, 0x48, 0xb9); /* mov $slot,%rcx */
	emit64(&e, slot);
	EMIT(&e, 0x41, 0xb8); /* mov $index,%r8d */
	emit32(&e, index);
	EMIT(&e, 0x48, 0xb8); /* mov $handler,%rax */
	emit64(&e, handler);
	EMIT(&e, 0xff, 0xe0); /* jmp *%rax */
	stubs_end(stubs, &e);
	return stub;
}
