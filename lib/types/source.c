#include "lib/types/source.h"

#include "lib/types/die.h"
#include "lib/types/units.h"

#include <dwarf.h>

/* ---- Files --------------------------------------------------------------- */

static const char *file_of(Dwarf_Die *unit, uint64_t number)
{
	Dwarf_Files *files;
	size_t count;

	if (dwarf_getsrcfiles(unit, &files, &count) || number >= count)
		return NULL;
	return dwarf_filesrc(files, number, NULL, NULL);
}

static bool place_of(Dwarf_Die *die, unsigned int file, unsigned int line,
                     struct source_place *ret_place)
{
	uint64_t file_number, line_number, column = 0;
	Dwarf_Die unit;
	const char *path;

	if (!die_unsigned(die, file, &file_number) || !die_unsigned(die, line, &line_number) ||
	    line_number > INT32_MAX || !dwarf_diecu(die, &unit, NULL, NULL))
		return false;
	path = file_of(&unit, file_number);
	if (!path)
		return false;
	if (line == DW_AT_call_line)
		die_unsigned(die, DW_AT_call_column, &column);
	*ret_place = (struct source_place){
		.file = path,
		.line = (unsigned int)line_number,
		.column = column <= INT32_MAX ? (unsigned int)column : 0,
	};
	return true;
}

bool source_declared(struct debug *debug, const struct index_entry *entry,
                     struct source_place *ret_place)
{
	Dwarf_Die die = entry->die;

	return place_of(&die, DW_AT_decl_file, DW_AT_decl_line, ret_place);
}

/* ---- Addresses ----------------------------------------------------------- */

static bool place_at(Dwarf_Die *unit, uint64_t vaddr, struct source_place *ret_place)
{
	Dwarf_Line *line = dwarf_getsrc_die(unit, vaddr);
	int number, column = 0;
	const char *file;

	if (!line || dwarf_lineno(line, &number) || number <= 0)
		return false;
	file = dwarf_linesrc(line, NULL, NULL);
	if (!file)
		return false;
	dwarf_linecol(line, &column);
	*ret_place = (struct source_place){
		.file = file,
		.line = (unsigned int)number,
		.column = column > 0 ? (unsigned int)column : 0,
	};
	return true;
}

static bool covers(Dwarf_Die *die, uint64_t vaddr)
{
	return dwarf_haspc(die, vaddr) > 0;
}

static bool is_function(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

static bool may_hold(int tag)
{
	return is_function(tag) || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block ||
	       tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
}

/* Namespaces and classes have no addresses: what is in them may. */
static bool has_code(int tag)
{
	return tag != DW_TAG_namespace && tag != DW_TAG_structure_type && tag != DW_TAG_class_type;
}

struct chain {
	Dwarf_Die functions[SOURCE_FRAMES_MAX]; /* the outermost first */
	size_t count;
};

/* Goes down to the innermost function that covers the address. */
static void find_functions(Dwarf_Die *unit, uint64_t vaddr, struct chain *chain)
{
	Dwarf_Die levels[DIE_DEPTH_MAX];
	size_t depth = 0;
	bool more = die_child(unit, &levels[0]);

	while (more) {
		Dwarf_Die *die = &levels[depth];
		int tag = dwarf_tag(die);
		bool covered = may_hold(tag) && has_code(tag) && covers(die, vaddr);

		if (covered && is_function(tag) && chain->count < SOURCE_FRAMES_MAX)
			chain->functions[chain->count++] = *die;
		/* once code covers it, nothing beside that does */
		if (may_hold(tag) && (covered || !has_code(tag)) && depth + 1 < DIE_DEPTH_MAX &&
		    die_child(die, &levels[depth + 1])) {
			depth++;
			continue;
		}
		if (covered)
			return;
		while (!(more = die_next(&levels[depth], &levels[depth])) && depth && !chain->count)
			depth--;
		if (chain->count && !more)
			return;
	}
}

/*
 * The compiler may have left a table of the addresses of units, which is read in no time; else the
 * head of each unit has to be looked at once.
 */
static bool find_unit(struct debug *debug, uint64_t vaddr, Dwarf_Die *ret_unit)
{
	struct debug_units *units;
	struct err err;

	if (dwarf_addrdie(debug_dwarf(debug), vaddr, ret_unit))
		return true;
	return !debug_get_units(debug, &units, &err) && debug_units_at(units, vaddr, ret_unit);
}

size_t source_at(struct debug *debug, uint64_t vaddr, struct source_frame frames[SOURCE_FRAMES_MAX])
{
	struct chain chain = {.count = 0};
	struct source_place place;
	Dwarf_Die unit, split;
	size_t count = 0;

	if (!find_unit(debug, vaddr, &unit))
		return 0;
	if (!place_at(&unit, vaddr, &place))
		place = (struct source_place){0};
	/* of a skeleton, the functions are elsewhere */
	if (!dwarf_cu_info(unit.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) && split.addr)
		find_functions(&split, vaddr, &chain);
	else
		find_functions(&unit, vaddr, &chain);
	for (size_t i = chain.count; i > 0; i--) {
		Dwarf_Die *die = &chain.functions[i - 1];
		struct source_frame *frame = &frames[count++];

		frame->function = die_name(debug, die);
		frame->is_inlined = dwarf_tag(die) == DW_TAG_inlined_subroutine;
		frame->place = place;
		/* the one around it is where this one was called */
		if (!frame->is_inlined || !place_of(die, DW_AT_call_file, DW_AT_call_line, &place))
			place = (struct source_place){0};
	}
	if (!count && place.file) {
		frames[0] = (struct source_frame){.place = place};
		count = 1;
	}
	return count;
}
