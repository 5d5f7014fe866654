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

/* Ends the picture and closes the file.  Takes NULL. */
int svg_close(struct svg *svg, struct err *err);

/* Shapes between these have a tooltip, which is a format. */
void svg_group(struct svg *svg, const char *tooltip, ...) __attribute__((format(printf, 2, 3)));
void svg_group_end(struct svg *svg);

/* class is one or more names; opacity is 0 to 1. */
void svg_rect(struct svg *svg, double x, double y, double width, double height, const char *class,
              double opacity);
void svg_line(struct svg *svg, double x1, double y1, double x2, double y2, const char *class);

/* Where the text is, seen from x. */
enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* In one line on the base line y; turned anticlockwise around (x, y) by so many degrees. */
void svg_text(struct svg *svg, double x, double y, enum svg_anchor anchor, double degrees,
              const char *class, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

#endif
