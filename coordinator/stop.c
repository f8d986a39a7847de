#include "coordinator/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* What a signal handler may touch: lock-free atomics alone. */
static atomic_int asked; /* a tfm_stop */
static atomic_int by;    /* the signal that asked for it */
static atomic_bool heeded;
static atomic_bool interrupts, interrupted; /* of SIGINT alone */
static _Atomic(tfm_world *) sleeper;
static atomic_int launcher;    /* its process, 0 for none */
static atomic_llong continued; /* when, in milliseconds of the steady clock; 0: never */

static const struct {
  int signal;
  tfm_stop stop;
  bool polite; /* stays ignored where it was */
  const char *name;
} signals[] = {{SIGUSR1, TFM_STOP_DRAIN, false, "SIGUSR1"},
               {SIGUSR2, TFM_STOP_DRAIN, false, "SIGUSR2"},
               {SIGTERM, TFM_STOP_NOW, false, "SIGTERM"},
               {SIGINT, TFM_STOP_NOW, false, "SIGINT"},
               {SIGHUP, TFM_STOP_NOW, true, "SIGHUP"}};

/* Sent by the system when the launcher ends; nobody else uses it. */
static const char launcher_name[] = "the end of its launcher";
#define LAUNCHER_SIGNAL (SIGRTMAX - 3)

enum { NSIGNAL = sizeof signals / sizeof signals[0] };

static void handle(int signal)
{
  int keep = errno;
  int stop = signal == LAUNCHER_SIGNAL ? TFM_STOP_NOW : TFM_STOP_DRAIN;
  for (int i = 0; i < NSIGNAL; ++i) {
    stop = signals[i].signal == signal ? (int)signals[i].stop : stop;
  }
  if (signal == SIGINT && atomic_load(&interrupts) && !atomic_exchange(&interrupted, true)) {
    return;
  }
  bool again = stop == TFM_STOP_NOW && atomic_load(&asked) == TFM_STOP_NOW;
  if (again || !atomic_load(&heeded)) {
    _exit(tfm_status_exit(TFM_E_STOPPED));
  }
  if (stop > atomic_load(&asked)) {
    atomic_store(&by, signal);
    atomic_store(&asked, stop);
  }
  tfm_world *world = atomic_load(&sleeper);
  if (world) {
    tfm_world_wake(world);
  }
  errno = keep;
}

void tfm_stop_install(void)
{
  for (int i = 0; i < NSIGNAL; ++i) {
    struct sigaction now = {0};
    struct sigaction action = {.sa_handler = handle};
    bool ignored = sigaction(signals[i].signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
    if (!signals[i].polite || !ignored) {
      (void)sigemptyset(&action.sa_mask);
      (void)sigaction(signals[i].signal, &action, NULL);
    }
  }
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
}

bool tfm_stop_has_launcher(void)
{
  return atomic_load(&launcher) > 1;
}

bool tfm_stop_launcher_gone(void)
{
  int pid = atomic_load(&launcher);
  return pid > 1 && getppid() != pid;
}

/* The signal comes when the thread that started this process ends, too: then nothing is lost. */
static void handle_launcher(int signal)
{
  if (tfm_stop_launcher_gone()) {
    handle(signal);
  }
}

static long long now_ms(void)
{
  struct timespec now = {0};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void handle_continue(int signal)
{
  (void)signal;
  atomic_store(&continued, now_ms());
}

bool tfm_stop_continued(int ms)
{
  const long long at = atomic_load(&continued);
  return at && now_ms() - at < ms;
}

void tfm_stop_with_launcher(void)
{
  struct sigaction action = {.sa_handler = handle_launcher};
  struct sigaction again = {.sa_handler = handle_continue, .sa_flags = SA_RESTART};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(LAUNCHER_SIGNAL, &action, NULL);
  (void)sigemptyset(&again.sa_mask);
  (void)sigaction(SIGCONT, &again, NULL);
  atomic_store(&launcher, (int)getppid());
  (void)prctl(PR_SET_PDEATHSIG, (unsigned long)LAUNCHER_SIGNAL);
  if (tfm_stop_launcher_gone()) { /* before it could be told */
    _exit(tfm_status_exit(TFM_E_STOPPED));
  }
}

void tfm_stop_ignore(void)
{
  for (int i = 0; i < NSIGNAL; ++i) {
    (void)signal(signals[i].signal, SIG_IGN);
  }
}

void tfm_stop_heed(tfm_world *world)
{
  atomic_store(&sleeper, world);
  atomic_store(&heeded, true);
}

void tfm_stop_interrupts(void)
{
  atomic_store(&interrupts, true);
}

bool tfm_stop_interrupted(void)
{
  return atomic_exchange(&interrupted, false);
}

void tfm_stop_wake_nobody(void)
{
  atomic_store(&sleeper, NULL);
}

tfm_stop tfm_stop_asked(void)
{
  return (tfm_stop)atomic_load(&asked);
}

tfm_status tfm_stop_fail(tfm_err *err)
{
  const char *name = atomic_load(&by) == LAUNCHER_SIGNAL ? launcher_name : "a signal";
  for (int i = 0; i < NSIGNAL; ++i) {
    name = signals[i].signal == atomic_load(&by) ? signals[i].name : name;
  }
  return tfm_fail(err, TFM_E_STOPPED, "stopped by %s", name);
}
