/*
 * In place of the cpuid instruction in start-up code (abi.h says why): the registry's
 * answer, or the processor's when it has none.
 */
#include "inspace.h"

#define LEAF_FEATURES 1

void cpuid_answer(uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);
void cpuid_answer_early(uint32_t leaf, uint32_t subleaf, uint32_t answer[4]);

static void ask_processor(uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(answer[0]), "=b"(answer[1]), "=c"(answer[2]), "=d"(answer[3])
			 : "a"(leaf), "c"(subleaf));
}

/* For the interpreter, which does not ask on which processor it is. */
void cpuid_answer_early(uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	const struct tp_registry *registry = (const struct tp_registry *)TP_REGISTRY_ADDR;
	const struct tp_cpuid *known =
		(const struct tp_cpuid *)(TP_REGISTRY_ADDR + registry->cpuid.off);

	for (uint32_t i = 0; i < registry->cpuid.count && known[i].leaf <= leaf; i++) {
		if (known[i].leaf != leaf ||
		    (known[i].subleaf != subleaf && known[i].subleaf != TP_CPUID_ANY))
			continue;
		answer[0] = known[i].eax;
		answer[1] = known[i].ebx;
		answer[2] = known[i].ecx;
		answer[3] = known[i].edx;
		return;
	}
	ask_processor(leaf, subleaf, answer);
}

/* For a whole program: leaf 1 holds the number of the processor besides its features. */
void cpuid_answer(uint32_t leaf, uint32_t subleaf, uint32_t answer[4])
{
	if (leaf == LEAF_FEATURES)
		ask_processor(leaf, subleaf, answer);
	else
		cpuid_answer_early(leaf, subleaf, answer);
}
