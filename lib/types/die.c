#include "lib/types/die.h"

#include <dwarf.h>
#include <string.h>

/* How many references are followed to find an attribute. */
#define ORIGINS_MAX 16

bool die_child(Dwarf_Die *die, Dwarf_Die *ret_child)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) || (char *)child.addr <= (char *)die->addr)
		return false;
	*ret_child = child;
	return true;
}

bool die_next(Dwarf_Die *die, Dwarf_Die *ret_next)
{
	Dwarf_Die next;

	if (dwarf_siblingof(die, &next) || (char *)next.addr <= (char *)die->addr)
		return false;
	*ret_next = next;
	return true;
}

/* As dwarf_attr_integrate, which would follow a chain that never ends. */
static bool find_attribute(Dwarf_Die *die, unsigned int name, Dwarf_Attribute *ret_attr)
{
	Dwarf_Die at = *die;

	for (int i = 0; i < ORIGINS_MAX; i++) {
		Dwarf_Attribute link;

		if (dwarf_attr(&at, name, ret_attr))
			return true;
		if (!dwarf_attr(&at, DW_AT_abstract_origin, &link) &&
		    !dwarf_attr(&at, DW_AT_specification, &link))
			return false;
		if (!dwarf_formref_die(&link, &at))
			return false;
	}
	return false;
}

bool die_unsigned(Dwarf_Die *die, unsigned int name, uint64_t *ret_value)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (!find_attribute(die, name, &attr) || dwarf_formudata(&attr, &value))
		return false;
	*ret_value = value;
	return true;
}

bool die_signed(Dwarf_Die *die, unsigned int name, int64_t *ret_value)
{
	Dwarf_Attribute attr;
	Dwarf_Sword value;

	if (!find_attribute(die, name, &attr) || dwarf_formsdata(&attr, &value))
		return false;
	*ret_value = value;
	return true;
}

bool die_flag(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	bool value;

	return find_attribute(die, name, &attr) && !dwarf_formflag(&attr, &value) && value;
}

bool die_own_flag(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	bool value;

	return dwarf_attr(die, name, &attr) && !dwarf_formflag(&attr, &value) && value;
}

bool die_reference(Dwarf_Die *die, unsigned int name, Dwarf_Die *ret_die)
{
	Dwarf_Attribute attr;
	Dwarf_Die found;

	if (!find_attribute(die, name, &attr) || !dwarf_formref_die(&attr, &found))
		return false;
	*ret_die = found;
	return true;
}

const char *die_string(struct debug *debug, Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	const char *text;
	size_t room;

	if (!find_attribute(die, name, &attr))
		return NULL;
	text = dwarf_formstring(&attr);
	/* In other forms it lies in a section of strings, whose last byte libdw has checked. */
	if (!text || dwarf_whatform(&attr) != DW_FORM_string)
		return text;
	room = debug_bytes_from(debug, dwarf_cu_getdwarf(attr.cu), text);
	return memchr(text, '\0', room) ? text : NULL;
}

const char *die_name(struct debug *debug, Dwarf_Die *die)
{
	return die_string(debug, die, DW_AT_name);
}
