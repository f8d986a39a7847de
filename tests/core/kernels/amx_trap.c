#include "tests/core/kernels/amx_trap.h"

#if defined(__linux__) && defined(__x86_64__)

#include <float.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64, WORDS = 16, NO_TILE = -1 };

typedef struct {
  uint8_t rows[TILES];
  uint16_t bytes[TILES];
  unsigned char at[TILES][ROWS][ROW_BYTES];
} tiles;

static _Thread_local tiles mine;
static _Thread_local amx_trapped counts;
static struct sigaction before;

static void refuse(const char *reason)
{
  counts.refused += 1;
  counts.refusal = counts.refusal ? counts.refusal : reason;
}

/* ---- what an instruction is ---------------------------------------------------------------- */

enum { NP, P66, PF3, PF2 }; /* VEX.pp */

typedef struct {
  const unsigned char *next; /* the instruction behind it */
  int prefix;
  int opcode;
  int reg, rm, vvvv;
  bool memory;
  unsigned char *address; /* of memory */
  int64_t stride;         /* its index, scaled; 0: it has none */
  bool has_sib;
} decoded;

static int64_t reg_of(const ucontext_t *c, int number)
{
  static const int name[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                             REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                             REG_R12, REG_R13, REG_R14, REG_R15};
  return c->uc_mcontext.gregs[name[number]];
}

static int64_t displacement(const unsigned char **at, int bytes)
{
  int8_t one = 0;
  int32_t four = 0;
  memcpy(&one, *at, sizeof one);
  memcpy(&four, *at, sizeof four);
  *at += bytes;
  return bytes == 1 ? one : bytes == 4 ? four : 0;
}

/* The memory of a ModRM byte whose mod is not 3; high: the bits X and B of the prefix. */
static void decode_memory(const ucontext_t *c, int mod, int high_x, int high_b, decoded *d)
{
  int64_t address = 0;
  int base = d->rm;
  d->has_sib = d->rm == 4;
  if (d->has_sib) {
    const int sib = *d->next++;
    const int index = (sib >> 3 & 7) | high_x << 3;
    base = sib & 7;
    d->stride = index == 4 ? 0 : reg_of(c, index) * (1 << (sib >> 6));
  }
  const bool absolute = mod == 0 && base == 5; /* or counted from the next instruction */
  const int64_t moved = displacement(&d->next, absolute || mod == 2 ? 4 : mod == 1 ? 1 : 0);
  if (!absolute) {
    address = reg_of(c, base | high_b << 3);
  } else if (!d->has_sib) {
    address = (int64_t)(intptr_t)d->next;
  }
  d->address = (unsigned char *)(intptr_t)(address + moved);
}

/* False: not a three-byte VEX of the map that AMX is in. */
static bool decode(const ucontext_t *c, decoded *d)
{
  const unsigned char *at = (const unsigned char *)(intptr_t)c->uc_mcontext.gregs[REG_RIP];
  if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0) { /* 0F38, W0, 128 bits */
    return false;
  }
  const int modrm = at[4];
  *d = (decoded){.next = at + 5,
                 .prefix = at[2] & 3,
                 .opcode = at[3],
                 .reg = (modrm >> 3 & 7) | (at[1] & 0x80 ? 0 : 8),
                 .rm = modrm & 7,
                 .vvvv = ~at[2] >> 3 & 15,
                 .memory = modrm >> 6 != 3};
  if (d->memory) {
    decode_memory(c, modrm >> 6, at[1] & 0x40 ? 0 : 1, at[1] & 0x20 ? 0 : 1, d);
  } else {
    d->rm |= at[1] & 0x20 ? 0 : 8;
  }
  return true;
}

/* AMX_INSTRUCTIONS: none of those. */
static amx_instruction which(const decoded *d)
{
  const bool tile_memory = d->memory && d->has_sib;
  switch (d->opcode << 4 | d->prefix) {
  case 0x490 | NP:
    return d->memory ? AMX_LDTILECFG : AMX_TILERELEASE;
  case 0x490 | PF2:
    return d->memory ? AMX_INSTRUCTIONS : AMX_TILEZERO;
  case 0x4b0 | PF2:
    return tile_memory ? AMX_TILELOADD : AMX_INSTRUCTIONS;
  case 0x4b0 | PF3:
    return tile_memory ? AMX_TILESTORED : AMX_INSTRUCTIONS;
  case 0x5c0 | PF3:
    return d->memory ? AMX_INSTRUCTIONS : AMX_TDPBF16PS;
  case 0x5e0 | P66:
    return d->memory ? AMX_INSTRUCTIONS : AMX_TDPBUSD;
  default:
    return AMX_INSTRUCTIONS;
  }
}

/* ---- what it does -------------------------------------------------------------------------- */

static void load_config(const unsigned char *from)
{
  tiles next = {0};
  for (int i = 0; i < ROW_BYTES; ++i) {
    const bool reserved = i == 1 || (i >= 2 && i < 16) || (i >= 32 && i < 48) || i >= 56;
    if (reserved && from[i] != 0) {
      refuse("a configuration with a start row, reserved bytes or tiles beyond the eighth");
      return;
    }
  }
  if (from[0] != 1) {
    refuse("a palette that is not 1");
    return;
  }
  for (int t = 0; t < TILES; ++t) {
    memcpy(&next.bytes[t], from + 16 + 2 * t, sizeof next.bytes[t]);
    next.rows[t] = from[48 + t];
    if (next.rows[t] > ROWS || next.bytes[t] > ROW_BYTES ||
        (next.rows[t] == 0) != (next.bytes[t] == 0)) {
      refuse("a tile of more than 16 rows or 64 bytes, or of one of both");
      return;
    }
  }
  mine = next;
}

