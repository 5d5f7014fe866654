#include "inspect/address.h"
#include "inspect/debugging.h"
#include "inspect/frames.h"
#include "inspect/identities.h"
#include "inspect/owner_stream.h"
#include "inspect/show.h"
#include "inspect/verbs.h"

#include "lib/base/cleanup.h"
#include "lib/types/locate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int parse_all(const struct verb_args *args, uint64_t **ret_addrs, struct err *err)
{
	AUTO_FREE uint64_t *addrs = calloc((size_t)args->count, sizeof(*addrs));

	if (!addrs)
		return err_os(err, ENOMEM, "addresses");
	for (int i = 0; i < args->count; i++) {
		if (address_parse(args->words[i], &addrs[i], err))
			return -1;
	}
	*ret_addrs = TAKE_PTR(addrs);
	return 0;
}

/* Answers for each address; *ret_missing says whether one is not there.  frames may be NULL. */
static int answer(struct session *session, struct debugging *debugging, struct frames *frames,
                  const uint64_t *addrs, int count, bool *ret_missing, struct err *err)
{
	AUTO_FREE struct identity *id = malloc(sizeof(*id));
	const struct target *target = session_target(session);
	json_t *all = json_array();
	bool missing = false;

	if (!id || !all)
		goto no_memory;
	for (int i = 0; i < count; i++) {
		if (session_interrupted(session))
			goto stopped;
		identify(target, addrs[i], id);
		locate(debugging->catalog, id);
		debugging_rest(debugging);
		missing |= !identify_found(target, id);
		if (frames)
			frames_find(frames, id);
		if (!session->json)
			identities_print(session, id);
		else if (json_array_append_new(all, identities_json(target, id)))
			goto no_memory;
	}
	*ret_missing = missing;
	if (session->json)
		return session_print_json(session, json_pack("{s:o}", "addresses", all), err);
	json_decref(all);
	return 0;
no_memory:
	json_decref(all);
	return err_os(err, ENOMEM, "answer");
stopped:
	json_decref(all);
	return session_stopped(err);
}

static int print_gdb(struct session *session, const uint64_t *addrs, int count, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_os(err, errno, "answer");
	for (int i = 0; i < count; i++)
		fprintf(out, "%stproc owner 0x%" PRIx64, i ? "\n" : "", addrs[i]);
	fclose(out);
	return text ? show_gdb(session, text, err) : err_os(err, ENOMEM, "answer");
}

enum { FRAMES, GDB };

static const struct verb_option options[] = {
	[FRAMES] = {"frames", NULL,
                    "for addresses on stacks, tell the frame; stops the thread for a moment"},
	[GDB] = {"gdb", NULL, "the GDB command that shows the same"},
	{0},
};

static int run(struct session *session, const struct verb_args *args, struct err *err)
{
	AUTO_FREE uint64_t *addrs = NULL;
	struct frames *frames = NULL;
	struct debugging debugging;
	bool missing = false;
	int ret;

	if (args->count == 1 && !strcmp(args->words[0], "-"))
		return owner_stream(session, err);
	if (parse_all(args, &addrs, err))
		return -1;
	if (args->options[GDB])
		return print_gdb(session, addrs, args->count, err);
	if (debugging_begin(&debugging, session, err))
		return -1;
	/* in a core file nobody has to be stopped */
	if ((args->options[FRAMES] || session->core_path) && frames_create(session, &frames, err)) {
		debugging_end(&debugging);
		return -1;
	}
	ret = answer(session, &debugging, frames, addrs, args->count, &missing, err);
	frames_destroy(frames);
	debugging_end(&debugging);
	return ret ? ret : missing;
}

const struct verb verb_owner = {
	.name = "owner",
	.usage = "ADDR...|-",
	.help = "whose an address is, and what lies there",
	.details =
		"ADDR is hexadecimal, with or without 0x; sums are allowed.\n"
		"Told are the threadproc, running or exited, and all that lies there, the most\n"
		"specific first.\n"
		"An address that is mapped outside every slot is 'unowned', and is shown with the\n"
		"kernel's own line of /proc/PID/maps.\n"
		"With -, addresses come from the input, one a line (in a script and at the prompt "
		"up\n"
		"to an empty line), and each is answered in a line: address, id and name of the\n"
		"owner, file or kind of memory, and symbol or section with the offset in it,\n"
		"separated by tabs; with --json, an object a line.\n",
	.example = "owner 0x4014a7f2c0 4014a7f000+2c0",
	.options = options,
	.args_min = 1,
	.args_max = -1,
	.needs_space = true,
	.run = run,
};
