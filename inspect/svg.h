/*
 * svg.h - pictures as SVG: a few shapes, colours that suit a light page and a dark one.
 *
 * A picture needs nothing from elsewhere: it can be looked at offline, in any browser.  Text is
 * escaped.  Failures to write are remembered and reported by svg_close.
 */
#ifndef TPROC_INSPECT_SVG_H
#define TPROC_INSPECT_SVG_H

#include "lib/base/err.h"

#include <stdio.h>

struct svg;

/* Creates or overwrites the file.  style is CSS for classes of the caller's own; may be "". */
int svg_open(const char *path, double width, double height, const char *title, const char *style,
             struct svg **ret_svg, struct err *err);

/*
 * A picture within a page of HTML, which has svg_common_style() and the picture's own style among
 * its styles.  It has no background but the page's.  Failures to write are the page's.
 */
int svg_inline(FILE *out, double width, double height, const char *title, struct svg **ret_svg,
               struct err *err);

/* CSS of the classes that every picture has. */
const char *svg_common_style(void);

/* Ends the picture, and closes a file that svg_open made.  Takes NULL. */
int svg_close(struct svg *svg, struct err *err);

/* Shapes between these have a tooltip, which is a format. */
void svg_group(struct svg *svg, const char *tooltip, ...) __attribute__((format(printf, 2, 3)));
void svg_group_class(struct svg *svg, const char *class, const char *tooltip, ...)
	__attribute__((format(printf, 3, 4)));
void svg_group_end(struct svg *svg);

/* class is one or more names; opacity is 0 to 1. */
void svg_rect(struct svg *svg, double x, double y, double width, double height, const char *class,
              double opacity);
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *class);

void svg_circle(struct svg *svg, double x, double y, double radius, const char *class);

struct svg_point {
	double x;
	double y;
};

/* A stroke that leaves in the direction of a point and comes from there. */
void svg_curve(struct svg *svg, const struct svg_point *from, const struct svg_point *towards,
               const struct svg_point *to, double width, const char *class);
void svg_triangle(struct svg *svg, const struct svg_point corners[3], const char *class);

/* Where the text is, seen from x. */
enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* In one line on the base line y; turned anticlockwise around (x, y) by so many degrees. */
void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor, double degrees,
              const char *class, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

#endif
