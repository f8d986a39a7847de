#include "core/text/scan.h"

#include "core/text/scan_runs.h"

#include <string.h>

/* ---- the expressions ---- */

size_t tfm__scan_gpt2(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  if (p[i] == '\'') {
    size_t end = contraction(p, n, i);
    if (end > i) {
      return end;
    }
  }
  size_t j = i + (p[i] == ' ' && i + 1 < n);
  uint32_t look = look_at(p, j, &len);
  if (look & TFM__C_LETTER) {
    return letters_of(p, n, j + len);
  }
  if (look & TFM__C_NUMBER) {
    return run_of(p, n, j + len, TFM__C_NUMBER);
  }
  if (!(look & TFM__C_SPACE)) {
    return run_without(p, n, j + len, OTHER_NOT);
  }
  return blanks(p, n, i);
}

/* The expressions of Llama 3 (numbers of three digits) and Qwen 2 (of one). */
static inline size_t scan_words(const char *p, size_t n, size_t i, int digits)
{
  uint32_t len = 0;
  uint32_t next_len = 0;
  uint32_t look = look_at(p, i, &len);
  if (look & TFM__C_LETTER) {
    return letters_of(p, n, i + len);
  }
  if (look & TFM__C_NUMBER) {
    return numbers(p, n, i, digits);
  }
  if (p[i] == '\'') {
    size_t end = contraction_any_case(p, n, i);
    if (end > i) {
      return end;
    }
  }
  uint32_t next = i + len < n ? look_at(p, i + len, &next_len) : TFM__C_SPACE;
  if ((next & TFM__C_LETTER) && p[i] != '\r' && p[i] != '\n') {
    return letters_of(p, n, i + len + next_len);
  }
  if (!(look & TFM__C_SPACE)) {
    return newlines(p, n, run_without(p, n, i + len, OTHER_NOT));
  }
  if (p[i] == ' ' && !(next & OTHER_NOT)) {
    return newlines(p, n, run_without(p, n, i + len + next_len, OTHER_NOT));
  }
  return blanks_or_lines(p, n, i);
}

static size_t scan_llama3(const char *p, size_t n, size_t i)
{
  return scan_words(p, n, i, 3);
}

static size_t scan_qwen2(const char *p, size_t n, size_t i)
{
  return scan_words(p, n, i, 1);
}

/* The part that CLIP's two expressions share. */
static size_t scan_clip_words(const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  uint32_t look = look_at(p, i, &len);
  if (look & TFM__C_LETTER) {
    return letters_of(p, n, i + len);
  }
  if (look & TFM__C_NUMBER) {
    return i + len;
  }
  if (look & TFM__C_SPACE) {
    return i;
  }
  if (p[i] == '\'') {
    size_t end = contraction(p, n, i);
    if (end > i) {
      return end;
    }
  }
  return run_without(p, n, i + len, OTHER_NOT);
}

static size_t scan_clip(const char *p, size_t n, size_t i)
{
  static const tfm_span marks[] = {{"<|startoftext|>", 15}, {"<|endoftext|>", 13}};
  for (int k = 0; p[i] == '<' && k < 2; ++k) {
    if (n - i >= marks[k].n && tfm_span_eq((tfm_span){p + i, marks[k].n}, marks[k])) {
      return i + marks[k].n;
    }
  }
  return scan_clip_words(p, n, i);
}

static size_t scan_spaces(const char *p, size_t n, size_t i)
{
  return run_of(p, n, i, TFM__C_SPACE);
}

/*  {2,} */
static size_t scan_two_blanks(const char *p, size_t n, size_t i)
{
  size_t end = i;
  while (end < n && p[end] == ' ') {
    ++end;
  }
  return end - i >= 2 ? end : i;
}

static size_t scan_numbers(const char *p, size_t n, size_t i)
{
  return numbers(p, n, i, 3);
}

static size_t scan_number(const char *p, size_t n, size_t i)
{
  return numbers(p, n, i, 1);
}

