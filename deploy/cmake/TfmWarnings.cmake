# Flags every room and test shares. Werror is not here: it lives in the presets, because users
# have newer compilers than ours.
add_library(tfm_flags INTERFACE)
target_compile_options(tfm_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wundef -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wcast-align -Wwrite-strings -Wformat=2 -Wvla
  -Wdouble-promotion -Wfloat-equal -Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches>
  # A product and a sum may only fuse where the code says fma: the same bits from every compiler.
  -ffp-contract=off
  -fstack-protector-strong)
target_compile_definitions(tfm_flags INTERFACE _GNU_SOURCE TFM_VERSION="${PROJECT_VERSION}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # The floor DESIGN.md D15 names: AVX2 and FMA. Wider instruction sets are chosen at run time.
  target_compile_options(tfm_flags INTERFACE -march=x86-64-v3)
endif()
target_link_options(tfm_flags INTERFACE -Wl,-z,relro -Wl,-z,now)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
