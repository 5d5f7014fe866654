/*
 * room.h - lists that grow.
 */
#ifndef TPROC_BASE_ROOM_H
#define TPROC_BASE_ROOM_H

#include <stddef.h>
#include <stdlib.h>

/*
 * The malloc'd list of `count` elements of `size` bytes with room for one more; `*room` is for how
 * many there is memory (0: none yet).  NULL when memory is short; the list is then as it was.
 */
static inline void *room_grow(void *list, size_t *room, size_t count, size_t size)
{
	size_t wanted = *room ? *room * 2 : 16;
	void *grown;

	if (count < *room)
		return list;
	grown = reallocarray(list, wanted, size);
	if (grown)
		*room = wanted;
	return grown;
}

/* The same for a list that is a variable: it is set, and true unless memory is short. */
#define ROOM_FOR_ONE(list, room, count)                                                            \
	({                                                                                         \
		typeof(list) grown_ = room_grow((list), &(room), (count), sizeof(*(list)));        \
                                                                                                   \
		(list) = grown_ ? grown_ : (list);                                                 \
		grown_ != NULL;                                                                    \
	})

#endif
