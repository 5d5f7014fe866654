#include "lib/read/disassemble.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* bfd.h wants to be told that somebody's autoconf was here. */
#define PACKAGE "tproc"
#include <dis-asm.h>

#if defined(__x86_64__)
#define ARCH bfd_arch_i386
#define MACH bfd_mach_x86_64
#else
#error "name the machine for libopcodes"
#endif

struct work {
	disassemble_info info;
	struct mem *mem;
	disassemble_address *name;
	void *context;
	char *text;
	size_t used;
	struct err *err;
};

static int append(struct work *w, const char *fmt, va_list args)
{
	int len = vsnprintf(w->text + w->used, DISASSEMBLE_TEXT_SIZE - w->used, fmt, args);

	if (len < 0)
		return 0;
	w->used += (size_t)len;
	if (w->used >= DISASSEMBLE_TEXT_SIZE)
		w->used = DISASSEMBLE_TEXT_SIZE - 1;
	return len;
}

__attribute__((format(printf, 2, 3))) static int print(void *stream, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = append(stream, fmt, args);
	va_end(args);
	return len;
}

__attribute__((format(printf, 3, 4))) static int
print_styled(void *stream, enum disassembler_style style, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = append(stream, fmt, args);
	va_end(args);
	return len;
}

static int read_memory(bfd_vma addr, bfd_byte *buf, unsigned len, disassemble_info *info)
{
	struct work *w = info->application_data;

	return mem_read(w->mem, addr, buf, len, w->err);
}

/* What was wrong is in w->err already, by read_memory. */
static void memory_error(int status, bfd_vma addr, disassemble_info *info)
{
}

static void print_address(bfd_vma addr, disassemble_info *info)
{
	struct work *w = info->application_data;
	char text[256];

	snprintf(text, sizeof(text), "0x%" PRIx64, (uint64_t)addr);
	if (w->name)
		w->name(w->context, addr, text, sizeof(text));
	print(w, "%s", text);
}

int disassemble(struct mem *mem, uint64_t addr, disassemble_address *name, void *context,
                char text[DISASSEMBLE_TEXT_SIZE], struct err *err)
{
	struct work w = {.mem = mem, .name = name, .context = context, .text = text, .err = err};
	disassembler_ftype decode = disassembler(ARCH, false, MACH, NULL);
	int len;

	if (!decode)
		return err_set(err, ERR_INVALID, "libopcodes does not know this machine");
	text[0] = '\0';
	init_disassemble_info(&w.info, &w, print, print_styled);
	w.info.application_data = &w;
	w.info.arch = ARCH;
	w.info.mach = MACH;
	w.info.endian = w.info.endian_code = BFD_ENDIAN_LITTLE;
	w.info.read_memory_func = read_memory;
	w.info.memory_error_func = memory_error;
	w.info.print_address_func = print_address;
	disassemble_init_for_target(&w.info);
	len = decode(addr, &w.info);
	disassemble_free_target(&w.info);
	return len > 0 ? len : -1;
}
