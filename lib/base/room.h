/*
 * room.h - lists that grow.
 */
#ifndef TPROC_BASE_ROOM_H
#define TPROC_BASE_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Room for one more in a malloc'd list: `list` is the address of the pointer to `count` elements of
 * `size` bytes, for `*room` of which there is memory (0: none yet).  False when memory is short;
 * the list is then as it was.
 */
static inline bool room_for_one(void *list, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room ? *room * 2 : 16;
	void *grown;

	if (count < *room)
		return true;
	grown = reallocarray(*(void **)list, wanted, size);
	if (!grown)
		return false;
	*(void **)list = grown;
	*room = wanted;
	return true;
}

#endif
