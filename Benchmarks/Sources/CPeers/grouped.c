// Group commit by threads, as lean as it can be: who finds no sync under way takes all that
// gathered, writes it and syncs; the others wait to be told. Beside the bare loop it shows what
// handing over between threads costs on this machine.
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 4 << 20, FILE_SIZE = 256 << 20 };

struct grouped_peer {
  peer base;
  pthread_mutex_t lock;
  pthread_cond_t synced;
  int file, syncing, broken;
  size_t at, filled;
  /// The group that gathers now, and the last one that is durable.
  uint64_t gathering, durable;
  uint8_t *buffer, *spare;
};

static int write_group(struct grouped_peer *g, const uint8_t *bytes, size_t count) {
  if (g->at + count > FILE_SIZE) g->at = 0;
  while (count > 0) {
    ssize_t done = pwrite(g->file, bytes, count, (off_t)g->at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    bytes += done;
    count -= (size_t)done;
    g->at += (size_t)done;
  }
  return fdatasync(g->file);
}

/// Called and left with the lock held.
static void sync_group(struct grouped_peer *g) {
  uint8_t *bytes = g->buffer;
  size_t count = g->filled;
  uint64_t group = g->gathering++;
  g->buffer = g->spare;
  g->filled = 0;
  g->syncing = 1;
  pthread_mutex_unlock(&g->lock);
  int failed = write_group(g, bytes, count);
  pthread_mutex_lock(&g->lock);
  g->spare = bytes;
  g->syncing = 0;
  g->durable = group;
  g->broken |= failed;
  pthread_cond_broadcast(&g->synced);
}

static int append(peer *p, int writer, const uint8_t *records, size_t size, size_t count) {
  struct grouped_peer *g = (struct grouped_peer *)p;
  size_t bytes = size * count;
  (void)writer;
  if (bytes > ROOM) return peers_fail("a batch too long");
  pthread_mutex_lock(&g->lock);
  while (g->filled + bytes > ROOM) pthread_cond_wait(&g->synced, &g->lock);
  memcpy(g->buffer + g->filled, records, bytes);
  g->filled += bytes;
  uint64_t mine = g->gathering;
  while (g->durable < mine && !g->broken) {
    if (g->syncing)
      pthread_cond_wait(&g->synced, &g->lock);
    else
      sync_group(g);
  }
  int broken = g->broken;
  pthread_mutex_unlock(&g->lock);
  return broken ? peers_fail("the file can't be written") : 0;
}

static int job(
    peer *p, int writer, uint64_t number, int stage, const uint8_t *record, size_t size) {
  (void)number;
  (void)stage;
  return append(p, writer, record, size, 1);
}

static void close_all(peer *p) {
  struct grouped_peer *g = (struct grouped_peer *)p;
  if (g->file >= 0) close(g->file);
  free(g->buffer);
  free(g->spare);
  pthread_cond_destroy(&g->synced);
  pthread_mutex_destroy(&g->lock);
  free(g);
}

peer *peer_open_grouped(const char *path) {
  struct grouped_peer *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  g->base = (peer){append, job, close_all};
  pthread_mutex_init(&g->lock, NULL);
  pthread_cond_init(&g->synced, NULL);
  g->gathering = 1;
  g->buffer = calloc(1, ROOM);
  g->spare = calloc(1, ROOM);
  g->file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int failed = g->file < 0 || !g->buffer || !g->spare;
  for (size_t at = 0; !failed && at < FILE_SIZE; at += ROOM)
    failed = pwrite(g->file, g->spare, ROOM, (off_t)at) != ROOM;
  if (failed || fsync(g->file)) {
    peers_fail("can't write %s: %s", path, strerror(errno));
    close_all(&g->base);
    return NULL;
  }
  return &g->base;
}
