/*
 * log.h - the server's log: stderr, which tprun points at the space's server.log.
 *
 * Only what somebody who looks for a fault wants to know; nothing in ordinary life.
 * Control characters are escaped: texts may come from clients and files.
 */
#ifndef TPROC_SERVER_LOG_H
#define TPROC_SERVER_LOG_H

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
