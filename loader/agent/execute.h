/* execute.h - see execute.c. */
#ifndef TPROC_AGENT_EXECUTE_H
#define TPROC_AGENT_EXECUTE_H

#include "loader/agent/plan.h"

/*
 * Carries out op_count operations at the start of the plan memfd plan_fd; their data
 * begins at data_off.  fds are the plan's descriptors.  Fills in result, failed_op and pid.
 */
void execute_plan(int plan_fd, const struct plan_run *run, const int *fds, struct plan_done *done);

#endif
