// The bare loop: the physical limit of group commit on this disk. The file's blocks are written and
// synced before the measurement, so that a sync carries data and no new metadata.
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bare {
  int file;
  size_t size;
  size_t at;
  uint8_t *buffer;
  size_t room;
  size_t taken;
};

static int write_all(int file, const uint8_t *bytes, size_t count, size_t at) {
  while (count > 0) {
    ssize_t done = pwrite(file, bytes, count, (off_t)at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return peers_fail("pwrite: %s", strerror(errno));
    bytes += done;
    count -= (size_t)done;
    at += (size_t)done;
  }
  return 0;
}

bare *bare_open(const char *path, size_t file_size) {
  bare *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->size = file_size;
  b->room = 16 << 20;
  b->buffer = calloc(1, b->room);
  b->file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (!b->buffer || b->file < 0) {
    peers_fail("can't open %s: %s", path, strerror(errno));
    bare_close(b);
    return NULL;
  }
  for (size_t at = 0; at < file_size; at += 1 << 20)
    if (write_all(b->file, b->buffer, 1 << 20, at)) {
      bare_close(b);
      return NULL;
    }
  if (fsync(b->file)) {
    peers_fail("fsync: %s", strerror(errno));
    bare_close(b);
    return NULL;
  }
  return b;
}

/// The next `count` bytes of the pool, copied as an appender has to.
static void gather(bare *b, size_t to, const uint8_t *records, size_t pool, size_t count) {
  if (b->taken + count > pool) b->taken = 0;
  memcpy(b->buffer + to, records + b->taken, count);
  b->taken += count;
}

static int write_round(
    bare *b, const uint8_t *records, size_t pool, size_t set, int writers) {
  size_t filled = 0;
  for (int writer = 0; writer < writers; writer++) {
    gather(b, filled, records, pool, set);
    filled += set;
  }
  if (b->at + filled > b->size) b->at = 0;
  if (write_all(b->file, b->buffer, filled, b->at)) return -1;
  b->at += filled;
  return fdatasync(b->file) ? peers_fail("fdatasync: %s", strerror(errno)) : 0;
}

int bare_run_for(
    bare *b, const uint8_t *records, size_t pool, const size_t *sizes, int stages, size_t count,
    int writers, double seconds, uint64_t *latencies, size_t capacity, struct bare_run *run) {
  for (int stage = 0; stage < stages; stage++) {
    size_t set = sizes[stage] * count;
    if (set > pool || set * (size_t)writers > b->room || set * (size_t)writers > b->size)
      return peers_fail("more bytes a round than the bare loop takes");
  }
  uint64_t start = peers_now(), end = start + (uint64_t)(seconds * 1e9), now = start;
  memset(run, 0, sizeof *run);
  while (now < end) {
    uint64_t began = now;
    for (int stage = 0; stage < stages; stage++)
      if (write_round(b, records, pool, sizes[stage] * count, writers)) return -1;
    now = peers_now();
    if (run->rounds < capacity) latencies[run->rounds++] = now - began;
    run->operations += (uint64_t)writers;
  }
  run->nanoseconds = now - start;
  return 0;
}

int bare_run_unsynced(
    bare *b, const uint8_t *records, size_t pool, size_t size, double seconds, size_t limit,
    struct bare_run *run) {
  uint64_t start = peers_now(), end = start + (uint64_t)(seconds * 1e9), now = start;
  size_t room = 1 << 20;
  memset(run, 0, sizeof *run);
  while (now < end && run->operations * size < limit) {
    size_t filled = 0;
    for (; filled + size <= room; filled += size) {
      gather(b, filled, records, pool, size);
      run->operations++;
    }
    if (write_all(b->file, b->buffer, filled, b->at)) return -1;
    b->at += filled;
    now = peers_now();
  }
  run->nanoseconds = now - start;
  return 0;
}

void bare_close(bare *b) {
  if (b->file >= 0) close(b->file);
  free(b->buffer);
  free(b);
}
