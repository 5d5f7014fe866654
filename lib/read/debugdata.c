#include "lib/read/debugdata.h"

#include "lib/base/cleanup.h"

#include <lzma.h>
#include <stdlib.h>

#define UNPACKED_MAX ((size_t)64 << 20)
#define DECODER_MEMORY_MAX (UINT64_C(128) << 20)

/* Decodes until the end of the stream; the buffer grows by doubling. */
static uint8_t *unpack(lzma_stream *stream, size_t *ret_size)
{
	AUTO_FREE uint8_t *buffer = NULL;
	lzma_ret ret = LZMA_OK;
	size_t size = 0;

	while (ret == LZMA_OK) {
		size_t grown_size = size ? size * 2 : (size_t)64 << 10;
		uint8_t *grown = grown_size <= UNPACKED_MAX ? realloc(buffer, grown_size) : NULL;

		if (!grown)
			return NULL;
		buffer = grown;
		stream->next_out = buffer + size;
		stream->avail_out = grown_size - size;
		size = grown_size;
		ret = lzma_code(stream, LZMA_FINISH);
	}
	if (ret != LZMA_STREAM_END)
		return NULL;
	*ret_size = size - stream->avail_out;
	return TAKE_PTR(buffer);
}

void *debugdata_unpack(const void *bytes, size_t len, size_t *ret_size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t *unpacked;

	if (lzma_stream_decoder(&stream, DECODER_MEMORY_MAX, 0) != LZMA_OK)
		return NULL;
	stream.next_in = bytes;
	stream.avail_in = len;
	unpacked = unpack(&stream, ret_size);
	lzma_end(&stream);
	return unpacked;
}
