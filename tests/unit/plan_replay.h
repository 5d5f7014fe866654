/*
 * plan_replay.h - a plan carried out as the agent would, on a memory of pages in this process.
 *
 * What the kernel would refuse, or what would destroy something, fails the test: a mapping
 * upon another, a write to memory that is not there or may not be written.
 */
#ifndef TPROC_TESTS_PLAN_REPLAY_H
#define TPROC_TESTS_PLAN_REPLAY_H

#include "loader/server/plan_build.h"

#include <uthash.h>

#define PLAN_REPLAY_PAGE 4096u

struct plan_replay_page {
	uint64_t addr;
	int prot;
	int advice;     /* 0: none */
	uint8_t *bytes; /* NULL: zeros that nobody touched */
	UT_hash_handle hh;
};

struct plan_replay {
	struct plan_replay_page *pages;
	struct plan_op clone; /* the last op */
};

void plan_replay_init(struct plan_replay *replay, const struct plan *plan);
void plan_replay_deinit(struct plan_replay *replay);

/* The page that holds addr, or NULL. */
struct plan_replay_page *plan_replay_page(const struct plan_replay *replay, uint64_t addr);

/* Copies what lies at addr; all of it has to be mapped. */
void plan_replay_read(const struct plan_replay *replay, uint64_t addr, void *to, size_t len);

/* Fails the test unless every page of [lo, hi) is mapped with this protection. */
void plan_replay_check_prot(const struct plan_replay *replay, uint64_t lo, uint64_t hi, int prot);

#endif
