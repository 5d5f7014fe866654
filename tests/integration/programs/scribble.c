/*
 * Writes nonsense into what in-space code shares with the server, and rings its bell each time:
 *
 *	scribble SEED ROUNDS
 */
#include "tproc/abi.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAILBOXES 40
#define WORDS 2000

static uint32_t nonsense(void)
{
	return rand() % 4 ? (uint32_t)rand() % 8 : (uint32_t)rand() << 1;
}

int main(int argc, char **argv)
{
	struct tp_mailbox_header *header = (struct tp_mailbox_header *)TP_MAILBOX_ADDR;
	uint8_t *boxes = (uint8_t *)header + TP_MAILBOX_HEADER_SIZE;

	if (argc < 3)
		return 2;
	srand((unsigned)atoi(argv[1]));
	for (int round = atoi(argv[2]); round > 0; round--) {
		for (int i = 0; i < WORDS; i++) {
			uint32_t value = nonsense();
			size_t at = (size_t)(rand() % MAILBOXES) * TP_MAILBOX_STRIDE +
				    (size_t)rand() % sizeof(struct tp_mailbox);

			memcpy(boxes + at, &value, sizeof(value));
		}
		header->fork_lock = nonsense();
		memset(header->pending, 0xff, sizeof(header->pending));
		__atomic_fetch_add(&header->doorbell, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &header->doorbell, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	puts("scribbled");
	return 0;
}
