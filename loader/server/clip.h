/*
 * clip.h - paths in messages.
 *
 * A message holds far less than a path may be long; of a path that is too long its end
 * is kept, which tells more than its beginning.
 */
#ifndef TPROC_SERVER_CLIP_H
#define TPROC_SERVER_CLIP_H

#include <stdio.h>
#include <string.h>

#define CLIP_SIZE 200

struct clip {
	char text[CLIP_SIZE];
};

/* The path, or "..." and its last CLIP_SIZE - 4 bytes; does not fail. */
static inline struct clip clip_path(const char *path)
{
	size_t length = strlen(path);
	struct clip clip;

	if (length < CLIP_SIZE)
		memcpy(clip.text, path, length + 1);
	else
		snprintf(clip.text, CLIP_SIZE, "...%s", path + length - (CLIP_SIZE - 4));
	return clip;
}

#endif
