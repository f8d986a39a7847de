/** The words options choose from, in the order of their enums where an option is one; NULL ends.
 * Room-private: for option_table.c alone. */
#ifndef TFM_COORDINATOR_CLI_CHOICES_H
#define TFM_COORDINATOR_CLI_CHOICES_H

#include <stddef.h>

static const char *const tasks[] = {"text-classification",
                                    "sentiment-analysis",
                                    "token-classification",
                                    "ner",
                                    "question-answering",
                                    "fill-mask",
                                    "zero-shot-classification",
                                    "feature-extraction",
                                    "sentence-embedding",
                                    "rerank",
                                    "text-ranking",
                                    "text-generation",
                                    "text2text-generation",
                                    "translation",
                                    "summarization",
                                    "score",
                                    NULL};
static const char *const float32_modes[] = {"auto", "exact", "bf16x3", "bf16x2", NULL};
static const char *const int8_modes[] = {"auto", "dynamic", "groups", NULL};

static const char *const dtypes[] = {"auto", "float32", "bfloat16", "int8", NULL};
static const char *const kv_dtypes[] = {"float32", "bfloat16", "int8", NULL};
static const char *const wire_dtypes[] = {"float32", "bfloat16", NULL};
static const char *const digests[] = {"sampled", "full", NULL};
static const char *const overflows[] = {"truncate", "error", "window", NULL};
static const char *const aggregations[] = {"none", "simple", "first", "average", "max", NULL};
static const char *const input_formats[] = {"auto", "jsonl",        "csv", "tsv",
                                            "text", "openai-batch", NULL};
static const char *const output_formats[] = {"jsonl", "csv",          "tsv",
                                             "npy",   "openai-batch", NULL};
static const char *const bench_formats[] = {"md", "csv", "json", NULL};
static const char *const applies[] = {"default", "softmax", "sigmoid", "none", NULL};
/* By the numbers of tfm_pooling and tfm_normalize (embed_test). */
static const char *const poolings[] = {
    "auto", "cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken", "none", NULL};
static const char *const normalizes[] = {"auto", "true", "false", NULL};
static const char *const precisions[] = {"float32", "float16", "int8", "uint8",
                                         "binary",  "ubinary", NULL};
static const char *const offset_units[] = {"char", "byte", "utf16", NULL};
static const char *const isas[] = {"auto", "portable", "avx2", "avx512", "amx", NULL};
static const char *const binds[] = {"auto", "inherit", "none", NULL};
static const char *const backends[] = {"auto", "ref", "openblas", "onednn", "native", NULL};
static const char *const resumes[] = {"auto", "never", "must", NULL};
static const char *const switches[] = {"on", "off", NULL};
static const char *const earlies[] = {"auto", "false", "true", "never", NULL};
static const char *const progresses[] = {"auto", "bar", "line", "none", NULL};
static const char *const scale_modes[] = {"strong", "weak", NULL};
static const char *const schedulers[] = {"slurm", "pbs", "lsf", "k8s", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_formats[] = {"text", "json", NULL};

#endif
