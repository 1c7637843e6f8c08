// RocksDB as it comes, WriteOptions.sync = true: concurrent writers are grouped by its own leader.
#include "peer.h"

#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct rocks_peer {
  peer base;
  rocksdb_t *db;
  rocksdb_options_t *options;
  rocksdb_writeoptions_t *write;
  _Atomic uint64_t next;
  int writers;
  rocksdb_writebatch_t **batches;
};

static void number_key(char key[8], uint64_t number) {
  for (int index = 0; index < 8; index++) key[index] = (char)(number >> (56 - 8 * index));
}

static int done(char *error) {
  if (!error) return 0;
  peers_fail("rocksdb: %s", error);
  rocksdb_free(error);
  return -1;
}

static int append(peer *p, int writer, const uint8_t *records, size_t size, size_t count) {
  struct rocks_peer *all = (struct rocks_peer *)p;
  rocksdb_writebatch_t *batch = all->batches[writer];
  uint64_t first = atomic_fetch_add(&all->next, count);
  char *error = NULL, key[8];
  rocksdb_writebatch_clear(batch);
  for (size_t index = 0; index < count; index++) {
    number_key(key, first + index);
    rocksdb_writebatch_put(batch, key, 8, (const char *)records + index * size, size);
  }
  rocksdb_write(all->db, all->write, batch, &error);
  return done(error);
}

static int job(
    peer *p, int writer, uint64_t number, int stage, const uint8_t *record, size_t size) {
  struct rocks_peer *all = (struct rocks_peer *)p;
  char *error = NULL, key[9];
  (void)writer;
  number_key(key, number);
  key[8] = (char)stage;
  rocksdb_put(all->db, all->write, key, 9, (const char *)record, size, &error);
  return done(error);
}

static void close_all(peer *p) {
  struct rocks_peer *all = (struct rocks_peer *)p;
  if (all->db) rocksdb_close(all->db);
  for (int index = 0; index < all->writers; index++)
    if (all->batches[index]) rocksdb_writebatch_destroy(all->batches[index]);
  free(all->batches);
  rocksdb_writeoptions_destroy(all->write);
  rocksdb_options_destroy(all->options);
  free(all);
}

peer *peer_open_rocksdb(const char *directory, int writers, enum peer_sync sync) {
  struct rocks_peer *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  all->base = (peer){append, job, close_all};
  all->batches = calloc((size_t)writers, sizeof *all->batches);
  all->writers = all->batches ? writers : 0;
  for (int index = 0; index < all->writers; index++)
    all->batches[index] = rocksdb_writebatch_create();
  all->options = rocksdb_options_create();
  rocksdb_options_set_create_if_missing(all->options, 1);
  all->write = rocksdb_writeoptions_create();
  rocksdb_writeoptions_set_sync(all->write, sync == PEER_DURABLE);
  char path[4096], *error = NULL;
  snprintf(path, sizeof path, "%s/rocksdb", directory);
  all->db = rocksdb_open(all->options, path, &error);
  if (done(error)) {
    close_all(&all->base);
    return NULL;
  }
  return &all->base;
}
