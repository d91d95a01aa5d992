#include "quick_gelu.h"

#include <bit>

// libtorch's own sigmoid is compiled for several processors, and so is this: glibc takes the right one when the addon
// is loaded.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define UAFER_FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define UAFER_FOR_EACH_PROCESSOR
#endif

#if defined(__GNUC__)
#define UAFER_INLINE inline __attribute__((always_inline))
#else
#define UAFER_INLINE inline
#endif

// Elements don't depend on each other, also where a result takes the place of what it is made of.
#if defined(__clang__)
#define UAFER_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define UAFER_VECTORIZE _Pragma("GCC ivdep")
#else
#define UAFER_VECTORIZE
#endif

namespace uafer {
namespace {

constexpr auto kSlope = static_cast<float>(kQuickGeluSlope);

// e^x to 2 units in the last place for x in [-87, 88], to which others are brought: 2^n e^r with |r| <= ln(2) / 2, e^r
// by the polynomial of Cephes' expf (Moshier 1992). Without branches and calls, so that compilers make vectors of it.
UAFER_INLINE float exponential(float x) {
  constexpr float kRounder = 12582912.0F;  // 1.5 * 2^23: what is added to it becomes whole, in the last bits
  x = x > 88.0F ? 88.0F : x;
  x = x < -87.0F ? -87.0F : x;
  const float shifted = x * 1.44269504F + kRounder;
  const float n = shifted - kRounder;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const float scale = std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) + 127U) << 23U);
  return (p * r * r + r + 1.0F) * scale;
}

UAFER_INLINE float gate_of(float x) { return 1.0F / (1.0F + exponential(-kSlope * x)); }

UAFER_INLINE float slope_of(float x, float gate) { return gate * (1.0F + kSlope * x * (1.0F - gate)); }

}  // namespace

UAFER_FOR_EACH_PROCESSOR
void quick_gelu_floats(const float* x, float* value, int64_t count) {
  UAFER_VECTORIZE
  for (int64_t i = 0; i < count; ++i) value[i] = x[i] * gate_of(x[i]);
}

UAFER_FOR_EACH_PROCESSOR
void quick_gelu_gradient_floats(const float* gradient, const float* x, float* made, float* value, int64_t count) {
  if (value == nullptr) {
    UAFER_VECTORIZE
    for (int64_t i = 0; i < count; ++i) made[i] = gradient[i] * slope_of(x[i], gate_of(x[i]));
    return;
  }
  UAFER_VECTORIZE
  for (int64_t i = 0; i < count; ++i) {
    const float gate = gate_of(x[i]);
    made[i] = gradient[i] * slope_of(x[i], gate);
    value[i] = x[i] * gate;
  }
}

}  // namespace uafer
