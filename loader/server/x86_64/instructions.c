/*
 * x86-64 instructions have no fixed length, so bytes before an address do not tell by
 * themselves where one begins.  But decoding from any start falls into step with the true
 * sequence after a few instructions: what several starts far enough back agree on is it.
 */
#include "loader/server/instructions.h"

#include <Zydis/Zydis.h>
#include <string.h>

#define BACK 320	/* how far before the site decoding begins */
#define STARTS 8	/* at so many consecutive bytes */
#define WINDOW 48	/* bytes before the site in which they have to agree */
#define OPCODE_SIZE 2	/* of cpuid, and of syscall */
#define JUMP_SIZE 5
#define MAX_SITE 48

/* The beginnings in text[base..base+WINDOW], one bit each. */
struct beginnings {
	size_t base;
	uint64_t bits;
};

static bool decode(const ZydisDecoder *decoder, const uint8_t *text, size_t size, size_t at,
		   ZydisDecodedInstruction *instruction)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder, NULL, text + at, size - at,
							  instruction));
}

static uint64_t sweep(const ZydisDecoder *decoder, const uint8_t *text, size_t size, size_t from,
		      size_t base)
{
	uint64_t bits = 0;

	while (from <= base + WINDOW && from < size) {
		ZydisDecodedInstruction instruction;

		if (from >= base)
			bits |= UINT64_C(1) << (from - base);
		/* What cannot be decoded is stepped over: padding, or not in step yet. */
		from += decode(decoder, text, size, from, &instruction) ? instruction.length : 1;
	}
	return bits;
}

/* False when the starts do not agree. */
static bool find_beginnings(const ZydisDecoder *decoder, const uint8_t *text, size_t size,
			    size_t at, struct beginnings *found)
{
	size_t from = at > BACK ? at - BACK : 0;

	found->base = at > WINDOW ? at - WINDOW : 0;
	for (size_t i = 0; i < STARTS; i++) {
		uint64_t bits;

		/* From the very first byte on there is nothing to doubt. */
		if (from == 0 && i)
			break;
		bits = sweep(decoder, text, size, from + i, found->base);
		if (i && bits != found->bits)
			return false;
		found->bits = bits;
	}
	return true;
}

static bool begins_at(const struct beginnings *found, size_t at)
{
	return at >= found->base && at - found->base <= WINDOW &&
	       (found->bits >> (at - found->base) & 1);
}

static void decoder_init(ZydisDecoder *decoder)
{
	ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

bool instructions_confirm(const uint8_t *text, size_t size, size_t at,
			  const struct tp_site *site)
{
	size_t opcode = at + site->pre;
	struct beginnings found;
	ZydisDecoder decoder;

	decoder_init(&decoder);
	return find_beginnings(&decoder, text, size, opcode, &found) && begins_at(&found, at) &&
	       begins_at(&found, opcode);
}

bool instructions_is_entered(const uint8_t *text, size_t size, size_t at, size_t len)
{
	ZydisDecoder decoder;

	decoder_init(&decoder);
	for (size_t i = patch_next_entry(text, size, at, len, 0); i < size;
	     i = patch_next_entry(text, size, at, len, i + 1)) {
		struct beginnings found;

		if (!find_beginnings(&decoder, text, size, i, &found) || begins_at(&found, i))
			return true;
	}
	return false;
}

/* True for an instruction that does the same at another address. */
static bool can_move(const ZydisDecoder *decoder, const uint8_t *text, size_t size, size_t at,
		     size_t *ret_length)
{
	ZydisDecodedInstruction instruction;

	if (!decode(decoder, text, size, at, &instruction) ||
	    (instruction.attributes & ZYDIS_ATTRIB_IS_RELATIVE))
		return false;
	*ret_length = instruction.length;
	switch (instruction.meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_UNCOND_BR:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSTEM:
		return false;
	default:
		return true;
	}
}

/* From the cpuid on, forwards, until a jump has room. */
static bool extend_forward(const ZydisDecoder *decoder, const uint8_t *text, size_t size,
			   size_t opcode, struct tp_site *site)
{
	size_t end = opcode + OPCODE_SIZE;

	while (end - opcode < JUMP_SIZE) {
		size_t length;

		if (end >= size || !can_move(decoder, text, size, end, &length))
			return false;
		end += length;
	}
	site->pre = 0;
	site->len = (uint8_t)(end - opcode);
	return site->len <= MAX_SITE;
}

/* Up to the cpuid, backwards over whole instructions. */
static bool extend_backward(const ZydisDecoder *decoder, const uint8_t *text, size_t size,
			    size_t opcode, const struct beginnings *found, struct tp_site *site)
{
	size_t at = opcode;

	while (opcode - at < JUMP_SIZE - OPCODE_SIZE) {
		size_t before = at;
		size_t length = 0;

		do {
			if (before <= found->base)
				return false;
			before--;
		} while (!begins_at(found, before));
		if (!can_move(decoder, text, size, before, &length) || before + length != at)
			return false;
		at = before;
	}
	site->pre = (uint8_t)(opcode - at);
	site->len = (uint8_t)(site->pre + OPCODE_SIZE);
	return site->len <= MAX_SITE;
}

/* True when the site overlaps no earlier one and nothing jumps into it. */
static bool is_free(const uint8_t *text, size_t size, size_t opcode, const struct tp_site *site,
		    size_t free_from)
{
	size_t at = opcode - site->pre;

	return at >= free_from && !instructions_is_entered(text, size, at, site->len);
}

size_t instructions_scan_cpuid(const uint8_t *text, size_t size, uint32_t off,
			       struct tp_site *sites, size_t max)
{
	ZydisDecoder decoder;
	size_t free_from = 0;
	size_t count = 0;

	decoder_init(&decoder);
	for (size_t opcode = patch_next_opcode(text, size, 0, 0xa2); opcode < size;
	     opcode = patch_next_opcode(text, size, opcode + OPCODE_SIZE, 0xa2)) {
		struct tp_site site = { .kind = PATCH_CPUID };
		struct beginnings found;
		size_t at;

		if (!find_beginnings(&decoder, text, size, opcode, &found) ||
		    !begins_at(&found, opcode))
			continue;
		if (!(extend_forward(&decoder, text, size, opcode, &site) &&
		      is_free(text, size, opcode, &site, free_from)) &&
		    !(extend_backward(&decoder, text, size, opcode, &found, &site) &&
		      is_free(text, size, opcode, &site, free_from)))
			continue;
		at = opcode - site.pre;
		site.off = off + (uint32_t)at;
		if (count < max)
			sites[count] = site;
		count++;
		free_from = at + site.len;
	}
	return count;
}
