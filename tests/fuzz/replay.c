/* Runs a fuzzer's harness on the files of directories: what was found once stays found. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay_file(const char *path)
{
	struct stat st;
	FILE *file = fopen(path, "rb");
	uint8_t *data;

	PROMISE(file && !fstat(fileno(file), &st));
	data = malloc((size_t)st.st_size + 1);
	PROMISE(data && fread(data, 1, (size_t)st.st_size, file) == (size_t)st.st_size);
	fclose(file);
	/* of its exact size, so that a sanitizer sees what reads behind its end */
	data = realloc(data, st.st_size ? (size_t)st.st_size : 1);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
}

static int replay_directory(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, is_file, alphasort);

	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		fprintf(stderr, "%s\n", path); /* the last one is it */
		replay_file(path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return count;
}

int main(int argc, char **argv)
{
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		if (replay_directory(argv[i]) <= 0) {
			fprintf(stderr, "no corpus in %s\n", argv[i]);
			return 1;
		}
	}
	return 0;
}
