/*
 * Reads memory of another process the plain way: what one would do who looks for nothing.
 *
 *	bench-readv PID		each writable private mapping, by process_vm_readv, 1 MiB at a time
 *
 * Prints nanoseconds and bytes.  Only what is mapped by a program that has touched all of it can
 * be compared with what skips the rest.
 */
#include "tests/bench/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#define BLOCK (1u << 20)
/* What is larger was meant to be read; the rest is libraries. */
#define LEAST (64u << 20)

static char block[BLOCK];

static uint64_t read_all(pid_t pid, uint64_t lo, uint64_t hi)
{
	uint64_t bytes = 0;

	for (uint64_t at = lo; at < hi; at += BLOCK) {
		struct iovec local = {block, hi - at < BLOCK ? hi - at : BLOCK};
		struct iovec remote = {(void *)(uintptr_t)at, local.iov_len};
		ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

		if (got < 0)
			break;
		bytes += (uint64_t)got;
	}
	return bytes;
}

int main(int argc, char **argv)
{
	pid_t pid = argc == 2 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
	uint64_t bytes = 0, lo, hi;
	char path[64], line[512];
	uint64_t begin, spent = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		return 1;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " rw-p", &lo, &hi) != 2 || hi - lo < LEAST)
			continue;
		begin = now_ns();
		bytes += read_all(pid, lo, hi);
		spent += now_ns() - begin;
	}
	fclose(maps);
	printf("%" PRIu64 " %" PRIu64 "\n", spent, bytes);
	return 0;
}
