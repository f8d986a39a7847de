#include "coordinator/growth.h"

#include "core/kernels/pages.h"
#include "core/model/cost.h"

#include <math.h>

enum {
  SLOTS_MOST = 256,    /* texts in flight on a line */
  PROMPT_TOKENS = 512, /* of a micro-batch: a kernel is at full speed from here on */
  REACH = 1 << 15,     /* tokens of a text of an endless model, where no more are asked for */
  FULL_TEXTS = 64      /* by rule there are pages for so many of the model's full length ... */
};

static const int64_t budget_most = (int64_t)1 << 30; /* ... but no more than this */

/* Bytes of a page on the rank that keeps most. */
static int64_t page_bytes(const tfm_job *job)
{
  int64_t most = 1;
  for (int rank = 1; rank < job->plan.nrank; ++rank) {
    const tfm_plan_rank *r = &job->plan.ranks[rank];
    if (r->stage >= 0) {
      const int64_t bytes = tfm_cost_page_bytes(&job->model.config, job->engine.kv,
                                                r->units.first, r->units.last);
      most = bytes > most ? bytes : most;
    }
  }
  return most;
}

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/* Micro-batches a line is to have under way: one for each stage, or as many as can run at once
 * where those are fewer: each reads all weights, so smaller ones do so more often for the same
 * texts. */
static int groups_of(const tfm_job *job)
{
  const double at_once = ceil(job->request.parallel / job->plan.replicas);
  return at_once > 0 && at_once < job->plan.stages ? (int)at_once : job->plan.stages;
}

/* The oracle computes a text in one piece, and angles that change while it grows not at all. */
static void spare_oracle(tfm_job *job)
{
  const bool asked = job->options->verb == TFM_VERB_VERIFY || job->options->verify_of;
  if (asked && job->task->grows && job->model.config.scaling.dynamic) {
    job->model.config.endless = false;
  }
}

int64_t tfm_growth_limit(tfm_job *job)
{
  const tfm_config *config = &job->model.config;
  spare_oracle(job);
  return config->endless ? most(config->max_length, TFM_LENGTH_MOST) : config->max_length;
}

static int64_t pages_for(int64_t tokens)
{
  return (tokens + TFM_PAGE_KEYS - 1) / TFM_PAGE_KEYS;
}

/* Pages of a text as long as the model was trained on, or as was asked for, with all its branches;
 * those of its source apart. */
static int64_t pages_of_one(const tfm_job *job, int64_t source, int64_t width)
{
  const tfm_options *o = job->options;
  const tfm_config *config = &job->model.config;
  const int64_t asked = source == 0 && o->max_length ? o->max_length + o->max_new_tokens : 0;
  return pages_for(config->endless ? most(config->trained, asked) : config->trained) * width;
}

static int64_t pages_by(const tfm_job *job, int64_t bytes, int64_t one)
{
  const tfm_config *config = &job->model.config;
  const int64_t full = pages_for(config->trained) * (tfm_config_decoder(config) ? 2 : 1);
  const int64_t asked = job->options->kv_budget;
  return asked ? asked / bytes : most(least(FULL_TEXTS * full, budget_most / bytes), one);
}

/* An endless model's texts get as long as one whose keys and values are all on one rank may. */
static void reach(tfm_job *job, int64_t source, int64_t width)
{
  tfm_config *config = &job->model.config;
  const int64_t one = pages_of_one(job, source, width);
  const int64_t bytes = tfm_cost_page_bytes(config, job->engine.kv, 0, 2 * config->L);
  const int64_t pages = pages_by(job, most(bytes, 1), source + one) - source;
  const int64_t rule =
      job->options->kv_budget ? TFM_LENGTH_MOST : most(REACH, one / width * TFM_PAGE_KEYS);
  tfm_config_reach(config, least(least(pages / width * TFM_PAGE_KEYS, rule), TFM_LENGTH_MOST));
}

tfm_status tfm_growth_plan(tfm_job *job, tfm_err *err)
{
  if (!job->task->grows) {
    return TFM_OK;
  }
  const tfm_branching *how = job->task->grows(&job->context);
  const int64_t bytes = page_bytes(job);
  const int64_t source =
      tfm_config_decoder(&job->model.config) ? pages_for(job->max_length) : 0;
  reach(job, source, how->width);
  const int64_t asked = job->options->kv_budget;
  int64_t pages = pages_by(job, bytes, source + pages_of_one(job, source, how->width));
  pages = least(pages, INT32_MAX);
  const int64_t slots = most(how->width, least(least(pages, SLOTS_MOST), job->max_sequences));
  if (slots > job->max_sequences) {
    return tfm_fail(err, TFM_E_USAGE,
                    "%lld texts of a row side by side: a micro-batch has room for %lld; raise "
                    "--max-batch-tokens",
                    (long long)how->width, (long long)job->max_sequences);
  }
  if (pages == 0) {
    return tfm_fail(
        err, TFM_E_NOMEM,
        "--kv-budget %lld: a page of keys and values of %d tokens has %lld bytes here",
        (long long)asked, TFM_PAGE_KEYS, (long long)bytes);
  }
  const int64_t tokens = most(job->budget, how->width);
  job->turns = (tfm_turns_options){
      .lines = job->plan.replicas,
      .groups = groups_of(job),
      .slots = slots,
      .pages = pages,
      .page_tokens = TFM_PAGE_KEYS,
      .max_tokens = tokens,
      .prompt_tokens = job->options->max_batch_tokens ? tokens : least(tokens, PROMPT_TOKENS),
      .piece_most = job->model.config.scaling.dynamic ? job->model.config.trained : 0,
      .window = job->window,
      .width = job->context.shape.width,
      .branching = *how,
  };
  return TFM_OK;
}

int64_t tfm_growth_prompt(const tfm_config *config)
{
  return config->scaling.dynamic ? least(config->max_length, 2 * config->trained)
                                 : config->max_length;
}

int64_t tfm_growth_cut(const tfm_job *job)
{
  const tfm_config *config = &job->model.config;
  const tfm_tokenizer_facts facts = tfm_tokenizer_describe(job->tokenizer);
  const int64_t prompt = tfm_growth_prompt(config);
  const int64_t tokenizer = least((int64_t)facts.model_max_length, prompt);
  if (job->options->max_length || !job->task->grows || tfm_config_decoder(config) ||
      job->options->verb == TFM_VERB_EXPLAIN) {
    return job->max_length;
  }
  if (job->task == &tfm_task_chat) {
    return prompt;
  }
  return !config->endless ? job->max_length : tokenizer > 0 ? tokenizer : prompt;
}

int64_t tfm_growth_bytes(const tfm_job *job)
{
  return job->turns.pages * page_bytes(job);
}
