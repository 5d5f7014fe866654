#include "inspect/progress.h"

#include <inttypes.h>
#include <sys/ioctl.h>

#define NS_PER_S UINT64_C(1000000000)
#define FIRST_NS (NS_PER_S / 2)
#define EVERY_NS (NS_PER_S / 10)
#define BAR_MAX 30

/* ---- Text ---------------------------------------------------------------- */

struct scaled {
	double value;
	const char *unit; /* with a blank before it, unless empty */
};

static struct scaled scale(uint64_t amount, enum progress_unit unit)
{
	static const char *const bytes[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	static const char *const items[] = {"", " k", " M", " G", " T", " P", " E"};
	const double step = unit == PROGRESS_BYTES ? 1024 : 1000;
	double value = (double)amount;
	size_t i = 0;

	while (value >= step && i + 1 < sizeof(bytes) / sizeof(bytes[0])) {
		value /= step;
		i++;
	}
	return (struct scaled){value, unit == PROGRESS_BYTES ? bytes[i] : items[i]};
}

/* "7 s", "3 min", "2 h" */
static void duration(char text[24], double seconds)
{
	if (seconds < 120)
		snprintf(text, 24, "%.0f s", seconds);
	else if (seconds < 7200)
		snprintf(text, 24, "%.0f min", seconds / 60);
	else if (seconds < 1000 * 3600.0)
		snprintf(text, 24, "%.0f h", seconds / 3600);
	else
		snprintf(text, 24, "long");
}

/* How many digits behind the point: three are shown in all. */
static int digits(struct scaled amount)
{
	return amount.value < 10 && *amount.unit && amount.unit[1] != 'B' ? 1 : 0;
}

static void append(char *dst, size_t size, size_t *used, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void append(char *dst, size_t size, size_t *used, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(dst + *used, size - *used, fmt, args);
	va_end(args);
	if (len > 0)
		*used += (size_t)len < size - *used ? (size_t)len : size - *used - 1;
}

static void append_bar(char *dst, size_t size, size_t *used, double part, unsigned width)
{
	unsigned full = (unsigned)(part * width);

	append(dst, size, used, " [");
	for (unsigned i = 0; i < width; i++)
		append(dst, size, used, "%c", i < full ? '=' : ' ');
	append(dst, size, used, "]");
}

/* "1.2 of 2.0 GiB, 310 MiB/s, 3 s left" */
static void append_figures(char *dst, size_t size, size_t *used, const struct progress *p,
                           uint64_t done, double seconds)
{
	double rate = seconds > 0 ? (double)done / seconds : 0;
	struct scaled now = scale(done, p->unit);
	struct scaled speed = scale(rate < 1e18 ? (uint64_t)rate : 0, p->unit);
	char left[24];

	append(dst, size, used, " %.*f%s", digits(now), now.value, now.unit);
	if (p->total) {
		struct scaled all = scale(p->total, p->unit);

		append(dst, size, used, " of %.*f%s", digits(all), all.value, all.unit);
	}
	append(dst, size, used, ", %.*f%s/s", digits(speed), speed.value, speed.unit);
	if (p->total && rate > 0) {
		duration(left, (double)(p->total - done) / rate);
		append(dst, size, used, ", %s left", left);
	}
}

size_t progress_text(char *dst, size_t size, unsigned columns, const struct progress *progress,
                     uint64_t elapsed_ns)
{
	uint64_t total = progress->total;
	uint64_t done = total && progress->done > total ? total : progress->done;
	char figures[96] = "";
	size_t used = 0, figures_len = 0;
	size_t before;

	if (!size)
		return 0;
	if (size > columns + (size_t)1)
		size = columns + (size_t)1;
	append_figures(figures, sizeof(figures), &figures_len, progress, done,
	               (double)elapsed_ns / (double)NS_PER_S);
	append(dst, size, &used, "%s", progress->what);
	if (total) {
		double part = (double)done / (double)total;

		append(dst, size, &used, " %3u%%", (unsigned)(part * 100));
		before = used + figures_len + 3;
		if (before + 5 < size)
			append_bar(dst, size, &used, part,
			           size - 1 - before < BAR_MAX ? (unsigned)(size - 1 - before)
			                                       : BAR_MAX);
	}
	append(dst, size, &used, "%s", figures);
	return used;
}

/* ---- On the screen ------------------------------------------------------- */

static unsigned columns_of(int fd)
{
	struct winsize window;

	/* The last column stays free: terminals differ in what they do there. */
	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &window) || window.ws_col < 20)
		return 79;
	return window.ws_col - 1u;
}

static void draw(struct progress *p, uint64_t now)
{
	FILE *file = p->session->err_out;
	char text[256];

	progress_text(text, sizeof(text), columns_of(fileno(file)), p, now - p->begin_ns);
	fprintf(file, "\r%s\033[K", text);
	fflush(file);
	p->drawn = true;
}

void progress_begin(struct progress *progress, struct session *session, const char *what,
                    enum progress_unit unit, uint64_t total)
{
	uint64_t now = session_clock(session);

	*progress = (struct progress){
		.session = session,
		.what = what,
		.unit = unit,
		.total = total,
		.begin_ns = now,
		.next_ns = now + FIRST_NS,
	};
}

bool progress_step(struct progress *progress, uint64_t more)
{
	struct session *session = progress->session;
	uint64_t now;

	progress->done += more;
	if (session_interrupted(session))
		return false;
	if (!session->progress)
		return true;
	now = session_clock(session);
	if (now >= progress->next_ns) {
		draw(progress, now);
		progress->next_ns = now + EVERY_NS;
	}
	return true;
}

void progress_end(struct progress *progress)
{
	if (!progress->drawn)
		return;
	fputs("\r\033[K", progress->session->err_out);
	fflush(progress->session->err_out);
	progress->drawn = false;
}
