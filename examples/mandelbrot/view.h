/* A view: which part of the Mandelbrot set is drawn, how large, in how many tiles and colours.
   Both programs read it from the same file; README.md tells its lines. */
#ifndef VIEW_H
#define VIEW_H

enum { MAX_COLOURS = 32 };

struct colour {
  double at; /* from 0 to 1, ascending */
  int red, green, blue;
};

struct view {
  double x, y;     /* the centre */
  double extent;   /* the width of the picture in the plane */
  int width, height;
  int columns, rows; /* of tiles; they divide width and height */
  int iterations;
  int samples;     /* a pixel is the mean of samples x samples points */
  double period;   /* how many iterations go once through the colours */
  struct colour colours[MAX_COLOURS];
  int colour_count;
};

/* Reads a view; prints what is wrong and returns 0 if it is none. */
int view_read(const char *path, struct view *view);

#endif
