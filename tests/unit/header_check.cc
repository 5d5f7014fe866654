/* Compiled as C89 and as C++98, strictly: programs of any age may include tproc.h. */
#include "tproc/tproc.h"

int main(void)
{
	struct tproc_info info;

	return tproc_self(&info) == TPROC_NOT_IN_SPACE ? 0 : 1;
}
