/*
 * A program's own part of /proc/self/maps (and smaps, whose further lines begin with a
 * capital letter): what other programs and the toolkit have mapped is left out, and its stack
 * and its break are called what the kernel calls a process's.
 */
#include "inspace.h"

#include <linux/fcntl.h>

/* Of a mapping's line: up to its name, and the name when it is one of the kernel's own. */
#define HEAD_SIZE 128
#define NAME_COLUMN 73
#define BUFFER_SIZE 1024

struct copy {
	const struct slot *slot;
	int to;
	bool keep;      /* the mapping that is being read */
	bool in_head;   /* its line so far is in head, and not decided on */
	unsigned count; /* of bytes in head */
	char head[HEAD_SIZE];
	unsigned filled;
	char out[BUFFER_SIZE];
};

static void flush(struct copy *c)
{
	sys3(__NR_write, c->to, c->out, c->filled);
	c->filled = 0;
}

static void put(struct copy *c, char byte)
{
	if (c->filled == sizeof(c->out))
		flush(c);
	c->out[c->filled++] = byte;
}

static void put_text(struct copy *c, const char *text)
{
	for (; *text; text++)
		put(c, *text);
}

/* The hexadecimal number at *at, which then is behind it. */
static uint64_t read_hex(const char **at)
{
	uint64_t value = 0;

	for (;; (*at)++) {
		char byte = **at;

		if (byte >= '0' && byte <= '9')
			value = value << 4 | (uint64_t)(byte - '0');
		else if (byte >= 'a' && byte <= 'f')
			value = value << 4 | (uint64_t)(byte - 'a' + 10);
		else
			return value;
	}
}

/* True when a position-dependent program that is not this one has the address. */
static bool is_fixed_of_others(const struct slot *slot, uint64_t addr)
{
	const struct tp_registry *registry = (const struct tp_registry *)slot->registry;
	const struct tp_fixed *fixed =
		(const struct tp_fixed *)(slot->registry + registry->fixed.off);

	for (uint32_t i = 0; i < TP_FIXED; i++)
		if (addr >= fixed[i].lo && addr < fixed[i].hi)
			return fixed[i].owner != slot->index;
	return false;
}

/* What nobody owns escaped, and it may have been this program's: it stays. */
static bool is_of_others(const struct slot *slot, uint64_t addr)
{
	const struct tp_registry *registry = (const struct tp_registry *)slot->registry;
	const struct tp_granule *granules =
		(const struct tp_granule *)(slot->registry + registry->granules.off);
	uint64_t granule = addr >> TP_GRANULE_SHIFT;

	if (addr >= TP_RESERVED_LO && addr < TP_RESERVED_HI)
		return true;
	if (granule < TP_FIRST_GRANULE)
		return is_fixed_of_others(slot, addr);
	return granule < TP_LAST_GRANULE && granules[granule].state != TP_GRANULE_FREE &&
	       granules[granule].owner != slot->index;
}

/* The name that a line ends with, "" when it has none. */
static const char *name_of(const struct copy *c)
{
	return c->count > NAME_COLUMN ? c->head + NAME_COLUMN : "";
}

/* A line that begins a mapping is complete, or as much of it as is needed. */
static void decide(struct copy *c)
{
	const struct slot *slot = c->slot;
	const char *at = c->head;
	const char *name = name_of(c);
	uint64_t lo = read_hex(&at);
	uint64_t hi;

	at++;
	hi = read_hex(&at);
	c->in_head = false;
	c->keep = !is_of_others(slot, lo) && !(slot->agent_stack >= lo && slot->agent_stack < hi);
	if (!c->keep)
		return;
	put_text(c, c->head);
	if (*name)
		return;
	if (slot->memory.start_stack >= lo && slot->memory.start_stack < hi)
		name = "[stack]";
	else if (lo >= slot->brk_lo && lo < slot->brk_hi && slot->brk_mapped > slot->brk_lo)
		name = "[heap]";
	if (!*name)
		return;
	for (unsigned column = c->count; column < NAME_COLUMN; column++)
		put(c, ' ');
	put_text(c, name);
}

static void take(struct copy *c, char byte, bool first)
{
	if (first && !(byte >= 'A' && byte <= 'Z')) {
		c->in_head = true;
		c->count = 0;
	}
	if (c->in_head && byte != '\n' && c->count < sizeof(c->head) - 1) {
		c->head[c->count++] = byte;
		return;
	}
	if (c->in_head) {
		c->head[c->count] = '\0';
		decide(c);
	}
	if (c->keep)
		put(c, byte);
}

void maps_copy(const struct slot *slot, const char *path, int to)
{
	struct copy c = {.slot = slot, .to = to};
	long from = sys3(__NR_open, path, O_RDONLY | O_CLOEXEC, 0);
	char in[BUFFER_SIZE];
	bool first = true;
	long n;

	if (sys_failed(from))
		return;
	while ((n = sys3(__NR_read, from, in, sizeof(in))) > 0) {
		for (long i = 0; i < n; i++) {
			take(&c, in[i], first);
			first = in[i] == '\n';
		}
	}
	flush(&c);
	sys1(__NR_close, from);
}
