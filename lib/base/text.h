/*
 * text.h - bytes of unknown origin, made fit for a terminal and for JSON.
 *
 * Names, paths and symbols come from programs and files; written as they are they could
 * move the cursor, recolour the screen or hide what follows.
 */
#ifndef TPROC_BASE_TEXT_H
#define TPROC_BASE_TEXT_H

#include <stddef.h>

/* Bytes that len escaped bytes take at most, the NUL included. */
#define TEXT_ESCAPED_SIZE(len) ((len)*4 + 1)

/*
 * Writes src (len bytes) to dst (size bytes, always NUL-terminated when size > 0).
 * Printable ASCII and well-formed UTF-8 stay; a backslash is doubled; every byte of a
 * control character (C0, DEL, C1, line and paragraph separators, the ones that change the
 * direction of text) and of anything that is not UTF-8 becomes \xNN.  So the original can
 * be told from the result.  What does not fit is cut between characters and ends in "...".
 * Returns the length of the result.
 */
size_t text_escape(char *dst, size_t size, const char *src, size_t len);

/* The whole of a string, escaped; the caller frees it.  NULL when memory is short. */
char *text_escape_dup(const char *src);

/* The same in ASCII alone: every byte of any other character becomes \xNN, too. */
char *text_escape_ascii_dup(const char *src);

/* What is behind a path's last slash; the whole path when nothing is. */
const char *text_base_name(const char *path);

#endif
