// What an engine behind peers.h has to provide.
#ifndef PEER_H
#define PEER_H

#include "peers.h"

struct peer {
  int (*append)(peer *p, int writer, const uint8_t *records, size_t size, size_t count);
  int (*job)(peer *p, int writer, uint64_t job, int stage, const uint8_t *record, size_t size);
  void (*close)(peer *p);
};

/// Notes why; returns -1.
int peers_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t peers_now(void);

#endif