static bool configured(int tile)
{
  if (tile >= TILES || mine.rows[tile] == 0) {
    refuse("a tile without a shape");
    return false;
  }
  return true;
}

static void load(int tile, const unsigned char *from, int64_t stride)
{
  memset(mine.at[tile], 0, sizeof mine.at[tile]);
  for (int r = 0; r < mine.rows[tile]; ++r) {
    memcpy(mine.at[tile][r], from + r * stride, mine.bytes[tile]);
  }
}

static void store(int tile, unsigned char *to, int64_t stride)
{
  for (int r = 0; r < mine.rows[tile]; ++r) {
    memcpy(to + r * stride, mine.at[tile][r], mine.bytes[tile]);
  }
}

static float flushed(float x)
{
  return fabsf(x) < FLT_MIN ? copysignf(0.0f, x) : x;
}

/* A half of a word as a float. */
static float half_at(const unsigned char *word, int half)
{
  uint16_t u = 0;
  float f = 0.0f;
  memcpy(&u, word + 2 * half, sizeof u);
  const uint32_t bits = (uint32_t)u << 16;
  memcpy(&f, &bits, sizeof f);
  return flushed(f);
}

static void add_bf16(unsigned char *c, int a, int b, int m, int n)
{
  float sum[2] = {0.0f, 0.0f};
  float to = 0.0f;
  for (int k = 0; k < mine.bytes[a] / 4; ++k) {
    for (int half = 0; half < 2; ++half) {
      const float x = half_at(mine.at[a][m] + 4 * k, half);
      const float w = half_at(mine.at[b][k] + 4 * n, half);
      sum[half] = flushed(fmaf(x, w, sum[half]));
    }
  }
  memcpy(&to, c, sizeof to);
  to = flushed(flushed(to) + flushed(sum[0] + sum[1]));
  memcpy(c, &to, sizeof to);
}

static void add_int8(unsigned char *c, int a, int b, int m, int n)
{
  uint32_t to = 0;
  memcpy(&to, c, sizeof to);
  for (int k = 0; k < mine.bytes[a]; ++k) {
    int8_t w = 0;
    memcpy(&w, &mine.at[b][k / 4][4 * n + k % 4], sizeof w);
    to += (uint32_t)(mine.at[a][m][k] * w);
  }
  memcpy(c, &to, sizeof to);
}

/* c += a b */
static void multiply(int c, int a, int b,
                     void (*add)(unsigned char *c, int a, int b, int m, int n))
{
  if (c == a || c == b || a == b) {
    refuse("a product of a tile with itself");
    return;
  }
  if (mine.rows[c] != mine.rows[a] || mine.bytes[c] != mine.bytes[b] ||
      mine.bytes[a] / 4 != mine.rows[b]) {
    refuse("a product of shapes that do not fit");
    return;
  }
  for (int m = 0; m < mine.rows[c]; ++m) {
    for (int n = 0; n < mine.bytes[c] / 4; ++n) {
      add(mine.at[c][m] + 4 * n, a, b, m, n);
    }
  }
}

static void run(const decoded *d, amx_instruction what)
{
  counts.seen[what] += 1;
  if (what == AMX_LDTILECFG) {
    load_config(d->address);
  } else if (what == AMX_TILERELEASE) {
    mine = (tiles){0};
  } else if (!configured(d->reg)) {
    return;
  } else if (what == AMX_TILEZERO) {
    memset(mine.at[d->reg], 0, sizeof mine.at[d->reg]);
  } else if (what == AMX_TILELOADD) {
    load(d->reg, d->address, d->stride);
  } else if (what == AMX_TILESTORED) {
    store(d->reg, d->address, d->stride);
  } else if (configured(d->rm) && configured(d->vvvv)) {
    multiply(d->reg, d->rm, d->vvvv, what == AMX_TDPBF16PS ? add_bf16 : add_int8);
  }
}

/* ---- the trap ------------------------------------------------------------------------------ */

static void handle(int signal_number, siginfo_t *info, void *context)
{
  ucontext_t *c = context;
  decoded d;
  (void)info;
  const amx_instruction what = decode(c, &d) ? which(&d) : AMX_INSTRUCTIONS;
  if (what == AMX_INSTRUCTIONS) { /* comes again, and ends the process */
    (void)signal(signal_number, SIG_DFL);
    return;
  }
  run(&d, what);
  c->uc_mcontext.gregs[REG_RIP] = (greg_t)(intptr_t)d.next;
}

bool amx_trap_open(void)
{
  struct sigaction trap = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
  mine = (tiles){0};
  counts = (amx_trapped){0};
  return sigaction(SIGILL, &trap, &before) == 0;
}

const amx_trapped *amx_trap_counts(void)
{
  return &counts;
}

void amx_trap_close(void)
{
  (void)sigaction(SIGILL, &before, NULL);
}

#else
static const amx_trapped none;

bool amx_trap_open(void)
{
  return false;
}

const amx_trapped *amx_trap_counts(void)
{
  return &none;
}

void amx_trap_close(void)
{
}
#endif
