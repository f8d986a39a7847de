/** How a computation is cut into tasks without knowing who runs them.
 *
 *  Kernels and blocks describe their work as ntask independent tasks; the executor they are
 * given runs each exactly once, on any thread, in any order. Every task writes its own part of
 * the output with the same arithmetic wherever it runs, so the executor never changes a bit.
 *  The worker's team of pinned threads is one executor; NULL is another: this thread, in order.
 */
#ifndef TFM_CORE_BASE_PAR_H
#define TFM_CORE_BASE_PAR_H

/** One task. arg is shared by all tasks; thread is 0..nthread-1 and picks the scratch memory.
 */
typedef void (*tfm_task_fn)(void *arg, int task, int thread);

typedef struct tfm_par tfm_par;
struct tfm_par {
  int nthread; /* >= 1 */
  /* Run tasks 0..ntask-1 and return when all are done. Between tasks thread 0 may do its
   * housekeeping (a rank polls its links there, DESIGN D6). Called by one thread at a time. */
  void (*run)(tfm_par *par, int ntask, tfm_task_fn fn, void *arg);
};

static inline int tfm_par_threads(const tfm_par *par)
{
  return par ? par->nthread : 1;
}

static inline void tfm_par_for(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  if (par) {
    par->run(par, ntask, fn, arg);
    return;
  }
  for (int task = 0; task < ntask; ++task) {
    fn(arg, task, 0);
  }
}

#endif
