#include "inspect/svg.h"

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct svg {
	FILE *file;
	char *path;
};

/* Both kinds of page; the classes every picture has. */
static const char common_style[] =
	"svg { font-family: sans-serif; font-size: 12px; } .page { fill: #ffffff; }\n"
	"text { fill: #1f2328; } .dim { fill: #59636e; } .title { font-size: 16px; }\n"
	".cell { stroke: #ffffff; stroke-width: 0.5; } .empty { fill: #f0f1f3; }\n"
	".rule { stroke: #d1d9e0; stroke-width: 1; }\n"
	"@media (prefers-color-scheme: dark) {\n"
	".page { fill: #0d1117; } text { fill: #e6edf3; } .dim { fill: #9198a1; }\n"
	".cell { stroke: #0d1117; } .empty { fill: #1c2128; } .rule { stroke: #3d444d; }\n"
	"}\n";

/* Text from a target: made printable, then safe within markup. */
static void put_text(struct svg *svg, const char *text)
{
	AUTO_FREE char *printable = text_escape_dup(text);

	for (const char *p = printable ? printable : ""; *p; p++) {
		switch (*p) {
		case '&':
			fputs("&amp;", svg->file);
			break;
		case '<':
			fputs("&lt;", svg->file);
			break;
		case '>':
			fputs("&gt;", svg->file);
			break;
		case '"':
			fputs("&quot;", svg->file);
			break;
		default:
			fputc(*p, svg->file);
			break;
		}
	}
}

__attribute__((format(printf, 2, 0))) static void put_format(struct svg *svg, const char *fmt,
                                                             va_list args)
{
	AUTO_FREE char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL; /* undefined after a failure */
	if (text)
		put_text(svg, text);
}

int svg_open(const char *path, double width, double height, const char *title, const char *style,
             struct svg **ret_svg, struct err *err)
{
	struct svg *svg = calloc(1, sizeof(*svg));

	if (!svg)
		return err_os(err, ENOMEM, "picture");
	svg->path = strdup(path);
	svg->file = svg->path ? fopen(path, "we") : NULL;
	if (!svg->file) {
		err_os(err, errno, "cannot write %s", path);
		free(svg->path);
		free(svg);
		return -1;
	}
	fprintf(svg->file,
	        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
	        "viewBox=\"0 0 %.0f %.0f\">\n<title>",
	        width, height, width, height);
	put_text(svg, title);
	fprintf(svg->file, "</title>\n<style>\n%s%s</style>\n", common_style, style);
	svg_rect(svg, 0, 0, width, height, "page", 1);
	*ret_svg = svg;
	return 0;
}

int svg_close(struct svg *svg, struct err *err)
{
	AUTO_FREE char *path = NULL;
	bool failed;

	if (!svg)
		return 0;
	path = svg->path;
	fputs("</svg>\n", svg->file);
	failed = ferror(svg->file);
	failed |= fclose(svg->file) != 0;
	free(svg);
	return failed ? err_os(err, errno ? errno : EIO, "cannot write %s", path) : 0;
}

void svg_group(struct svg *svg, const char *tooltip, ...)
{
	va_list args;

	fputs("<g><title>", svg->file);
	va_start(args, tooltip);
	put_format(svg, tooltip, args);
	va_end(args);
	fputs("</title>", svg->file);
}

void svg_group_end(struct svg *svg)
{
	fputs("</g>\n", svg->file);
}

void svg_rect(struct svg *svg, double x, double y, double width, double height, const char *class,
              double opacity)
{
	fprintf(svg->file,
	        "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" class=\"%s\"", x, y,
	        width, height, class);
	if (opacity < 1)
		fprintf(svg->file, " fill-opacity=\"%.3f\"", opacity);
	fputs("/>\n", svg->file);
}

void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *class)
{
	fprintf(svg->file, "<line x1=\"%.2f\" y1=\"%.2f\" x2=\"%.2f\" y2=\"%.2f\" class=\"%s\"/>\n",
	        x1, y1, x2, y2, class);
}

void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor, double degrees,
              const char *class, const char *fmt, ...)
{
	static const char *const anchors[] = {
		[SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};
	va_list args;

	fprintf(svg->file, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\" class=\"%s\"", x, y,
	        anchors[anchor], class);
	if (degrees != 0)
		fprintf(svg->file, " transform=\"rotate(%.1f %.2f %.2f)\"", -degrees, x, y);
	fputc('>', svg->file);
	va_start(args, fmt);
	put_format(svg, fmt, args);
	va_end(args);
	fputs("</text>\n", svg->file);
}
