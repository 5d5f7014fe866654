#include "lib/read/telescope.h"

#include <string.h>
#include <sys/mman.h>

/* What is shorter is taken for a number; 8 bytes of letters are no address of anything. */
#define TEXT_MIN 4

static bool read_word(const struct target *target, uint64_t addr, uint64_t *ret_word)
{
	struct err err;

	return target->mem && !mem_read(target->mem, addr, ret_word, sizeof(*ret_word), &err);
}

static bool is_text_byte(uint8_t c)
{
	return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of a well-formed character of UTF-8; 0 for none. */
static size_t character(const uint8_t *at, size_t len)
{
	size_t more = at[0] >= 0xf0 && at[0] < 0xf5   ? 3
	              : at[0] >= 0xe0 && at[0] < 0xf0 ? 2
	              : at[0] >= 0xc2 && at[0] < 0xe0 ? 1
	                                              : 0;

	if (is_text_byte(at[0]))
		return 1;
	if (!more || more >= len)
		return 0;
	for (size_t i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return more + 1;
}

static bool find_text(const struct target *target, uint64_t addr, struct telescope *t)
{
	uint8_t bytes[TELESCOPE_TEXT_MAX];
	size_t got = 0, len = 0, more;
	struct err err;

	if (mem_read_some(target->mem, addr, bytes, sizeof(bytes), &got, &err))
		return false;
	while (len < got && (more = character(bytes + len, got - len)))
		len += more;
	t->text_ends = len < got && !bytes[len];
	/* a character may be cut by the end of what is read */
	if (len < TEXT_MIN || !(t->text_ends || len + 4 > sizeof(bytes)))
		return false;
	memcpy(t->text, bytes, len);
	t->text_len = len;
	return true;
}

/* Whether value was there before; the address it began at counts. */
static bool is_loop(struct telescope *t, uint64_t addr, uint64_t value)
{
	if (value == addr) {
		t->loop = SIZE_MAX;
		return true;
	}
	for (size_t i = 0; i + 1 < t->count; i++) {
		if (t->hops[i] == value) {
			t->loop = i;
			return true;
		}
	}
	return false;
}

/* What to make of the last hop; true when it leads on, to *ret_next. */
static bool look(const struct target *target, struct telescope *t, uint64_t addr, struct mapping *m,
                 uint64_t *ret_next)
{
	uint64_t value = t->hops[t->count - 1];
	struct err err;

	t->end = TELESCOPE_VALUE;
	if (!target->maps || maps_find(target->maps, value, m, &err))
		return false;
	t->end = TELESCOPE_LOOP;
	if (is_loop(t, addr, value))
		return false;
	t->end = TELESCOPE_CODE;
	if (m->prot & PROT_EXEC)
		return false;
	t->end = TELESCOPE_UNREADABLE;
	if (!read_word(target, value, ret_next)) {
		/* at the end of what can be read there is still place for a text */
		if (find_text(target, value, t))
			t->end = TELESCOPE_TEXT;
		return false;
	}
	t->end = TELESCOPE_LIMIT;
	if (!maps_find(target->maps, *ret_next, m, &err) || !find_text(target, value, t))
		return true;
	t->end = TELESCOPE_TEXT;
	return false;
}

bool telescope_follow(const struct target *target, uint64_t addr, size_t hops_max,
                      struct telescope *ret_telescope)
{
	struct telescope *t = ret_telescope;
	struct mapping m;
	uint64_t next;

	memset(t, 0, sizeof(*t));
	if (!read_word(target, addr, &next))
		return false;
	do {
		t->hops[t->count++] = next;
	} while (look(target, t, addr, &m, &next) && t->count < hops_max &&
	         t->count < TELESCOPE_HOPS_MAX);
	return true;
}
