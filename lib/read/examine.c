#include "lib/read/examine.h"

#include "lib/read/quote.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- The format --------------------------------------------------------------- */

static bool is_size(char c)
{
	return c == 'b' || c == 'h' || c == 'w' || c == 'g';
}

static int wrong(const char *text, const char *why, struct err *err)
{
	return err_set(err, ERR_USAGE, "/%s: %s (a count, one of xduotacfsiz, and one of bhwg)",
	               text, why);
}

static int parse_count(const char **at, const char *text, int64_t *ret_count, struct err *err)
{
	int64_t sign = **at == '-' ? -1 : 1;
	int64_t count = 0;

	if (sign < 0)
		++*at;
	*ret_count = sign;
	if (**at < '0' || **at > '9')
		return 0;
	for (; **at >= '0' && **at <= '9'; ++*at) {
		count = count * 10 + (**at - '0');
		if (count > EXAMINE_COUNT_MAX)
			return wrong(text, "that many are too many", err);
	}
	*ret_count = sign * count;
	return 0;
}

/* Which size goes with a format when only that was said. */
static char size_for(char letter, char last_size)
{
	switch (letter) {
	case 'a':
		return 'g';
	case 'f':
		return last_size == 'w' ? 'w' : 'g';
	case 'c':
		return 'b';
	case 's':
		return '\0';
	default:
		return last_size;
	}
}

int examine_parse(const char *text, const struct examine_format *last,
                  struct examine_format *ret_format, struct err *err)
{
	struct examine_format format = {0};
	const char *at = text;
	bool has_size = false;

	if (parse_count(&at, text, &format.count, err))
		return -1;
	for (; *at; at++) {
		if (is_size(*at)) {
			format.size = *at;
			has_size = true;
		} else if (strchr("xduotacfsiz", *at)) {
			format.letter = *at;
		} else {
			return wrong(text, "a letter is not known", err);
		}
	}
	if (!format.letter && !has_size) {
		format.letter = last->letter;
		format.size = last->size;
	} else if (!format.letter) {
		/* any size goes with any format, but not with that of instructions */
		format.letter = last->letter == 'i' ? 'x' : last->letter;
	} else if (!has_size) {
		format.size = size_for(format.letter, last->size);
	}
	/* GDB shows strings of what is no size of a character as strings of bytes */
	if (format.letter == 's' && format.size == 'g')
		format.size = 'b';
	*ret_format = format;
	return 0;
}

struct examine_format examine_last(const struct examine_format *format)
{
	struct examine_format last = *format;

	if (last.letter == 's')
		last.size = 'b';
	return last;
}

unsigned examine_size(const struct examine_format *format)
{
	if (format->letter == 'i')
		return 1;
	switch (format->size) {
	case 'h':
		return 2;
	case 'w':
		return 4;
	case 'g':
		return 8;
	default:
		return 1;
	}
}

unsigned examine_per_line(const struct examine_format *format)
{
	if (format->letter == 's' || format->letter == 'i')
		return 1;
	switch (format->size) {
	case 'g':
		return 2;
	case 'w':
		return 4;
	default:
		return 8;
	}
}

/* ---- Numbers ------------------------------------------------------------------- */

static uint64_t load_unsigned(const void *bytes, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size); /* little endian */
	return value;
}

static int64_t load_signed(const void *bytes, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (int64_t)(load_unsigned(bytes, size) << shift) >> shift;
}

static void put_binary(FILE *out, uint64_t value, unsigned size)
{
	for (unsigned bit = size * 8; bit-- > 0;)
		fputc(value >> bit & 1 ? '1' : '0', out);
}

/* GDB has the fraction in words of 32 bits, the first without leading zeros. */
static void put_nan(FILE *out, uint64_t bits, unsigned fraction)
{
	uint64_t mantissa = bits & ((UINT64_C(1) << fraction) - 1);
	bool negative = bits >> (fraction == 52 ? 63 : 31) & 1;

	fprintf(out, "%snan(0x", negative ? "-" : "");
	if (fraction == 52)
		fprintf(out, "%" PRIx64 "%08" PRIx64, mantissa >> 32, mantissa & UINT32_MAX);
	else
		fprintf(out, "%" PRIx64, mantissa);
	fputc(')', out);
}

static void put_double(FILE *out, const void *bytes)
{
	double value;

	memcpy(&value, bytes, sizeof(value));
	if (isnan(value))
		put_nan(out, load_unsigned(bytes, 8), 52);
	else
		fprintf(out, "%.17g", value);
}

