// A failure between processes, as every source of the addon may have to pass it on: gradients are summed inside of
// backward.
#pragma once

#include <stdexcept>

namespace uafer {

struct DistributedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace uafer
