#include "loader/server/mm_view.h"

#include "lib/base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Fields of /proc/PID/stat by their numbers in proc(5). */
enum {
	STAT_FIRST = 3, /* the first one after the name in parentheses */
	STAT_START_CODE = 26,
	STAT_END_CODE = 27,
	STAT_START_STACK = 28,
	STAT_START_DATA = 45,
	STAT_END_DATA = 46,
	STAT_START_BRK = 47,
	STAT_ARG_START = 48,
	STAT_ARG_END = 49,
	STAT_ENV_START = 50,
	STAT_ENV_END = 51,
	STAT_FIELDS,
};

/* Some are negative: those are of no interest here. */
static int parse_fields(const char *text, uint64_t fields[STAT_FIELDS])
{
	for (int i = STAT_FIRST; i < STAT_FIELDS; i++) {
		char *end;

		if (i == STAT_FIRST) { /* the state, a letter */
			text = strchr(text, ' ');
			if (!text)
				return -1;
			continue;
		}
		fields[i] = strtoull(text, &end, 10);
		if (end == text)
			return -1;
		text = end;
	}
	return 0;
}

int mm_view_parse_stat(const char *line, struct plan_mm *ret_mm, struct err *err)
{
	uint64_t fields[STAT_FIELDS] = {0};
	const char *name_end = strrchr(line, ')');

	if (!name_end || name_end[1] != ' ' || parse_fields(name_end + 2, fields))
		return err_set(err, ERR_INVALID, "not a line of /proc/PID/stat");
	ret_mm->start_code = fields[STAT_START_CODE];
	ret_mm->end_code = fields[STAT_END_CODE];
	ret_mm->start_stack = fields[STAT_START_STACK];
	ret_mm->start_data = fields[STAT_START_DATA];
	ret_mm->end_data = fields[STAT_END_DATA];
	ret_mm->start_brk = fields[STAT_START_BRK];
	ret_mm->arg_start = fields[STAT_ARG_START];
	ret_mm->arg_end = fields[STAT_ARG_END];
	ret_mm->env_start = fields[STAT_ENV_START];
	ret_mm->env_end = fields[STAT_ENV_END];
	return 0;
}

int mm_view_take_aux(const uint64_t *words, size_t count, struct plan_mm *ret_mm, struct err *err)
{
	size_t taken = 0;

	for (size_t i = 0; i + 1 < count; i += 2) {
		if (words[i] == AT_PAGESZ)
			continue;
		if (taken + 2 > PLAN_AUX_WORDS)
			return err_set(err, ERR_INVALID,
			               "an auxiliary vector of more than %u words", PLAN_AUX_WORDS);
		ret_mm->aux[taken] = words[i];
		ret_mm->aux[taken + 1] = words[i + 1];
		taken += 2;
		if (words[i] == AT_NULL) {
			ret_mm->aux_count = taken;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "an auxiliary vector without an end");
}

static int read_file(pid_t pid, const char *name, void *to, size_t size, size_t *ret_length,
                     struct err *err)
{
	AUTO_CLOSE int fd = -1;
	char path[40];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, to, size);
	if (n < 0)
		return err_os(err, errno, "cannot read %s", path);
	*ret_length = (size_t)n;
	return 0;
}

int mm_view_read(pid_t pid, struct plan_mm *ret_mm, struct err *err)
{
	struct plan_mm mm = {0};
	uint64_t words[2 * PLAN_AUX_WORDS];
	char line[2048];
	size_t length;

	if (read_file(pid, "stat", line, sizeof(line) - 1, &length, err))
		return -1;
	line[length] = '\0';
	if (mm_view_parse_stat(line, &mm, err) ||
	    read_file(pid, "auxv", words, sizeof(words), &length, err) ||
	    mm_view_take_aux(words, length / sizeof(words[0]), &mm, err))
		return -1;
	*ret_mm = mm;
	return 0;
}

void mm_view_set_program(struct plan_mm *mm, const struct mm_program *program)
{
	for (uint64_t i = 0; i + 1 < mm->aux_count; i += 2) {
		uint64_t *value = &mm->aux[i + 1];

		switch (mm->aux[i]) {
		case AT_PHDR:
			*value = program->phdr;
			break;
		case AT_PHNUM:
			*value = program->phnum;
			break;
		case AT_ENTRY:
			*value = program->entry;
			break;
		case AT_BASE:
			*value = program->base;
			break;
		case AT_EXECFN:
			*value = program->execfn;
			break;
		default:
			break;
		}
	}
}