static void put_float(FILE *out, const void *bytes)
{
	float value;

	memcpy(&value, bytes, sizeof(value));
	if (isnan(value))
		put_nan(out, load_unsigned(bytes, 4), 23);
	else
		fprintf(out, "%.9g", (double)value);
}

static void put_octal(FILE *out, uint64_t value)
{
	fprintf(out, value ? "0%" PRIo64 : "%" PRIo64, value);
}

void examine_scalar(FILE *out, const struct examine_format *format, const void *bytes)
{
	unsigned size = examine_size(format);
	uint64_t value = load_unsigned(bytes, size);

	switch (format->letter) {
	case 'u':
		fprintf(out, "%" PRIu64, value);
		break;
	case 'o':
		put_octal(out, value);
		break;
	case 't':
		put_binary(out, value, size);
		break;
	case 'c':
		fprintf(out, "%d ", (int)(int8_t)value);
		quote_char(out, (uint8_t)value);
		break;
	case 'f':
		if (size == 8)
			put_double(out, bytes);
		else if (size == 4)
			put_float(out, bytes);
		else
			fprintf(out, "%" PRId64, load_signed(bytes, size));
		break;
	case 'd':
		fprintf(out, "%" PRId64, load_signed(bytes, size));
		break;
	default:
		fprintf(out, "0x%0*" PRIx64, (int)size * 2, value);
		break;
	}
}

uint64_t examine_address(const struct examine_format *format, const void *bytes)
{
	return (uint64_t)load_signed(bytes, examine_size(format));
}

/* ---- Strings -------------------------------------------------------------------- */

static bool is_nul(const uint8_t *bytes, unsigned width)
{
	return !load_unsigned(bytes, width);
}

/* Characters up to the first NUL, which counts; all of them when there is none. */
static size_t string_length(const uint8_t *bytes, size_t count, unsigned width)
{
	for (size_t i = 0; i < count; i++) {
		if (is_nul(bytes + i * width, width))
			return i + 1;
	}
	return count;
}

size_t examine_string(FILE *out, struct mem *mem, uint64_t addr, unsigned width)
{
	uint8_t bytes[EXAMINE_STRING_MAX * 4 + 4];
	size_t got = 0, has, count;
	bool ended, more;
	struct err err;

	/* one more, to see whether it ends there */
	if (mem_read_some(mem, addr, bytes, (EXAMINE_STRING_MAX + 1) * (size_t)width, &got, &err))
		got = 0;
	has = got / width;
	count = string_length(bytes, has < EXAMINE_STRING_MAX ? has : EXAMINE_STRING_MAX, width);
	ended = count && is_nul(bytes + (count - 1) * width, width);
	more = !ended && has > EXAMINE_STRING_MAX &&
	       !is_nul(bytes + EXAMINE_STRING_MAX * (size_t)width, width);
	if (count)
		quote_string(out, bytes, count, width, more);
	if (!ended && count < EXAMINE_STRING_MAX)
		fprintf(out, "<error: Cannot access memory at address 0x%" PRIx64 ">",
		        addr + count * width);
	return count;
}

/* A walk backwards through memory, a character at a time, read in blocks. */
struct backwards {
	struct mem *mem;
	unsigned width;
	uint8_t block[256];
	uint64_t lo; /* what the block has: lo up to at */
	uint64_t at;
};

/* The character below at; false when it cannot be read. */
static bool step_back(struct backwards *b, bool *ret_nul)
{
	size_t want = sizeof(b->block);
	struct err err;

	if (b->at == b->lo) {
		if (b->at < want)
			want = (size_t)b->at / b->width * b->width;
		/* a block may lie partly below what can be read */
		while (want >= b->width && mem_read(b->mem, b->at - want, b->block, want, &err))
			want = want / 2 / b->width * b->width;
		if (want < b->width)
			return false;
		b->lo = b->at - want;
	}
	b->at -= b->width;
	*ret_nul = is_nul(b->block + (b->at - b->lo), b->width);
	return true;
}

uint64_t examine_strings_before(struct mem *mem, uint64_t addr, size_t count, unsigned width,
                                size_t *ret_count)
{
	struct backwards b = {.mem = mem, .width = width, .lo = addr, .at = addr};
	uint64_t start = addr;
	size_t length = 0, found = 0;
	bool nul;

	while (found < count) {
		if (!step_back(&b, &nul)) {
			/* the rest of one whose beginning cannot be read */
			start -= length * width;
			break;
		}
		if (!nul && length != EXAMINE_STRING_MAX) {
			length++;
			continue;
		}
		start = b.at + width;
		length = 1; /* as GDB counts: what ended it is in the next */
		found++;
	}
	*ret_count = found;
	return start;
}
