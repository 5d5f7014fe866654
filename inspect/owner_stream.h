/*
 * owner_stream.h - `owner -`: addresses from the input, one a line, one line of answer each.
 */
#ifndef TPROC_INSPECT_OWNER_STREAM_H
#define TPROC_INSPECT_OWNER_STREAM_H

#include "inspect/session.h"

/*
 * Answers until the end of session->input; when commands come from there too, until an empty
 * line.  Returns 0, 1 when something was not there or no address, or -1 with err.
 *
 * Text: address, id, name of the owner, place, and symbol+offset or what else there is to say,
 * separated by tabs; "-" where there is nothing.  JSON: an object a line.
 */
int owner_stream(struct session *session, struct err *err);

#endif
