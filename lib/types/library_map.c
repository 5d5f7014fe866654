/*
 * Maps and sets of the C++ library: trees and hash tables.
 */
#include "lib/types/library_parts.h"

#include <stdio.h>
#include <string.h>

/* No sound tree is deeper: it has 2 * log2(n) levels at most. */
#define TREE_DEPTH_MAX 128

static bool is_map(const char *name)
{
	return strstr(name, "map");
}

/* A pair's halves, or the element itself. */
static bool add_stored(struct render *r, struct shown *shown, const struct value *stored, bool map)
{
	struct value first, second;

	if (!map)
		return library_add(r, shown, NULL, stored);
	if (library_member(r, stored, PATH("first"), &first) ||
	    library_member(r, stored, PATH("second"), &second)) {
		shown->is_cut = true;
		return false;
	}
	return library_add(r, shown, NULL, &first) && library_add(r, shown, NULL, &second);
}

/* ---- Trees --------------------------------------------------------------- */

struct tree {
	struct render *r;
	const struct type *base; /* of what all nodes begin with */
	const struct reg_threadproc *tp;
};

static int link_of(const struct tree *tree, uint64_t node, const char *which, uint64_t *ret_node)
{
	struct value at = value_at(tree->base, tree->tp, node);

	return library_integer(tree->r, &at, PATH(which), ret_node);
}

/* As far down as it goes on one side. */
static int descend(const struct tree *tree, uint64_t node, const char *which, uint64_t *ret_node)
{
	for (int i = 0; i < TREE_DEPTH_MAX; i++) {
		uint64_t below;

		if (link_of(tree, node, which, &below))
			return -1;
		if (!below) {
			*ret_node = node;
			return 0;
		}
		node = below;
	}
	return -1;
}

/* The node after this one in order, of which there has to be one. */
static int next_node(const struct tree *tree, uint64_t node, uint64_t *ret_node)
{
	uint64_t right, parent;

	if (link_of(tree, node, "_M_right", &right))
		return -1;
	if (right)
		return descend(tree, right, "_M_left", ret_node);
	for (int i = 0; i < TREE_DEPTH_MAX; i++) {
		if (link_of(tree, node, "_M_parent", &parent) || !parent ||
		    link_of(tree, parent, "_M_right", &right))
			return -1;
		if (right != node) {
			*ret_node = parent;
			return 0;
		}
		node = parent;
	}
	return -1;
}

int library_tree(struct render *r, const struct value *value, const struct type *type,
                 const char *name, struct shown *shown)
{
	struct tree tree = {.r = r, .tp = value->tp};
	const struct type *element, *node;
	struct value table, header;
	char element_name[TYPE_NAME_SIZE];
	uint64_t count, at;

	if (library_member(r, value, PATH("_M_t"), &table) ||
	    library_member(r, &table, PATH("_M_impl", "_M_header"), &header) ||
	    library_integer(r, &table, PATH("_M_impl", "_M_node_count"), &count) ||
	    library_integer(r, &header, PATH("_M_left"), &at))
		return -1;
	element = library_argument(type_strip(table.type), 1);
	if (!element)
		return -1;
	type_name(element, element_name, sizeof(element_name));
	node = library_nested(r, value, table.type, "_Link_type");
	if (!node)
		node = library_type(r, value, "std::_Rb_tree_node<%s>", element_name);
	if (!node)
		return -1;
	tree.base = header.type;
	library_head(r, shown, name, count);
	shown->kind = is_map(name) ? SHOWN_MAP : SHOWN_SEQUENCE;
	for (uint64_t i = 0; i < count && library_wants(r, shown, i); i++) {
		struct value stored;

		if (library_stored(r, value, node, element, at, &stored) ||
		    !add_stored(r, shown, &stored, is_map(name)) ||
		    (i + 1 < count && next_node(&tree, at, &at))) {
			shown->is_cut = true;
			break;
		}
	}
	return 0;
}

/* ---- Hash tables --------------------------------------------------------- */

static const struct type *hash_node(struct render *r, const struct value *value,
                                    const struct value *table, const struct type *element)
{
	const struct type *node = library_nested(r, value, table->type, "__node_type");
	char name[TYPE_NAME_SIZE];

	if (node)
		return node;
	type_name(element, name, sizeof(name));
	node = library_type(r, value, "std::__detail::_Hash_node<%s, true>", name);
	if (node)
		return node;
	return library_type(r, value, "std::__detail::_Hash_node<%s, false>", name);
}

int library_hash(struct render *r, const struct value *value, const struct type *type,
                 const char *name, struct shown *shown)
{
	const struct type *element, *node;
	struct value table, first;
	uint64_t count, at;

	if (library_member(r, value, PATH("_M_h"), &table) ||
	    library_member(r, &table, PATH("_M_before_begin"), &first) ||
	    library_integer(r, &table, PATH("_M_element_count"), &count) ||
	    library_integer(r, &first, PATH("_M_nxt"), &at))
		return -1;
	element = library_argument(type_strip(table.type), 1);
	node = element ? hash_node(r, value, &table, element) : NULL;
	if (!node)
		return -1;
	library_head(r, shown, name, count);
	shown->kind = is_map(name) ? SHOWN_MAP : SHOWN_SEQUENCE;
	for (uint64_t i = 0; i < count && at && library_wants(r, shown, i); i++) {
		struct value whole = value_at(node, value->tp, at), stored;

		if (library_stored(r, value, node, element, at, &stored) ||
		    !add_stored(r, shown, &stored, is_map(name)) ||
		    library_integer(r, &whole, PATH("_M_nxt"), &at)) {
			shown->is_cut = true;
			break;
		}
	}
	return 0;
}
