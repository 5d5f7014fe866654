/*
 * Patching text that a running program maps: libc at start-up, what dlopen brings, what a
 * static program maps by itself.  The mapping is fresh, so nobody executes it yet.
 *
 * Where the sites of a file are is looked up in the registry, which only the server
 * writes, and which is asked to look at a file that it has not seen yet.  Only where there is no
 * server to ask, as in a forked child, is the file scanned here, less closely.
 */
#include "inspace.h"

#include "loader/patch/patch.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#define MAX_READS 8
/* A published list is copied to the stack before it is used. */
#define MAX_PUBLISHED 64

struct file_version {
	uint64_t dev;
	uint64_t ino;
	uint64_t size;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
};

/* As glibc's makedev(3) puts the two numbers together, since the server uses stat(2). */
static uint64_t device(uint32_t major, uint32_t minor)
{
	return (uint64_t)(minor & 0xff) | (uint64_t)(major & 0xfff) << 8 |
	       (uint64_t)(minor & ~0xffu) << 12 | (uint64_t)(major & ~0xfffu) << 32;
}

static bool file_version(int fd, struct file_version *version)
{
	struct statx st;

	if (sys5(__NR_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st))
		return false;
	version->dev = device(st.stx_dev_major, st.stx_dev_minor);
	version->ino = st.stx_ino;
	version->size = st.stx_size;
	version->mtime_sec = st.stx_mtime.tv_sec;
	version->mtime_nsec = st.stx_mtime.tv_nsec;
	return true;
}

static bool same_file(const struct tp_image *image, const struct file_version *version)
{
	return image->ino == version->ino && image->dev == version->dev &&
	       image->size == version->size && image->mtime_sec == version->mtime_sec &&
	       image->mtime_nsec == version->mtime_nsec;
}

/* Copies the image's sites in file offsets lo..hi.  False when it is being rewritten. */
static bool copy_sites(const struct tp_registry *registry, const struct tp_image *image,
		       uint64_t lo, uint64_t hi, struct tp_site *sites, size_t *count)
{
	uint32_t seq = __atomic_load_n(&image->seq, __ATOMIC_ACQUIRE);
	struct tp_ref ref = image->sites;
	uint32_t total = ref.len / (uint32_t)sizeof(struct tp_site);
	const struct tp_site *from;

	if ((seq & 1) || (uint64_t)ref.off + ref.len > registry->heap.count ||
	    ref.off % _Alignof(struct tp_site))
		return false;
	from = (const struct tp_site *)((uintptr_t)registry + registry->heap.off + ref.off);
	*count = 0;
	for (uint32_t i = 0; i < total && *count < MAX_PUBLISHED; i++)
		if (from[i].off >= lo && (uint64_t)from[i].off + from[i].len <= hi)
			sites[(*count)++] = from[i];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&image->seq, __ATOMIC_RELAXED) == seq;
}

/*
 * The published sites of the file; false when it is not known or has too many.  An
 * image is at the index that its file hashes to, or soon after.
 */
static bool published_sites(const struct slot *slot, const struct file_version *version,
			    uint64_t lo, uint64_t hi, struct tp_site *sites, size_t *count)
{
	const struct tp_registry *registry = (const struct tp_registry *)slot->registry;
	const struct tp_image *images =
		(const struct tp_image *)(slot->registry + registry->images.off);
	uint32_t start = tp_image_hash(version->dev, version->ino);

	for (uint32_t probe = 0; probe < TP_IMAGE_PROBES; probe++) {
		const struct tp_image *image = &images[(start + probe) % TP_IMAGES];

		if (!same_file(image, version))
			continue;
		if (image->site_count > MAX_PUBLISHED)
			return false;
		for (int i = 0; i < MAX_READS; i++)
			if (copy_sites(registry, image, lo, hi, sites, count))
				return same_file(image, version);
		return false;
	}
	return false;
}

