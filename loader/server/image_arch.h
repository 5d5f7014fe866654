/*
 * image_arch.h - what the ELF reader has to know of the machine.
 *
 * The only place to extend for another architecture.
 */
#ifndef TPROC_SERVER_IMAGE_ARCH_H
#define TPROC_SERVER_IMAGE_ARCH_H

#include <elf.h>
#include <stdint.h>

#if defined(__x86_64__)
#define ARCH_NAME "x86-64"
#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_ELF_CLASS ELFCLASS64
#define ARCH_ELF_DATA ELFDATA2LSB
#define ARCH_PAGE_SIZE UINT64_C(4096)
/* End of what user space may map with four-level page tables: TASK_SIZE of the kernel. */
#define ARCH_USER_END UINT64_C(0x7ffffffff000)
#else
#error "no ELF description of this architecture yet"
#endif

#endif
