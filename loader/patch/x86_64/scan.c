/*
 * Where system-call sites are in x86-64 text.
 *
 *	b8 NR NR NR NR  [moves]  0f 05		mov $NR,%eax; ...; syscall
 *	0f 05  48 3d xx xx xx xx		syscall; cmp $imm32,%rax
 *	0f 05  3d xx xx xx xx			syscall; cmp $imm32,%eax
 *
 * In the first form everything up to the syscall instruction moves to the stub, in
 * the others the comparison does, since a jump needs five bytes.  What looks like one
 * of these inside other instructions' operands is harmless in the second and third form
 * (the stub does the same in any case) and practically impossible in the first.
 */
#include "loader/patch/patch.h"

#define NR_OPEN 2
#define NR_STAT 4
#define NR_MMAP 9
#define NR_MUNMAP 11
#define NR_BRK 12
#define NR_RT_SIGACTION 13
#define NR_ACCESS 21
#define NR_MREMAP 25
#define NR_SHMAT 30
#define NR_CLONE 56
#define NR_FORK 57
#define NR_EXECVE 59
#define NR_EXIT 60
#define NR_READLINK 89
#define NR_GETPPID 110
#define NR_SIGALTSTACK 131
#define NR_PRCTL 157
#define NR_OPENAT 257
#define NR_NEWFSTATAT 262
#define NR_READLINKAT 267
#define NR_FACCESSAT 269
#define NR_SET_ROBUST_LIST 273
#define NR_SECCOMP 317
#define NR_EXECVEAT 322
#define NR_STATX 332
#define NR_FACCESSAT2 439

#define MOV_SIZE 5
#define SYSCALL_SIZE 2
#define JUMP_SIZE 5
/* How far before the syscall the mov may be. */
#define MAX_PRE 40
/* Jumps into a site are looked for this far around it; functions are smaller. */
#define NEAR 4096

bool patch_wants(uint32_t nr)
{
	switch (nr) {
	case NR_MMAP:
	case NR_MUNMAP:
	case NR_BRK:
	case NR_RT_SIGACTION:
	case NR_MREMAP:
	case NR_SHMAT:
	case NR_CLONE:
	case NR_FORK:
	case NR_EXECVE:
	case NR_READLINK:
	case NR_SIGALTSTACK:
	case NR_READLINKAT:
	case NR_SET_ROBUST_LIST:
	case NR_EXECVEAT:
	case NR_OPEN:
	case NR_OPENAT:
	case NR_STAT:
	case NR_NEWFSTATAT:
	case NR_STATX:
	case NR_ACCESS:
	case NR_FACCESSAT:
	case NR_FACCESSAT2:
	case NR_GETPPID:
	case NR_PRCTL:
	case NR_SECCOMP:
		return true;
	default:
		return false;
	}
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* True when text[at] may be the first byte of an instruction: no REX prefix is before it. */
static bool may_begin(const uint8_t *text, size_t at)
{
	return at == 0 || (text[at - 1] & 0xf0) != 0x40;
}

/* True when at text[at] a number that we want is loaded into eax. */
static bool wanted_mov(const uint8_t *text, size_t at)
{
	return text[at] == 0xb8 && patch_wants(get32(text + at + 1)) && may_begin(text, at);
}

/*
 * Length of the instruction at p when it only moves or clears registers and means the
 * same at another address; 0 otherwise.
 */
static unsigned movable(const uint8_t *p, const uint8_t *end)
{
	unsigned rex = 0;
	const uint8_t *op = p;

	if (op < end && (*op & 0xf0) == 0x40) {
		rex = *op;
		op++;
	}
	if (end - op < 2)
		return 0;
	/* mov r,r; mov r,r (the other direction); xor r,r; movslq r,r: register forms only */
	if ((op[0] == 0x89 || op[0] == 0x8b || op[0] == 0x31 || op[0] == 0x33 ||
	     (op[0] == 0x63 && (rex & 8))) && op[1] >= 0xc0)
		return (unsigned)(op + 2 - p);
	/* mov $imm32,%r32; eax itself holds the number */
	if (op[0] >= 0xb8 && op[0] <= 0xbf && !(rex & 8) && (op[0] != 0xb8 || (rex & 1)))
		return end - op >= 5 ? (unsigned)(op + 5 - p) : 0;
	return 0;
}

static bool all_movable(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		unsigned len = movable(p, end);

		if (!len)
			return false;
		p += len;
	}
	return true;
}

/* True when a relative jump at text[i] of that form leads into text[lo..hi). */
static bool leads_into(size_t next, int64_t rel, size_t lo, size_t hi)
{
	int64_t target = (int64_t)next + rel;

	return target >= (int64_t)lo && target < (int64_t)hi;
}

size_t patch_next_entry(const uint8_t *text, size_t size, size_t at, size_t len, size_t from)
{
	size_t lo = at + 1;
	size_t hi = at + len;
	size_t first = at > NEAR ? at - NEAR : 0;
	size_t to = size - at > NEAR ? at + NEAR : size;

	for (size_t i = from > first ? from : first; i + 2 <= to; i++) {
		uint8_t op = text[i];

		if (i >= at && i < hi)
			continue;
		if (((op & 0xf0) == 0x70 || op == 0xeb || (op & 0xfc) == 0xe0) &&
		    leads_into(i + 2, (int8_t)text[i + 1], lo, hi))
			return i;
		if (i + 5 <= to && (op == 0xe9 || op == 0xe8) &&
		    leads_into(i + 5, (int32_t)get32(text + i + 1), lo, hi))
			return i;
		if (i + 6 <= to && op == 0x0f && (text[i + 1] & 0xf0) == 0x80 &&
		    leads_into(i + 6, (int32_t)get32(text + i + 2), lo, hi))
			return i;
	}
	return size;
}

