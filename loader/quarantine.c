#include "loader/quarantine.h"

#include "lib/base/size.h"
#include "tproc/abi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALL (TP_LAST_GRANULE - TP_FIRST_GRANULE)
#define GIB_SHIFT (TP_GRANULE_SHIFT - 30)

int quarantine_parse(const char *text, uint32_t *ret_granules, struct err *err)
{
	uint64_t bytes;

	if (!strcmp(text, "forever")) {
		*ret_granules = QUARANTINE_FOREVER;
		return 0;
	}
	if (!size_parse(text, &bytes))
		return err_set(err, ERR_USAGE,
		               "--quarantine is a size such as 64G or 2T, or \"forever\"");
	if (bytes > (uint64_t)ALL << TP_GRANULE_SHIFT)
		return err_set(err, ERR_USAGE, "--quarantine: a space has no more than %uG",
		               ALL << GIB_SHIFT);
	*ret_granules = (uint32_t)((bytes + TP_GRANULE_SIZE - 1) >> TP_GRANULE_SHIFT);
	return 0;
}

void quarantine_text(uint32_t granules, char ret_text[QUARANTINE_TEXT])
{
	if (granules == QUARANTINE_FOREVER)
		strcpy(ret_text, "forever");
	else if (!granules)
		strcpy(ret_text, "0");
	else
		snprintf(ret_text, QUARANTINE_TEXT, "%" PRIu64 "G",
		         (uint64_t)granules << GIB_SHIFT);
}