/* Pages for stubs within reach of addr, writable.  Returns their address, or 0. */
static uint64_t stub_pages(struct slot *slot, uint64_t addr, uint64_t len, uint64_t size)
{
	const uint64_t reach = UINT64_C(0x70000000);
	const unsigned long flags = MAP_PRIVATE | MAP_ANONYMOUS;
	long at = place_map(slot, 0, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	uint64_t lo = addr > reach ? addr - reach : SYS_PAGE_SIZE;

	if (sys_failed(at))
		return 0;
	if ((uint64_t)at >= lo && (uint64_t)at + size <= addr + len + reach)
		return (uint64_t)at;
	sys2(__NR_munmap, at, size);
	place_release(slot, (uint64_t)at, size);
	/* The slot's room is too far off: right behind the mapping, further and further. */
	for (uint64_t step = 0; step < reach / 2; step = step ? step * 2 : SYS_PAGE_SIZE) {
		at = sys6(__NR_mmap, page_up(addr + len) + step, size, PROT_READ | PROT_WRITE,
			  flags | MAP_FIXED_NOREPLACE, -1, 0);
		if (!sys_failed(at))
			return (uint64_t)at;
	}
	return 0;
}

/* The mapping is writable, and stays so; the stubs get their protection at the end. */
static void patch_all(struct slot *slot, uint64_t addr, uint64_t len, uint64_t off,
		      const struct tp_site *sites, size_t count)
{
	const struct patch_stub_head head = {
		.slot = (uint64_t)slot,
		.entry = slot->entry,
		.filter = slot->filter,
		.module_hook = slot->module_hook,
		.cpuid = slot->cpuid,
	};
	uint64_t size = page_up(patch_stubs_size((uint32_t)count));
	uint64_t pages = stub_pages(slot, addr, len, size);
	struct patch_stubs stubs;

	if (!pages)
		return;
	patch_stubs_init(&stubs, (uint8_t *)pages, pages, (uint32_t)size, &head);
	for (size_t i = 0; i < count; i++) {
		uint8_t *text = (uint8_t *)(addr + (sites[i].off - off));
		uint8_t patched[PATCH_STUB_MAX];

		/* One fault that copies the page, instead of one to read and one to write. */
		__atomic_fetch_or(text, 0, __ATOMIC_RELAXED);
		if (sites[i].len > sizeof(patched) ||
		    !patch_site(&stubs, &sites[i], text, (uint64_t)text, patched))
			continue;
		memcpy(text, patched, sites[i].len);
	}
	sys3(__NR_mprotect, pages, size, PROT_READ | PROT_EXEC);
}

/* What the program asked for, not patched: something stands in the way of writing. */
static long map_unpatched(struct slot *slot, const struct arch_call *call)
{
	return place_call(slot, call, (long)call->arg[2]);
}

/* A file that nobody published: it has to be mapped to be looked at. */
static long map_unknown(struct slot *slot, const struct arch_call *call, uint64_t in_file)
{
	struct tp_site sites[PATCH_MAX_SITES];
	uint64_t len = call->arg[1];
	uint64_t off = call->arg[5];
	long addr = map_unpatched(slot, call);
	size_t count;

	if (sys_failed(addr))
		return addr;
	report_scan(slot);
	count = patch_scan((const uint8_t *)addr, in_file, (uint32_t)off, patch_is_entered, sites,
			   PATCH_MAX_SITES);
	if (count > PATCH_MAX_SITES)
		count = PATCH_MAX_SITES;
	if (!count || sys3(__NR_mprotect, addr, page_up(len), PROT_READ | PROT_WRITE))
		return addr;
	patch_all(slot, (uint64_t)addr, len, off, sites, count);
	sys3(__NR_mprotect, addr, page_up(len), call->arg[2]);
	return addr;
}

/* A file whose sites are known is mapped writable at once. */
static long map_known(struct slot *slot, const struct arch_call *call,
		      const struct tp_site *sites, size_t count)
{
	uint64_t len = call->arg[1];
	long addr;

	if (!count)
		return map_unpatched(slot, call);
	addr = place_call(slot, call, PROT_READ | PROT_WRITE);
	if (sys_failed(addr))
		return map_unpatched(slot, call);
	patch_all(slot, (uint64_t)addr, len, call->arg[5], sites, count);
	if (!sys3(__NR_mprotect, addr, page_up(len), call->arg[2]))
		return addr;
	sys2(__NR_munmap, addr, page_up(len));
	return map_unpatched(slot, call);
}

long text_map(struct slot *slot, const struct arch_call *call)
{
	struct tp_site sites[MAX_PUBLISHED];
	struct file_version version;
	uint64_t len = call->arg[1];
	uint64_t off = call->arg[5];
	uint64_t in_file;
	size_t count = 0;

	if (!file_version((int)call->arg[4], &version) || off >= version.size || !len ||
	    len > UINT32_MAX || off > UINT32_MAX - len)
		return map_unpatched(slot, call);
	/* What lies past the end of the file cannot be read. */
	in_file = version.size - off < len ? version.size - off : len;
	if (published_sites(slot, &version, off, off + in_file, sites, &count) ||
	    (report_file(slot, (int)call->arg[4]) &&
	     published_sites(slot, &version, off, off + in_file, sites, &count)))
		return map_known(slot, call, sites, count);
	return map_unknown(slot, call, in_file);
}
