#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set(struct view *v, const char *line) {
  struct colour c;
  char rest;
  if (sscanf(line, "centre %lf %lf %c", &v->x, &v->y, &rest) == 2) return 1;
  if (sscanf(line, "extent %lf %c", &v->extent, &rest) == 1) return 1;
  if (sscanf(line, "picture %d %d %c", &v->width, &v->height, &rest) == 2) return 1;
  if (sscanf(line, "tiles %d %d %c", &v->columns, &v->rows, &rest) == 2) return 1;
  if (sscanf(line, "iterations %d %c", &v->iterations, &rest) == 1) return 1;
  if (sscanf(line, "samples %d %c", &v->samples, &rest) == 1) return 1;
  if (sscanf(line, "period %lf %c", &v->period, &rest) == 1) return 1;
  if (sscanf(line, "colour %lf %d %d %d %c", &c.at, &c.red, &c.green, &c.blue, &rest) == 4 &&
      v->colour_count < MAX_COLOURS) {
    v->colours[v->colour_count++] = c;
    return 1;
  }
  return 0;
}

static const char *objection(const struct view *v) {
  if (v->width < 1 || v->height < 1 || v->width > 65536 || v->height > 65536)
    return "the picture must have 1 to 65536 pixels each way";
  if (v->columns < 1 || v->rows < 1 || v->width % v->columns || v->height % v->rows)
    return "the tiles must divide the picture";
  if (v->iterations < 1 || v->iterations > 10000000) return "iterations must be 1 to 10000000";
  if (v->samples < 1 || v->samples > 8) return "samples must be 1 to 8";
  if (!(v->extent > 0) || !(v->period > 0)) return "extent and period must be above 0";
  if (v->colour_count < 2) return "at least two colours are needed";
  for (int i = 0; i < v->colour_count; i++) {
    const struct colour *c = &v->colours[i];
    if ((c->red | c->green | c->blue) & ~255) return "a colour's parts are 0 to 255";
    if (i == 0 ? c->at != 0 : c->at <= v->colours[i - 1].at)
      return "the colours' places must ascend from 0";
  }
  if (v->colours[v->colour_count - 1].at != 1) return "the last colour's place must be 1";
  return NULL;
}

int view_read(const char *path, struct view *view) {
  char line[256];
  int number = 0;
  FILE *file = fopen(path, "r");
  if (!file) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 0;
  }
  memset(view, 0, sizeof *view);
  view->samples = 1;
  while (fgets(line, sizeof line, file)) {
    number++;
    if (line[0] == '#' || line[strspn(line, " \t\r\n")] == 0) continue;
    if (!set(view, line)) {
      fprintf(stderr, "%s:%d: not understood: %s", path, number, line);
      fclose(file);
      return 0;
    }
  }
  fclose(file);
  const char *wrong = objection(view);
  if (wrong) fprintf(stderr, "%s: %s\n", path, wrong);
  return wrong == NULL;
}
