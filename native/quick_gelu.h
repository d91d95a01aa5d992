// QuickGELU, x sigmoid(1.702 x), over single precision in memory, with the widest vectors that the processor has.
#pragma once

#include <cstdint>

namespace uafer {

inline constexpr double kQuickGeluSlope = 1.702;

void quick_gelu_floats(const float* x, float* value, int64_t count);

// The gradient of x into `made`, which may be `gradient` itself, and QuickGELU's value into `value` unless that is
// null.
void quick_gelu_gradient_floats(const float* gradient, const float* x, float* made, float* value, int64_t count);

}  // namespace uafer
