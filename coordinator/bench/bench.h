/** The verb `bench`: how fast one part of the program is, as a table.
 *
 *  A subject is one file here, one row of TFM_BENCH_MAP (coordinator/cli/options.h) and one case in
 *  bench.c. Subjects measure what runs in a job, through the same calls. */
#ifndef TFM_COORDINATOR_BENCH_BENCH_H
#define TFM_COORDINATOR_BENCH_BENCH_H

#include "coordinator/bench/table.h"
#include "coordinator/cli/options.h"
#include "proto/world.h"

/** Measure what the options name and append the table to out. */
tfm_status tfm_bench_run(tfm_world *world, const tfm_options *options, tfm_buf *out,
                         tfm_err *err) TFM_MUST_USE;

/** `bench tokenize`: all rows of the input through one tokenizer on --threads threads, offsets
 *  included. Two rows: with an empty memory of words at the start of each pass, and with the one
 *  that the pass before left. Rows are read (and held in memory) before the clock starts. */
tfm_status tfm_bench_tokenize(const tfm_options *options, tfm_bench_table *table,
                              tfm_err *err) TFM_MUST_USE;

/** `bench encode`: the input's rows, or rows of --lengths tokens, through the model in --dtype
 *  (auto: in each), without text: embeddings, units and head of one process, --threads threads
 *  with a copy of the model each. Flops are of real tokens, two a multiply-add; the peak is that
 *  of the dtype's register tile (core/kernels/peak.h); both are by CPU seconds. */
tfm_status tfm_bench_encode(const tfm_options *options, tfm_bench_table *table,
                            tfm_err *err) TFM_MUST_USE;

/** `bench linear`: the linear maps of one layer of the model, alone, on calls of --lengths rows
 *  (16, 128 and 384 without), weights made up and in copies that L2 does not hold. `bench
 *  attention`: its heads on sequences of --lengths tokens, as many as make 384. One thread, by CPU
 *  seconds, medians of the repetitions; options->subject says which of the two. */
tfm_status tfm_bench_kernels(const tfm_options *options, tfm_bench_table *table,
                             tfm_err *err) TFM_MUST_USE;

/** `bench comm`: frames between two ranks, of 4 bytes to 4 MiB of values, through the calls of a
 *  job (sealed, sent, checked). Pairs are --pairs, or neighbours; one after the other, while the
 *  other ranks wait as they do in a job. Collective: all ranks, workers in tfm_worker_main(). */
tfm_status tfm_bench_comm(tfm_world *world, const tfm_options *options, tfm_bench_table *table,
                          tfm_err *err) TFM_MUST_USE;

/** `bench memory`: STREAM's loops (core/kernels/stream.h), the best of the repetitions. In one
 *  process on --threads threads, or 1, 2, 4 ... and all its cores. Of several ranks each alone on
 *  --threads threads or all its cores while the others wait, then all at once, those with the same
 *  cores on their share of them. Collective: all ranks, workers in tfm_worker_main(). */
tfm_status tfm_bench_memory(tfm_world *world, const tfm_options *options,
                            tfm_bench_table *table, tfm_err *err) TFM_MUST_USE;

/** Sort n samples (n >= 1) and give the middle one; of an even number the mean of both. */
double tfm_bench_median(double *samples, size_t n);

#endif
