/*
 * The notes of a core, in the kernel's order: what debuggers look for, and what core_notes.c reads.
 */
#include "lib/read/dump_parts.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <link.h>
#include <signal.h>

_Static_assert(sizeof(elf_gregset_t) == sizeof(struct user_regs_struct), "general registers");
_Static_assert(sizeof(siginfo_t) == TP_SIGINFO_SIZE, "siginfo");

/* Padded to 4 bytes, the descriptor too. */
static void put_note(FILE *out, const char *name, uint32_t type, const void *desc, size_t len)
{
	static const char zeros[4];
	size_t name_len = strlen(name) + 1;
	const Elf64_Nhdr head = {(Elf64_Word)name_len, (Elf64_Word)len, type};

	fwrite(&head, sizeof(head), 1, out);
	fwrite(name, name_len, 1, out);
	fwrite(zeros, -name_len & 3, 1, out);
	if (len)
		fwrite(desc, len, 1, out);
	fwrite(zeros, -len & 3, 1, out);
}

static struct timeval time_of(uint64_t ns)
{
	return (struct timeval){(time_t)(ns / 1000000000), (suseconds_t)(ns / 1000 % 1000000)};
}

/* ---- Threads -------------------------------------------------------------- */

static void put_status(FILE *out, const struct dump *dump, const struct dump_thread *thread)
{
	const struct thread_info *info = &thread->info;
	struct elf_prstatus status;

	memset(&status, 0, sizeof(status));
	/* the kernel tells it of every thread, and some look at the last one only */
	if (dump->threads[0].crashed) {
		status.pr_info.si_signo = dump->tp->crash->sig;
		status.pr_info.si_code = dump->tp->crash->code;
		status.pr_cursig = (short)dump->tp->crash->sig;
	}
	status.pr_sigpend = info->pending;
	status.pr_sighold = info->blocked;
	status.pr_pid = thread->capture.tid;
	status.pr_ppid = dump->tp->abi.launcher_pid;
	status.pr_utime = time_of(info->user_ns);
	status.pr_stime = time_of(info->system_ns);
	memcpy(&status.pr_reg, &thread->capture.regs, sizeof(status.pr_reg));
	status.pr_fpvalid = thread->capture.vectors_len > 0;
	put_note(out, "CORE", NT_PRSTATUS, &status, sizeof(status));
}

#if defined(__x86_64__)
/* The old floating-point registers are how the extended state begins. */
static void put_vectors(FILE *out, const struct capture *capture)
{
	const size_t old = sizeof(struct user_fpregs_struct);

	if (capture->vectors_len < old)
		return;
	put_note(out, "CORE", NT_FPREGSET, capture->vectors, old);
	if (capture->vectors_len > old)
		put_note(out, "LINUX", NT_X86_XSTATE, capture->vectors, capture->vectors_len);
}
#else
#error "say how this machine's floating-point registers are noted"
#endif

/* ---- The process ---------------------------------------------------------- */

static void set_args(char *dst, size_t size, const struct reg_threadproc *tp)
{
	size_t at = 0;

	for (size_t i = 0; i < tp->argc && at + 1 < size; i++)
		at += (size_t)snprintf(dst + at, size - at, "%s%s", i ? " " : "", tp->argv[i]);
}

static void put_process(FILE *out, const struct dump *dump)
{
	const struct reg_threadproc *tp = dump->tp;
	const char *exe = tp->exe ? tp->exe : tp->abi.name;
	const char *slash = strrchr(exe, '/');
	char state = dump->threads[0].info.state;
	struct elf_prpsinfo info;

	memset(&info, 0, sizeof(info));
	info.pr_sname = state ? state : 'R';
	info.pr_zomb = state == 'Z';
	info.pr_pid = tp->abi.pid;
	info.pr_ppid = tp->abi.launcher_pid;
	snprintf(info.pr_fname, sizeof(info.pr_fname), "%.15s", slash ? slash + 1 : exe);
	set_args(info.pr_psargs, sizeof(info.pr_psargs), tp);
	put_note(out, "CORE", NT_PRPSINFO, &info, sizeof(info));
}

