#include "lib/types/location.h"

#include "lib/types/die.h"

#include <dwarf.h>

/* Expressions of members are a handful of operations. */
#define OPS_MAX 64
#define STACK_MAX 16

/* ---- Variables ----------------------------------------------------------- */

/* The operand of DW_OP_addr, or of an operation that leads to an address elsewhere. */
static bool address_operand(Dwarf_Attribute *attr, const Dwarf_Op *op, uint64_t *ret_addr)
{
	Dwarf_Attribute indirect;
	Dwarf_Addr addr;

	switch (op->atom) {
	case DW_OP_addr:
		*ret_addr = op->number;
		return true;
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index:
		if (dwarf_getlocation_attr(attr, op, &indirect) || dwarf_formaddr(&indirect, &addr))
			return false;
		*ret_addr = addr;
		return true;
	default:
		return false;
	}
}

static bool is_tls_base(const Dwarf_Op *op)
{
	return op->atom == DW_OP_form_tls_address || op->atom == DW_OP_GNU_push_tls_address;
}

static bool tls_operand(Dwarf_Attribute *attr, const Dwarf_Op *op, uint64_t *ret_offset)
{
	Dwarf_Attribute indirect;
	Dwarf_Word offset;

	switch (op->atom) {
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_constu:
	case DW_OP_addr:
		*ret_offset = op->number;
		return true;
	case DW_OP_constx:
	case DW_OP_GNU_const_index:
		if (dwarf_getlocation_attr(attr, op, &indirect) ||
		    dwarf_formudata(&indirect, &offset))
			return false;
		*ret_offset = offset;
		return true;
	default:
		return false;
	}
}

enum entry_place location_static(Dwarf_Die *variable, uint64_t *ret_addr)
{
	Dwarf_Attribute attr;
	Dwarf_Op *ops;
	size_t count;

	if (!dwarf_attr(variable, DW_AT_location, &attr))
		return dwarf_hasattr(variable, DW_AT_const_value) ? PLACED_CONST : PLACED_NOWHERE;
	/* a list of locations, by code address, is no fixed place */
	if (dwarf_whatform(&attr) != DW_FORM_exprloc && dwarf_whatform(&attr) != DW_FORM_block1)
		return PLACED_NOWHERE;
	if (dwarf_getlocation(&attr, &ops, &count))
		return PLACED_NOWHERE;
	if (count == 1 && address_operand(&attr, &ops[0], ret_addr))
		return PLACED_AT;
	if (count == 2 && is_tls_base(&ops[1]) && tls_operand(&attr, &ops[0], ret_addr))
		return PLACED_TLS;
	return PLACED_NOWHERE;
}

/* ---- Members ------------------------------------------------------------- */

struct machine {
	struct mem *mem;
	uint64_t stack[STACK_MAX];
	size_t depth;
};

static int unsound(struct err *err)
{
	return err_set(err, ERR_INVALID, "the place of a member is not understood");
}

static int push(struct machine *m, uint64_t value, struct err *err)
{
	if (m->depth == STACK_MAX)
		return unsound(err);
	m->stack[m->depth++] = value;
	return 0;
}

static int load(struct machine *m, struct err *err)
{
	uint64_t value;

	if (!m->mem)
		return err_set(err, ERR_NOT_FOUND, "the memory cannot be read");
	if (mem_read(m->mem, m->stack[m->depth - 1], &value, sizeof(value), err))
		return -1;
	m->stack[m->depth - 1] = value;
	return 0;
}

static int binary(struct machine *m, uint8_t op, struct err *err)
{
	uint64_t b, *a;

	if (m->depth < 2)
		return unsound(err);
	b = m->stack[--m->depth];
	a = &m->stack[m->depth - 1];
	*a = op == DW_OP_plus ? *a + b : op == DW_OP_minus ? *a - b : *a * b;
	return 0;
}

static int step(struct machine *m, const Dwarf_Op *op, struct err *err)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(m, op->atom - DW_OP_lit0, err);
	switch (op->atom) {
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_const4u:
	case DW_OP_const4s:
	case DW_OP_const8u:
	case DW_OP_const8s:
	case DW_OP_constu:
	case DW_OP_consts:
		return push(m, op->number, err);
	case DW_OP_plus:
	case DW_OP_minus:
	case DW_OP_mul:
		return binary(m, op->atom, err);
	}
	if (!m->depth)
		return unsound(err);
	switch (op->atom) {
	case DW_OP_dup:
		return push(m, m->stack[m->depth - 1], err);
	case DW_OP_plus_uconst:
		m->stack[m->depth - 1] += op->number;
		return 0;
	case DW_OP_deref:
		return load(m, err);
	default:
		return unsound(err);
	}
}

static int run(Dwarf_Attribute *attr, struct mem *mem, uint64_t addr, uint64_t *ret_addr,
               struct err *err)
{
	struct machine m = {.mem = mem, .stack = {addr}, .depth = 1};
	Dwarf_Op *ops;
	size_t count;

	if (dwarf_getlocation(attr, &ops, &count) || count > OPS_MAX)
		return unsound(err);
	for (size_t i = 0; i < count; i++) {
		if (step(&m, &ops[i], err))
			return -1;
	}
	if (!m.depth)
		return unsound(err);
	*ret_addr = m.stack[m.depth - 1];
	return 0;
}

int location_member(Dwarf_Die *member, struct mem *mem, uint64_t addr, uint64_t *ret_addr,
                    struct err *err)
{
	Dwarf_Attribute attr;
	uint64_t offset;

	if (!dwarf_attr(member, DW_AT_data_member_location, &attr)) {
		*ret_addr = addr; /* of a union */
		return 0;
	}
	if (die_unsigned(member, DW_AT_data_member_location, &offset)) {
		*ret_addr = addr + offset;
		return 0;
	}
	return run(&attr, mem, addr, ret_addr, err);
}
