// The common part: errors, the clock, dispatch, and reading with a checksum.
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static __thread char error_text[512];

const char *peers_error(void) { return error_text; }

int peers_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error_text, sizeof error_text, format, arguments);
  va_end(arguments);
  return -1;
}

uint64_t peers_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int peer_append(peer *p, int writer, const uint8_t *records, size_t size, size_t count) {
  return p->append(p, writer, records, size, count);
}

int peer_job(
    peer *p, int writer, uint64_t job, int stage, const uint8_t *record, size_t size) {
  return p->job(p, writer, job, stage, record, size);
}

void peer_close(peer *p) { p->close(p); }

uint64_t peers_xxh64(const void *bytes, size_t size) { return XXH64(bytes, size, 0); }

int peers_read_and_hash(const char *path, size_t piece, uint64_t *total, uint64_t *hash) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return peers_fail("can't open %s: %s", path, strerror(errno));
  uint8_t *buffer = malloc(piece);
  ssize_t got = buffer ? 1 : -1;
  while (got > 0) {
    got = read(file, buffer, piece);
    if (got <= 0) break;
    *hash ^= XXH64(buffer, (size_t)got, 0);
    *total += (uint64_t)got;
  }
  free(buffer);
  close(file);
  return got == 0 ? 0 : peers_fail("can't read %s: %s", path, strerror(errno));
}
