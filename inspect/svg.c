#include "inspect/svg.h"

#include "inspect/markup.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct svg {
	FILE *file;
	char *path; /* NULL: the file is somebody else's */
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

const char *svg_common_style(void)
{
	return common_style;
}

static void put_head(struct svg *svg, double width, double height, const char *title)
{
	fprintf(svg->file, " width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n<title>",
	        width, height, width, height);
	markup_text(svg->file, title);
	fputs("</title>\n", svg->file);
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
	fputs("<svg xmlns=\"http://www.w3.org/2000/svg\"", svg->file);
	put_head(svg, width, height, title);
	fprintf(svg->file, "<style>\n%s%s</style>\n", common_style, style);
	svg_rect(svg, 0, 0, width, height, "page", 1);
	*ret_svg = svg;
	return 0;
}

int svg_inline(FILE *out, double width, double height, const char *title, struct svg **ret_svg,
               struct err *err)
{
	struct svg *svg = calloc(1, sizeof(*svg));

	if (!svg)
		return err_os(err, ENOMEM, "picture");
	svg->file = out;
	fputs("<svg role=\"img\"", out);
	put_head(svg, width, height, title);
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
	failed = path && ferror(svg->file);
	if (path)
		failed |= fclose(svg->file) != 0;
	free(svg);
	return failed ? err_os(err, errno ? errno : EIO, "cannot write %s", path) : 0;
}

void svg_group(struct svg *svg, const char *tooltip, ...)
{
	va_list args;

	fputs("<g><title>", svg->file);
	va_start(args, tooltip);
	markup_vformat(svg->file, tooltip, args);
	va_end(args);
	fputs("</title>", svg->file);
}

void svg_group_class(struct svg *svg, const char *class, const char *tooltip, ...)
{
	va_list args;

	fprintf(svg->file, "<g class=\"%s\"><title>", class);
	va_start(args, tooltip);
	markup_vformat(svg->file, tooltip, args);
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

void svg_circle(struct svg *svg, double x, double y, double radius, const char *class)
{
	fprintf(svg->file, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\" class=\"%s\"/>\n", x, y,
	        radius, class);
}

void svg_curve(struct svg *svg, const struct svg_point *from, const struct svg_point *towards,
               const struct svg_point *to, double width, const char *class)
{
	fprintf(svg->file,
	        "<path d=\"M%.2f %.2fQ%.2f %.2f %.2f %.2f\" stroke-width=\"%.2f\" class=\"%s\"/>\n",
	        from->x, from->y, towards->x, towards->y, to->x, to->y, width, class);
}

void svg_triangle(struct svg *svg, const struct svg_point corners[3], const char *class)
{
	fprintf(svg->file, "<path d=\"M%.2f %.2fL%.2f %.2fL%.2f %.2fz\" class=\"%s\"/>\n",
	        corners[0].x, corners[0].y, corners[1].x, corners[1].y, corners[2].x, corners[2].y,
	        class);
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
	markup_vformat(svg->file, fmt, args);
	va_end(args);
	fputs("</text>\n", svg->file);
}
