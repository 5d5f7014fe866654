#include "lib/read/debug_file.h"

#include "lib/base/cleanup.h"
#include "lib/read/regular_file.h"

#include <dlfcn.h>
#include <gelf.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More, or larger, segments of notes than any program has are a trap. */
#define NOTE_SEGMENTS 64
#define NOTE_BYTES (UINT64_C(1) << 20)

/* Where debug files are, unless TPROC_DEBUG_DIR names another directory ("": nowhere). */
#define DEBUG_ROOT "/usr/lib/debug"

/* ---- Notes and link ------------------------------------------------------ */

static uint32_t build_id_in(Elf_Data *data, uint8_t build_id[TP_BUILD_ID_SIZE])
{
	size_t at = 0, name_at, desc_at;
	GElf_Nhdr note;

	if (!data || !data->d_buf)
		return 0;
	while ((at = gelf_getnote(data, at, &note, &name_at, &desc_at))) {
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(ELF_NOTE_GNU) ||
		    memcmp((char *)data->d_buf + name_at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) != 0)
			continue;
		if (!note.n_descsz || note.n_descsz > TP_BUILD_ID_SIZE)
			continue;
		memcpy(build_id, (char *)data->d_buf + desc_at, note.n_descsz);
		return note.n_descsz;
	}
	return 0;
}

static uint32_t build_id_in_sections(Elf *elf, uint8_t build_id[TP_BUILD_ID_SIZE])
{
	Elf_Scn *scn = NULL;
	uint32_t len = 0;
	GElf_Shdr shdr;

	while (!len && (scn = elf_nextscn(elf, scn))) {
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_NOTE)
			len = build_id_in(elf_getdata(scn, NULL), build_id);
	}
	return len;
}

/* Each chunk is kept, and looked for among those that are: so it is a few, and small ones. */
uint32_t debug_file_build_id(Elf *elf, uint8_t build_id[TP_BUILD_ID_SIZE])
{
	unsigned notes = 0;
	size_t count = 0;
	uint32_t len = 0;

	elf_getphdrnum(elf, &count);
	for (size_t i = 0; !len && i < count && notes < NOTE_SEGMENTS; i++) {
		Elf_Type type = ELF_T_NHDR;
		GElf_Phdr phdr;

		/* The number is the file's word: it may be of more than there are. */
		if (i > INT32_MAX || !gelf_getphdr(elf, (int)i, &phdr))
			break;
		if (phdr.p_type != PT_NOTE)
			continue;
		notes++;
		if (phdr.p_filesz > NOTE_BYTES)
			continue;
		if (phdr.p_align == 8)
			type = ELF_T_NHDR8;
		len = build_id_in(
			elf_getdata_rawchunk(elf, (int64_t)phdr.p_offset, phdr.p_filesz, type),
			build_id);
	}
	return len ? len : build_id_in_sections(elf, build_id);
}

/* Terminated, and no path: it comes from a file that need not be anybody's friend. */
static const char *plain_name(const Elf_Data *data)
{
	const char *name = data->d_buf;
	size_t len = strnlen(name, data->d_size);

	return len && len < data->d_size && !memchr(name, '/', len) ? name : NULL;
}

const char *debug_file_link(Elf *elf)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name;
		Elf_Data *data;
		GElf_Shdr shdr;

		if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_PROGBITS)
			continue;
		name = elf_strptr(elf, names, shdr.sh_name);
		if (!name || strcmp(name, ".gnu_debuglink") != 0)
			continue;
		data = elf_rawdata(scn, NULL);
		return data && data->d_buf ? plain_name(data) : NULL;
	}
	return NULL;
}

/* ---- Places -------------------------------------------------------------- */

static bool is_the_one(int fd, const struct debug_query *query)
{
	uint8_t build_id[TP_BUILD_ID_SIZE];
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	bool is = elf && debug_file_build_id(elf, build_id) == query->build_id_len &&
	          !memcmp(build_id, query->build_id, query->build_id_len);

	elf_end(elf);
	return is;
}

static const char *debug_root(void)
{
	const char *root = getenv("TPROC_DEBUG_DIR");

	return root ? root : DEBUG_ROOT;
}

/* One place, whose path it takes. */
static bool try(const struct debug_query *query, char *place, int *ret_fd, char **ret_path)
{
	AUTO_FREE char *path = place;
	AUTO_CLOSE int fd = -1;
	struct stat st;
	struct err err;

	if (!path || regular_file_open(path, &fd, &st, &err) || !is_the_one(fd, query))
		return false;
	*ret_fd = TAKE_FD(fd);
	*ret_path = TAKE_PTR(path);
	return true;
}

