/*
 * frames.h - which frame of which thread an address on a stack lies in.
 */
#ifndef TPROC_INSPECT_FRAMES_H
#define TPROC_INSPECT_FRAMES_H

#include "inspect/session.h"

#include "lib/read/identify.h"

struct frames;

/* Threads are stopped for a moment each when they are first needed, unless they are in a core. */
int frames_create(struct session *session, struct frames **ret_frames, struct err *err);
void frames_destroy(struct frames *frames);

/* Sets id->frame, to what belongs to frames, if that can be had. */
void frames_find(struct frames *frames, struct identity *id);

#endif