/* All zeros while nothing has happened. */
static void put_siginfo(FILE *out, const struct dump *dump)
{
	uint8_t info[TP_SIGINFO_SIZE] = {0};

	if (dump->threads[0].crashed)
		memcpy(info, dump->tp->crash->siginfo, sizeof(info));
	put_note(out, "CORE", NT_SIGINFO, info, sizeof(info));
}

/*
 * Where the name of the program stands that it was started by: at the top of its stack, as the
 * kernel has it, below eight zeros.  0 when the program has changed that.
 */
static uint64_t find_execfn(const struct dump *dump)
{
	char top[PATH_MAX + sizeof(uint64_t)];
	uint64_t hi = dump->tp->abi.stack_hi;
	size_t at = PATH_MAX;
	struct err err;

	if (hi < sizeof(top) || hi - sizeof(top) < dump->tp->abi.stack_lo ||
	    mem_read(dump->target->mem, hi - sizeof(top), top, sizeof(top), &err) || top[at - 1])
		return 0;
	for (at--; at > 0 && top[at - 1]; at--)
		;
	return at && top[at] ? hi - sizeof(top) + at : 0;
}

/* As it would be outside of a space: with the size of pages, unlike what the kernel shows. */
static void put_auxv(FILE *out, const struct dump *dump)
{
	const struct tp_registry *header = &dump->target->snapshot->header;
	const struct tp_threadproc *abi = &dump->tp->abi;
	const uint64_t all[][2] = {
		{AT_SYSINFO_EHDR, header->vdso}, {AT_PHDR, abi->phdr},
		{AT_EXECFN, find_execfn(dump)},  {AT_TPROC, abi->self_addr},
		{AT_PAGESZ, header->page_size},  {AT_PHENT, sizeof(ElfW(Phdr))},
		{AT_PHNUM, abi->phnum},          {AT_ENTRY, abi->entry},
		{AT_BASE, abi->interp_bias},
	};
	uint64_t given[sizeof(all) / sizeof(all[0]) + 1][2] = {{0}};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		/* without an interpreter its base is 0; of others that means "none" */
		if (all[i][1] || all[i][0] == AT_BASE)
			memcpy(given[count++], all[i], sizeof(all[i]));
	}
	put_note(out, "CORE", NT_AUXV, given, (count + 1) * sizeof(given[0]));
}

static int put_files(FILE *out, const struct dump *dump, struct err *err)
{
	const uint64_t head[] = {dump->file_count, DUMP_PAGE};
	AUTO_FREE char *desc = NULL;
	size_t size = 0;
	FILE *list = open_memstream(&desc, &size);

	if (!list)
		return err_os(err, errno, "notes of a core file");
	fwrite(head, sizeof(head), 1, list);
	for (size_t i = 0; i < dump->file_count; i++) {
		const struct dump_file *file = &dump->files[i];
		const uint64_t entry[] = {file->lo, file->hi, file->offset / DUMP_PAGE};

		fwrite(entry, sizeof(entry), 1, list);
	}
	for (size_t i = 0; i < dump->file_count; i++)
		fwrite(dump->files[i].path, strlen(dump->files[i].path) + 1, 1, list);
	if (fclose(list))
		return err_os(err, errno, "notes of a core file");
	put_note(out, "CORE", NT_FILE, desc, size);
	return 0;
}

/* -------------------------------------------------------------------------- */

static int put_all(FILE *out, const struct dump *dump, struct err *err)
{
	for (size_t i = 0; i < dump->thread_count; i++) {
		put_status(out, dump, &dump->threads[i]);
		if (!i) {
			put_process(out, dump);
			put_siginfo(out, dump);
			put_auxv(out, dump);
			if (put_files(out, dump, err))
				return -1;
		}
		put_vectors(out, &dump->threads[i].capture);
	}
	return 0;
}

int dump_make_notes(struct dump *dump, struct err *err)
{
	FILE *out = open_memstream(&dump->notes, &dump->notes_size);
	int ret;

	if (!out)
		return err_os(err, errno, "notes of a core file");
	ret = put_all(out, dump, err);
	if (fclose(out) && !ret)
		return err_os(err, errno, "notes of a core file");
	return ret;
}
