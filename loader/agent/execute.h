/* execute.h - see execute.c. */
#ifndef TPROC_AGENT_EXECUTE_H
#define TPROC_AGENT_EXECUTE_H

#include "loader/agent/slot.h"
#include "loader/agent/worker.h"

/*
 * Carries out the operations at the start of the plan memfd that the message is about, with the
 * descriptors that came in.  Fills in result, failed_op and pid.  When the worker is a spare and is
 * to become a program, that is *ret_become.
 */
void execute_plan(const struct worker *worker, const struct plan_run *run, struct plan_done *done,
                  struct slot **ret_become);

#endif
