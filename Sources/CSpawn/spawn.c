// clone(CLONE_VM | CLONE_VFORK): the child borrows the parent's memory on a stack of its own, so
// that the cost doesn't grow with the parent, and reports a failure by writing to that memory. It
// calls nothing but thin system call wrappers.
#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1u
#endif

struct child {
  const struct rpcv_command *spawn;
  sigset_t empty;
  pid_t parent;
  volatile int step;
  volatile int code;
};

static int fail(struct child *child, int step) {
  child->code = errno;
  child->step = step;
  _exit(127);
}

// Handlers of the parent must not run in the child, and what the parent ignores must not stay
// ignored: an ignored SIGPIPE survives exec.
static void reset_signals(void) {
  // The kernel's own structure: glibc refuses to touch 32 and 33, which may be ignored just the
  // same.
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } current, fresh;
  memset(&fresh, 0, sizeof fresh);
  for (int number = 1; number < 65; number++) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    if (syscall(SYS_rt_sigaction, number, NULL, &current, sizeof fresh.mask) != 0) continue;
    if (current.handler == SIG_DFL) continue;
    syscall(SYS_rt_sigaction, number, &fresh, NULL, sizeof fresh.mask);
  }
}

static int limit(int resource, uint64_t value) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return -1;
  if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max) value = now.rlim_max;
  now.rlim_cur = value;
  if (resource != RLIMIT_NOFILE) now.rlim_max = value;
  return setrlimit(resource, &now);
}

static int limits(const struct rpcv_command *spawn) {
  struct rlimit core = {0, 0};
  if (setrlimit(RLIMIT_CORE, &core) != 0) return -1;
  if (spawn->file_size != 0 && limit(RLIMIT_FSIZE, spawn->file_size) != 0) return -1;
  if (spawn->open_files != 0 && limit(RLIMIT_NOFILE, spawn->open_files) != 0) return -1;
  if (spawn->address_space != 0 && limit(RLIMIT_AS, spawn->address_space) != 0) return -1;
  return 0;
}

// A wish, not a promise: without /proc the child keeps the parent's score.
static void prefer_for_oom(int score) {
  char text[8];
  int length = 0;
  if (score <= 0) return;
  if (score > 1000) score = 1000;
  for (int unit = 1000; unit > 0; unit /= 10) {
    if (score >= unit || length > 0) text[length++] = (char)('0' + score / unit % 10);
  }
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, text, (size_t)length) < 0) { /* see above */ }
  close(file);
}

static void close_others(void) {
  if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0) return;
  struct rlimit files;
  int last = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 65536 ? (int)files.rlim_cur
                                                                             : 65536;
  for (int number = 3; number < last; number++) close(number);
}

static int run(void *argument) {
  struct child *child = argument;
  const struct rpcv_command *spawn = child->spawn;
  reset_signals();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return fail(child, rpcv_step_parent);
  if (getppid() != child->parent) _exit(127);
  if (setsid() < 0) return fail(child, rpcv_step_session);
  prefer_for_oom(spawn->oom_score);
  if (chdir(spawn->directory) != 0) return fail(child, rpcv_step_directory);
  if (dup2(spawn->input, 0) < 0 || dup2(spawn->output, 1) < 0 || dup2(spawn->error, 2) < 0)
    return fail(child, rpcv_step_descriptors);
  close_others();
  // Last, for they bind the child's own work as well.
  if (limits(spawn) != 0) return fail(child, rpcv_step_limits);
  sigprocmask(SIG_SETMASK, &child->empty, NULL);
  execve(spawn->program, spawn->arguments, spawn->environment);
  return fail(child, rpcv_step_exec);
}

struct rpcv_spawned rpcv_spawn(const struct rpcv_command *spawn) {
  struct rpcv_spawned result = {-1, -1, rpcv_step_clone, 0};
  const size_t size = 64 * 1024;
  // One stack a thread would do; a fresh mapping costs 4 us and can't be shared by mistake.
  char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    result.code = errno;
    return result;
  }
  struct child child = {.spawn = spawn, .parent = getpid()};
  sigset_t all, before;
  sigemptyset(&child.empty);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int pidfd = -1;
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
  pid_t pid = clone(run, stack + size, flags, &child, &pidfd);
  int code = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  munmap(stack, size);
  if (pid < 0) {
    result.code = code;
    return result;
  }
  if (child.step != rpcv_step_none) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(pidfd);
    result.step = child.step;
    result.code = child.code;
    return result;
  }
  result.pid = pid;
  result.pidfd = pidfd;
  result.step = rpcv_step_none;
  return result;
}

int rpcv_become_subreaper(void) {
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : errno;
}

int rpcv_reap(pid_t pid, int *status, int64_t *peak_kib) {
  struct rusage usage;
  pid_t ended;
  do {
    ended = wait4(pid, status, WNOHANG | __WALL, &usage);
  } while (ended < 0 && errno == EINTR);
  if (ended < 0) return -errno;
  if (ended == 0) return 0;
  *peak_kib = usage.ru_maxrss;
  return 1;
}

int rpcv_epoll_make(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  return epoll < 0 ? -errno : epoll;
}

int rpcv_epoll_add(int epoll, int descriptor, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = tag}};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 ? 0 : errno;
}

void rpcv_epoll_remove(int epoll, int descriptor) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL);
}

int rpcv_epoll_wait(int epoll, uint64_t *tags, int capacity, int timeout_ms) {
  struct epoll_event found[64];
  int count = epoll_wait(epoll, found, capacity < 64 ? capacity : 64, timeout_ms);
  if (count < 0) return -errno;
  for (int index = 0; index < count; index++) tags[index] = found[index].data.u64;
  return count;
}

int rpcv_event_make(void) {
  int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return event < 0 ? -errno : event;
}

int rpcv_memory_file(const char *name) {
  int file = memfd_create(name, MFD_CLOEXEC);
  return file < 0 ? -errno : file;
}

int rpcv_pipe(int *reading, int *writing) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    int code = errno;
    close(ends[0]);
    close(ends[1]);
    return code;
  }
  *reading = ends[0];
  *writing = ends[1];
  return 0;
}

void rpcv_widen_pipe(int descriptor, int size) { fcntl(descriptor, F_SETPIPE_SZ, size); }

void rpcv_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