/* Bloom: a blank or not, then what is neither blank nor one of these marks. */
static bool is_bloom_end(uint32_t c, uint32_t look)
{
  static const uint32_t marks[] = {'(',    ')',    '|',    '.',    ',',   '!',   '?',
                                   0x2026, 0x3002, 0xff0c, 0x3001, 0x964, 0x6d4, 0x60c};
  bool end = look & TFM__C_SPACE;
  for (size_t k = 0; k < sizeof marks / sizeof marks[0]; ++k) {
    end = end || c == marks[k];
  }
  return end;
}

static size_t scan_bloom(const char *p, size_t n, size_t i)
{
  size_t from = i + (p[i] == ' ');
  size_t end = from;
  uint32_t len = 0;
  while (end < n) {
    uint32_t c = tfm__char_at(p + end, &len);
    if (is_bloom_end(c, tfm__char(c))) {
      break;
    }
    end += len;
  }
  return end > from ? end : i;
}

static size_t skip_to_space(const char *p, size_t n, size_t i)
{
  return run_without(p, n, i, TFM__C_SPACE);
}

static size_t skip_to_number(const char *p, size_t n, size_t i)
{
  return run_without(p, n, i, TFM__C_NUMBER);
}

static size_t skip_to_blank(const char *p, size_t n, size_t i)
{
  const char *at = memmem(p + i, n - i, "  ", 2);
  return at ? (size_t)(at - p) : n;
}

static size_t skip_ascii(const char *p, size_t n, size_t i)
{
  while (i < n && (unsigned char)p[i] < 0x80) {
    ++i;
  }
  return i;
}

#define CASELESS       "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define LINES          "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define ENDS(more)     "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n" more "]*" LINES
#define LLAMA3(digits) CASELESS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits ENDS("")
#define UPPERS         "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWERS         "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define WORDS(end)                                                                             \
  "[^\\r\\n\\p{L}\\p{N}]?" UPPERS "*" LOWERS "+" end "|[^\\r\\n\\p{L}\\p{N}]?" UPPERS          \
  "+" LOWERS "*" end
#define CLIP "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"

static const struct {
  const char *pattern;
  tfm__scanner scan, skip;
} known[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     tfm__scan_gpt2, NULL},
    {LLAMA3("\\p{N}{1,3}"), scan_llama3, NULL},
    {LLAMA3("\\p{N}"), scan_qwen2, NULL},
    {"<\\|startoftext\\|>|<\\|endoftext\\|>|" CLIP, scan_clip, NULL},
    {CLIP, scan_clip_words, NULL},
    {"\\s+", scan_spaces, skip_to_space},
    {" {2,}", scan_two_blanks, skip_to_blank},
    {"\\p{N}{1,3}", scan_numbers, skip_to_number},
    {"\\p{N}", scan_number, skip_to_number},
    {" ?[^(\\s|[.,!?…。，、।۔،])]+", scan_bloom, NULL},
    {WORDS(CASELESS "?") "|\\p{N}{1,3}" ENDS("/"), tfm__scan_o200k, NULL},
    {WORDS("") "|\\p{N}" ENDS("/"), tfm__scan_tekken, NULL},
    {CASELESS
     "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" LINES,
     tfm__scan_qwen35, NULL},
    {"[!\"#$%&'()*+,\\-./"
     ":;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
     "| ?[\\p{P}\\p{S}]+[\\r\\n]*" LINES,
     tfm__scan_deepseek, NULL},
    {"[一-龥぀-ゟ゠-ヿ]+", tfm__scan_east_asian, skip_ascii},
};

tfm__scanner tfm__scanner_of(tfm_span pattern, tfm__scanner *skip)
{
  *skip = NULL;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; ++i) {
    if (tfm_span_is(pattern, known[i].pattern)) {
      *skip = known[i].skip;
      return known[i].scan;
    }
  }
  return NULL;
}

const char *tfm__scanner_pattern(size_t i)
{
  return i < sizeof known / sizeof known[0] ? known[i].pattern : NULL;
}