__attribute__((format(printf, 1, 2))) static char *format(const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return len < 0 ? NULL : text;
}

static char *place_by_build_id(const struct debug_query *query)
{
	char rest[2 * TP_BUILD_ID_SIZE + 1] = "";
	const char *root = debug_root();

	if (!*root)
		return NULL;

	for (uint32_t i = 1; i < query->build_id_len; i++)
		snprintf(rest + (size_t)(i - 1) * 2, 3, "%02x", query->build_id[i]);
	return format("%s/.build-id/%02x/%s.debug", root, query->build_id[0], rest);
}

/* Beside the file, and in the same directory of the root. */
static bool try_by_name(const struct debug_query *query, int *ret_fd, char **ret_path)
{
	AUTO_FREE char *real = query->path ? realpath(query->path, NULL) : NULL;
	const char *path = real ? real : query->path;
	const char *base = path ? strrchr(path, '/') : NULL;
	const char *root = debug_root();
	AUTO_FREE char *name = NULL;
	int dir_len;

	if (!base || base - path > PATH_MAX)
		return false;
	dir_len = (int)(base - path);
	name = query->debuglink ? strdup(query->debuglink) : format("%s.debug", base + 1);
	if (!name)
		return false;
	return try(query, format("%.*s/%s", dir_len, path, name), ret_fd, ret_path) ||
	       try(query, format("%.*s/.debug/%s", dir_len, path, name), ret_fd, ret_path) ||
	       (*root &&
	        try(query, format("%s%.*s/%s", root, dir_len, path, name), ret_fd, ret_path));
}

/* ---- Servers ------------------------------------------------------------- */

/* What libdebuginfod has, which is loaded only when there is somebody to ask. */
struct client;
struct client_library {
	struct client *(*begin)(void);
	void (*end)(struct client *client);
	int (*find)(struct client *client, const unsigned char *build_id, int len, char **ret_path);
	void (*set_progress)(struct client *client,
	                     int (*progress)(struct client *client, long done, long all));
};

static struct client_library library;
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* Stays loaded: curl, which it brings, does not like to be unloaded. */
static void load_library(void)
{
	void *handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
	struct client_library found;

	if (!handle)
		return;
	found.begin = dlsym(handle, "debuginfod_begin");
	found.end = dlsym(handle, "debuginfod_end");
	found.find = dlsym(handle, "debuginfod_find_debuginfo");
	found.set_progress = dlsym(handle, "debuginfod_set_progressfn");
	if (found.begin && found.end && found.find && found.set_progress)
		library = found;
}

static const struct debug_download *download;

void debug_file_watch(const struct debug_download *watcher)
{
	download = watcher;
}

/* Called by the client every now and then; what is not 0 ends the transfer. */
static int tell_progress(struct client *client __attribute__((unused)), long done, long all)
{
	/* before it knows how much will come, done counts something else */
	bool known = done >= 0 && all > 0;

	return !download->step(download->context, known ? (uint64_t)done : 0,
	                       known ? (uint64_t)all : 0);
}

static bool try_servers(const struct debug_query *query, int *ret_fd, char **ret_path)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct client *client;

	if (!urls || !*urls)
		return false;
	pthread_once(&library_once, load_library);
	client = library.begin ? library.begin() : NULL;
	if (!client)
		return false;
	if (download)
		library.set_progress(client, tell_progress);
	/* nobody waits for the next file who did not wait for the last one */
	if (!download || download->step(download->context, 0, 0))
		fd = library.find(client, query->build_id, (int)query->build_id_len, &path);
	library.end(client);
	if (download)
		download->end(download->context);
	if (fd < 0 || !path || !is_the_one(fd, query))
		return false;
	*ret_fd = TAKE_FD(fd);
	*ret_path = TAKE_PTR(path);
	return true;
}

int debug_file_find(const struct debug_query *query, int *ret_fd, char **ret_path, struct err *err)
{
	if (query->build_id_len && query->build_id_len <= TP_BUILD_ID_SIZE &&
	    elf_version(EV_CURRENT) != EV_NONE &&
	    (try(query, place_by_build_id(query), ret_fd, ret_path) ||
	     try_by_name(query, ret_fd, ret_path) || try_servers(query, ret_fd, ret_path)))
		return 0;
	return err_set(err, ERR_NOT_FOUND, "there is no debug file");
}
