/*
 * download.h - debug files that come from servers: shows how far they are, and Ctrl-C ends them.
 */
#ifndef TPROC_INSPECT_DOWNLOAD_H
#define TPROC_INSPECT_DOWNLOAD_H

#include "inspect/session.h"

/* For every download until session is NULL: one session at a time. */
void download_watch(struct session *session);

#endif
