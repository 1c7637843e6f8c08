/* join VIEW PICTURE.png TILE...: puts the tiles of a view, given in the order of their numbers,
   into one PNG picture. Holds one row of tiles at a time. */
#include "view.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static FILE *png;
static int failed;

static void put(const void *bytes, size_t count) {
  if (fwrite(bytes, 1, count, png) != count) failed = 1;
}

static void put32(uint32_t value) {
  unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                            (unsigned char)(value >> 8), (unsigned char)value};
  put(bytes, 4);
}

static void chunk(const char *kind, const unsigned char *bytes, size_t count) {
  uLong check = crc32(0, (const Bytef *)kind, 4);
  if (count) check = crc32(check, bytes, (uInt)count);
  put32((uint32_t)count);
  put(kind, 4);
  if (count) put(bytes, count);
  put32((uint32_t)check);
}

static void header(const struct view *v) {
  unsigned char h[13] = {0};
  for (int k = 0; k < 4; k++) {
    h[k] = (unsigned char)(v->width >> (24 - 8 * k));
    h[4 + k] = (unsigned char)(v->height >> (24 - 8 * k));
  }
  h[8] = 8; /* bits a sample */
  h[9] = 2; /* red, green, blue */
  put("\x89PNG\r\n\x1a\n", 8);
  chunk("IHDR", h, sizeof h);
}

/* Compresses some bytes (or, with Z_FINISH, the rest) into IDAT chunks. */
static void compress_into(z_stream *z, unsigned char *bytes, size_t count, int flush) {
  static unsigned char out[65536];
  z->next_in = bytes;
  z->avail_in = (uInt)count;
  do {
    z->next_out = out;
    z->avail_out = sizeof out;
    deflate(z, flush);
    if (z->avail_out < sizeof out) chunk("IDAT", out, sizeof out - z->avail_out);
  } while (z->avail_out == 0);
}

/* Copies a tile into a row of tiles, `stride` bytes a line. */
static int read_tile(const char *path, int width, int height, unsigned char *at, size_t stride) {
  int w = 0, h = 0, max = 0, ok = 0;
  FILE *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "join: %s: %s\n", path, strerror(errno));
    return 0;
  }
  if (fscanf(file, "P6 %d %d %d", &w, &h, &max) == 3 && fgetc(file) == '\n' && w == width &&
      h == height && max == 255) {
    ok = 1;
    for (int line = 0; ok && line < height; line++, at += stride)
      ok = fread(at, 3, (size_t)width, file) == (size_t)width;
    ok = ok && fgetc(file) == EOF;
  }
  if (!ok) fprintf(stderr, "join: %s: not a PPM picture of %d x %d pixels\n", path, width, height);
  fclose(file);
  return ok;
}

static int join(const struct view *v, char **tiles) {
  int width = v->width / v->columns, height = v->height / v->rows;
  size_t stride = (size_t)v->width * 3;
  unsigned char *row = malloc(stride * (size_t)height), *line = malloc(stride + 1);
  z_stream z = {0};
  int ok = row && line && deflateInit(&z, 9) == Z_OK;
  header(v);
  for (int r = 0; ok && r < v->rows; r++) {
    for (int c = 0; ok && c < v->columns; c++)
      ok = read_tile(tiles[r * v->columns + c], width, height, row + c * width * 3, stride);
    for (int y = 0; ok && y < height; y++) {
      const unsigned char *pixels = row + stride * (size_t)y;
      line[0] = 1; /* filter "Sub": differences to the pixel on the left */
      for (size_t x = 0; x < stride; x++)
        line[x + 1] = (unsigned char)(pixels[x] - (x < 3 ? 0 : pixels[x - 3]));
      compress_into(&z, line, stride + 1, Z_NO_FLUSH);
    }
  }
  if (ok) compress_into(&z, NULL, 0, Z_FINISH);
  deflateEnd(&z);
  chunk("IEND", NULL, 0);
  free(row);
  free(line);
  return ok;
}

int main(int count, char **words) {
  struct view view;
  if (count < 4) {
    fprintf(stderr, "usage: join VIEW PICTURE.png TILE...\n");
    return 2;
  }
  if (!view_read(words[1], &view)) return 2;
  if (count - 3 != view.columns * view.rows) {
    fprintf(stderr, "join: %d tiles are given, the view has %d\n", count - 3,
            view.columns * view.rows);
    return 2;
  }
  png = fopen(words[2], "wb");
  if (!png) {
    fprintf(stderr, "join: %s: %s\n", words[2], strerror(errno));
    return 1;
  }
  int ok = join(&view, words + 3);
  if (fclose(png) != 0) failed = 1;
  if (failed) fprintf(stderr, "join: %s: %s\n", words[2], strerror(errno));
  if (!ok || failed) remove(words[2]);
  return ok && !failed ? 0 : 1;
}