bool patch_is_entered(const uint8_t *text, size_t size, size_t at, size_t len)
{
	return patch_next_entry(text, size, at, len, 0) < size;
}

/*
 * A thread that unmaps its own stack and then exits (musl's __unmapself) has no stack to
 * call anything on: munmap followed by exit without a use of the result.
 */
static bool unmaps_itself(const uint8_t *text, size_t size, size_t sys, uint32_t nr)
{
	if (nr != NR_MUNMAP)
		return false;
	for (size_t i = sys + 2; i < sys + 12 && i + 7 <= size; i++)
		if (text[i] == 0xb8 && get32(text + i + 1) == NR_EXIT)
			return true;
	return false;
}

/*
 * clone(3), whose child runs on a stack of its own: it always shares memory, so the filter
 * would let it pass.  fork looks at the result by comparing it with an error.
 */
static bool makes_thread(const uint8_t *text, size_t size, size_t sys, uint32_t nr)
{
	return nr == NR_CLONE && sys + 5 <= size && text[sys + 2] == 0x48 &&
	       text[sys + 3] == 0x85 && text[sys + 4] == 0xc0; /* test %rax,%rax */
}

/* mov $NR,%eax; moves; syscall.  sys is where the syscall instruction is. */
static bool match_mov(const uint8_t *text, size_t size, size_t sys, struct tp_site *site)
{
	size_t most = sys < MAX_PRE ? sys : MAX_PRE;

	for (size_t back = MOV_SIZE; back <= most; back++) {
		const uint8_t *mov = text + sys - back;
		uint32_t nr;

		if (!wanted_mov(text, sys - back) ||
		    !all_movable(mov + MOV_SIZE, text + sys))
			continue;
		nr = get32(mov + 1);
		if (unmaps_itself(text, size, sys, nr) || makes_thread(text, size, sys, nr))
			return false;
		site->pre = (uint8_t)back;
		site->len = (uint8_t)(back + SYSCALL_SIZE);
		/* A thread or a vfork child returns from clone on another stack. */
		site->kind = nr == NR_CLONE ? PATCH_FILTERED : PATCH_DIRECT;
		return true;
	}
	return false;
}

/*
 * True when a number that we want is loaded shortly before.  The smallest may be anything: a lock,
 * for one, whose state is exchanged and then waited for.
 */
static bool wanted_before(const uint8_t *text, size_t sys)
{
	size_t most = sys < 64 ? sys : 64;

	for (size_t back = MOV_SIZE; back <= most; back++)
		if (wanted_mov(text, sys - back) && get32(text + sys - back + 1) > NR_STAT)
			return true;
	return false;
}

/* syscall; cmp.  In libc's syscall(3) the sixth argument is loaded just before. */
static bool match_cmp(const uint8_t *text, size_t size, size_t sys, struct tp_site *site)
{
	static const uint8_t load_r9[5] = { 0x4c, 0x8b, 0x4c, 0x24, 0x08 };
	size_t after = sys + SYSCALL_SIZE;
	bool general = sys >= sizeof(load_r9);
	unsigned cmp = 0;

	if (after + 6 <= size && text[after] == 0x48 && text[after + 1] == 0x3d)
		cmp = 6;
	else if (after + 5 <= size && text[after] == 0x3d)
		cmp = 5;
	if (!cmp)
		return false;
	for (size_t i = 0; general && i < sizeof(load_r9); i++)
		general = text[sys - sizeof(load_r9) + i] == load_r9[i];
	if (!general && !wanted_before(text, sys))
		return false;
	site->pre = 0;
	site->len = (uint8_t)(SYSCALL_SIZE + cmp);
	site->kind = PATCH_FILTERED;
	return true;
}

size_t patch_next_opcode(const uint8_t *text, size_t size, size_t i, uint8_t second)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t highs = UINT64_C(0x8080808080808080);

	while (i + 9 <= size) {
		uint64_t word;
		uint64_t hit;

		__builtin_memcpy(&word, text + i + 1, sizeof(word));
		word ^= ones * second;
		hit = (word - ones) & ~word & highs;
		if (!hit) {
			i += 8;
			continue;
		}
		i += (unsigned)__builtin_ctzll(hit) / 8;
		if (text[i] == 0x0f)
			return i;
		i++;
	}
	for (; i + 2 <= size; i++)
		if (text[i] == 0x0f && text[i + 1] == second)
			return i;
	return size;
}

size_t patch_scan(const uint8_t *text, size_t size, uint32_t off, patch_is_entered_fn *is_entered,
		  struct tp_site *sites, size_t max)
{
	size_t found = 0;
	size_t free_from = 0; /* end of the last site */

	for (size_t sys = patch_next_opcode(text, size, 0, 0x05); sys < size;
	     sys = patch_next_opcode(text, size, sys + SYSCALL_SIZE, 0x05)) {
		struct tp_site site;
		size_t at;

		if (!match_mov(text, size, sys, &site) && !match_cmp(text, size, sys, &site))
			continue;
		at = sys - site.pre;
		if (at < free_from || site.len < JUMP_SIZE || is_entered(text, size, at, site.len))
			continue;
		site.off = off + (uint32_t)at;
		if (found < max)
			sites[found] = site;
		found++;
		free_from = at + site.len;
	}
	return found;
}
