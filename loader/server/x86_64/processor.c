#include "loader/server/processor.h"

#include <cpuid.h>

/*
 * Leaves that ld.so asks for, and how many subleaves of each, 0: it has none.  Left out because
 * they name the processor that runs: 0xb and 0x1f (topology), 0x8000001e.  So does leaf 1,
 * in one byte that interpreters do not look at: it is answered to them only.
 */
static const struct {
	uint32_t leaf;
	uint32_t subleaves;
} wanted[] = {
	{ 0x0, 0 },	   { 0x1, 0 },	      { 0x2, 0 },	 { 0x4, 8 },
	{ 0x7, 3 },
	{ 0xd, 64 },	   { 0x14, 2 },	      { 0x18, 1 },	 { 0x19, 0 },
	{ 0x80000000, 0 }, { 0x80000001, 0 }, { 0x80000005, 0 }, { 0x80000006, 0 },
	{ 0x80000007, 0 }, { 0x80000008, 0 }, { 0x8000001d, 8 },
};

void processor_describe(struct registry *registry)
{
	uint32_t count = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t leaf = wanted[i].leaf;

		/* Beyond the last leaf a processor answers with some other leaf. */
		if (leaf > __get_cpuid_max(leaf & 0x80000000, NULL))
			continue;
		for (uint32_t sub = 0; sub < wanted[i].subleaves + !wanted[i].subleaves; sub++) {
			struct tp_cpuid *entry = &registry->cpuids[count];

			if (count++ == TP_CPUIDS)
				return;
			entry->leaf = leaf;
			entry->subleaf = wanted[i].subleaves ? sub : TP_CPUID_ANY;
			__cpuid_count(leaf, sub, entry->eax, entry->ebx, entry->ecx, entry->edx);
		}
		registry->map->cpuid.count = count;
	}
}
