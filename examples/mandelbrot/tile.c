/* tile VIEW INDEX [FILE]: draws one tile of a view as a PPM picture (P6), to FILE or to standard
   output. Tiles are counted from 0, row by row.

   If TILE_TRACE names a file, the tile's number is added to it first: so it can be seen how often
   each tile was begun.

   The same view and index give the same bytes on every machine: only additions, multiplications,
   divisions and comparisons of IEEE doubles, no fused ones (-ffp-contract=off), no math library. */
#include "view.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The base-2 logarithm of a normal number above 0, to some 14 digits. */
static double binary_logarithm(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
  bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
  memcpy(&x, &bits, sizeof x);
  if (x > 1.4142135623730951) {
    x /= 2;
    exponent++;
  }
  double s = (x - 1) / (x + 1), square = s * s, sum = 0;
  for (int k = 17; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
  return exponent + 2 * s * sum * 1.4426950408889634;
}

/* How soon the point escapes, smoothed between iterations; negative if it does not. */
static double escape(double cx, double cy, int limit) {
  double dx = cx - 0.25, q = dx * dx + cy * cy;
  if (q * (q + dx) <= 0.25 * cy * cy) return -1;                /* the cardioid */
  if ((cx + 1) * (cx + 1) + cy * cy <= 0.0625) return -1;       /* the disc to its left */
  double x = 0, y = 0, xx = 0, yy = 0, px = 0, py = 0;
  int next = 16;
  for (int n = 0; n < limit; n++) {
    y = 2 * x * y + cy;
    x = xx - yy + cx;
    xx = x * x;
    yy = y * y;
    if (xx + yy > 65536) return n + 1 - binary_logarithm(binary_logarithm(xx + yy) / 2);
    if (x == px && y == py) return -1; /* it came back: it goes in circles for ever */
    if (n == next) {
      px = x;
      py = y;
      next *= 2;
    }
  }
  return -1;
}

static void add_colour(const struct view *v, double escaped, int sum[3]) {
  if (escaped < 0) return; /* inside: black */
  double turns = escaped / v->period;
  double place = turns - (double)(int64_t)turns;
  if (place < 0) place += 1;
  int i = 1;
  while (i < v->colour_count - 1 && v->colours[i].at < place) i++;
  const struct colour *a = &v->colours[i - 1], *b = &v->colours[i];
  double share = (place - a->at) / (b->at - a->at);
  sum[0] += (int)(a->red + share * (b->red - a->red) + 0.5);
  sum[1] += (int)(a->green + share * (b->green - a->green) + 0.5);
  sum[2] += (int)(a->blue + share * (b->blue - a->blue) + 0.5);
}

static void draw(const struct view *v, int index, unsigned char *out) {
  int width = v->width / v->columns, height = v->height / v->rows, s = v->samples;
  int left = index % v->columns * width, top = index / v->columns * height;
  double step = v->extent / ((double)v->width * s);
  for (int row = 0; row < height; row++) {
    for (int column = 0; column < width; column++) {
      int sum[3] = {0, 0, 0};
      for (int k = 0; k < s * s; k++) {
        int i = (left + column) * s + k % s, j = (top + row) * s + k / s;
        double cx = v->x + (i + 0.5 - v->width * s / 2.0) * step;
        double cy = v->y - (j + 0.5 - v->height * s / 2.0) * step;
        add_colour(v, escape(cx, cy, v->iterations), sum);
      }
      for (int k = 0; k < 3; k++) *out++ = (unsigned char)((sum[k] + s * s / 2) / (s * s));
    }
  }
}

static void leave_trace(long index) {
  const char *name = getenv("TILE_TRACE");
  FILE *trace = name && *name ? fopen(name, "a") : NULL;
  if (!trace) return;
  fprintf(trace, "%ld\n", index);
  fclose(trace);
}

int main(int count, char **words) {
  struct view view;
  if (count != 3 && count != 4) {
    fprintf(stderr, "usage: tile VIEW INDEX [FILE]\n");
    return 2;
  }
  if (!view_read(words[1], &view)) return 2;
  char *end;
  long index = strtol(words[2], &end, 10);
  if (*words[2] == 0 || *end || index < 0 || index >= (long)view.columns * view.rows) {
    fprintf(stderr, "tile: '%s' is not a tile from 0 to %d\n", words[2],
            view.columns * view.rows - 1);
    return 2;
  }
  leave_trace(index);
  int width = view.width / view.columns, height = view.height / view.rows;
  size_t size = (size_t)width * (size_t)height * 3;
  unsigned char *pixels = malloc(size);
  if (!pixels) {
    fprintf(stderr, "tile: no memory for %zu bytes\n", size);
    return 1;
  }
  draw(&view, (int)index, pixels);

  const char *name = count == 4 ? words[3] : "standard output";
  FILE *out = count == 4 ? fopen(words[3], "wb") : stdout;
  int done = out && fprintf(out, "P6\n%d %d\n255\n", width, height) > 0 &&
             fwrite(pixels, 1, size, out) == size;
  if (out && fclose(out) != 0) done = 0;
  if (!done) fprintf(stderr, "tile: %s: %s\n", name, strerror(errno));
  free(pixels);
  return done ? 0 : 1;
}
