// Two layers of a transformer that libtorch's own operators make slowly on a CPU: products with weights, and QuickGELU
// with the product after it.
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/sigmoid_backward.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine.h"
#include "quick_gelu.h"

#if defined(__x86_64__) && !defined(_WIN32)
#include <cpuid.h>

#include <cstring>
#endif

namespace uafer {
namespace {

// Whether oneDNN's products in fp32 are the quicker ones here. libtorch leaves them to Intel's MKL, which takes its
// code for AVX-512 on Intel's processors alone: on others with AVX-512 oneDNN takes half of its time.
bool onednn_is_quicker() {
#if defined(__x86_64__) && !defined(_WIN32)
  static const bool quicker = [] {
    unsigned int most = 0;
    char vendor[13] = {};
    unsigned int ebx = 0;
    unsigned int ecx = 0;
    unsigned int edx = 0;
    if (__get_cpuid(0, &most, &ebx, &ecx, &edx) == 0) return false;
    std::memcpy(vendor, &ebx, 4);
    std::memcpy(vendor + 4, &edx, 4);
    std::memcpy(vendor + 8, &ecx, 4);
    return std::string(vendor) != "GenuineIntel" && at::get_cpu_capability() == "AVX512" && at::hasMKLDNN();
  }();
  return quicker;
#else
  return false;
#endif
}

constexpr int64_t kWorthwhile = int64_t{1} << 25;  // multiplications; below, its overhead is felt
// libtorch gives a convolution of 1 x 1 to oneDNN from so many pictures on, or where it has more threads than one.
constexpr int64_t kPicturesForOneThread = 16;

// x (B, L, W), weight (O, W): oneDNN reaches autograd as a convolution of 1 x 1 over a picture whose pixels are the
// tokens.
bool takes_convolution(const at::Tensor& x, const at::Tensor& weight) {
  if (!x.device().is_cpu() || x.dim() != 3 || weight.dim() != 2 || !weight.is_contiguous()) return false;
  if (x.scalar_type() != at::kFloat || weight.scalar_type() != at::kFloat) return false;
  if (x.size(2) != weight.size(1) || x.numel() * weight.size(0) < kWorthwhile || x.numel() == 0) return false;
  if (at::autocast::is_autocast_enabled(at::kCPU) || !onednn_is_quicker()) return false;
  return at::get_num_threads() > 1 || x.size(0) >= kPicturesForOneThread;
}

// (B, L, W) as a picture of W channels. One long picture is quickest in backward, which sums over all tokens.
at::Tensor as_image(const at::Tensor& x) {
  const int64_t pictures = at::get_num_threads() > 1 ? 1 : x.size(0);
  const int64_t rows = x.size(0) * x.size(1) / pictures;
  return x.reshape({pictures, rows, 1, x.size(2)}).permute({0, 3, 1, 2});
}

at::Tensor as_kernel(const at::Tensor& weight) { return weight.view({weight.size(0), weight.size(1), 1, 1}); }

at::Tensor as_tokens(const at::Tensor& image, const at::Tensor& like) {
  return image.permute({0, 2, 3, 1}).reshape({like.size(0), like.size(1), image.size(1)});
}

at::Tensor rows_of(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  return as_tokens(at::conv2d(as_image(x), as_kernel(weight), bias), x);
}

// The gradient of x, whose values don't matter.
at::Tensor backward_of_input(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight) {
  if (!takes_convolution(x, weight)) return rows_of(gradient).mm(weight).view(x.sizes());
  const auto [image, none, nothing] =
      at::convolution_backward(as_image(gradient), as_image(x), as_kernel(weight), std::nullopt, {1, 1}, {0, 0}, {1, 1},
                               false, {0, 0}, 1, {true, false, false});
  return as_tokens(image, x);
}

// The weight's gradient is a sum over the tokens. oneDNN sums over 600 to 1,200 in twice the time of a plain product.
constexpr int64_t kTokensForWeights = 1280;

// The gradients of weight and bias.
std::pair<at::Tensor, at::Tensor> backward_of_weights(const at::Tensor& gradient, const at::Tensor& x,
                                                      const at::Tensor& weight) {
  if (!takes_convolution(x, weight) || x.size(0) * x.size(1) < kTokensForWeights) {
    const at::Tensor rows = rows_of(gradient);
    return {rows.t().mm(rows_of(x)), rows.sum(0)};
  }
  const int64_t out = weight.size(0);
  const auto [none, kernel, bias] =
      at::convolution_backward(as_image(gradient), as_image(x), as_kernel(weight), at::IntArrayRef(out), {1, 1}, {0, 0},
                               {1, 1}, false, {0, 0}, 1, {false, true, true});
  return {kernel.view(weight.sizes()), bias};
}

// A product of tokens with weights by oneDNN, and its gradients.
class Convolved : public torch::autograd::Function<Convolved> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["bias"] = bias.has_value();
    return convolved(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const bool has_bias = context->saved_data["bias"].toBool();
    if (c10::GradMode::is_enabled()) {  // someone differentiates this too
      const at::Tensor rows = rows_of(gradients[0]);
      return {rows.mm(weight).view(x.sizes()), rows.t().mm(rows_of(x)), has_bias ? rows.sum(0) : at::Tensor()};
    }
    const at::Tensor gradient = gradients[0].contiguous();
    at::Tensor of_x;
    if (context->needs_input_grad(0)) of_x = backward_of_input(gradient, x, weight);
    const bool of_weights = context->needs_input_grad(1) || (has_bias && context->needs_input_grad(2));
    if (!of_weights) return {of_x, {}, {}};
    const auto [kernel, bias] = backward_of_weights(gradient, x, weight);
    return {of_x, kernel, has_bias ? bias : at::Tensor()};
  }
};

at::Tensor weighted(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  return takes_convolution(x, weight) ? Convolved::apply(x, weight, bias) : at::linear(x, weight, bias);
}

constexpr int64_t kChunk = int64_t{1} << 15;  // elements that stay in a processor's own cache with what is made of them

at::Tensor plain_quick_gelu(const at::Tensor& x) { return x * at::sigmoid(x * kQuickGeluSlope); }

// Calls body(from, length) for pieces of `count` elements, in all threads, without autograd.
template <typename Body>
void in_chunks(int64_t count, Body&& body) {
  at::parallel_for(0, (count + kChunk - 1) / kChunk, 1, [&](int64_t begin, int64_t end) {
    const c10::AutoGradMode off(false);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      body(chunk * kChunk, std::min(kChunk, count - chunk * kChunk));
    }
  });
}

at::Tensor chunked_quick_gelu(const at::Tensor& x) {
  at::Tensor made = at::empty_like(x);
  if (x.scalar_type() == at::kFloat) {
    const float* from = x.const_data_ptr<float>();
    float* to = made.mutable_data_ptr<float>();
    in_chunks(x.numel(), [&](int64_t first, int64_t length) { quick_gelu_floats(from + first, to + first, length); });
    return made;
  }
  const at::Tensor from = x.view({-1});
  const at::Tensor to = made.view({-1});
  in_chunks(x.numel(), [&](int64_t first, int64_t length) {
    const at::Tensor piece = from.narrow(0, first, length);
    at::Tensor target = to.narrow(0, first, length);
    const at::Tensor gate = at::mul(piece, kQuickGeluSlope).sigmoid_();
    at::mul_out(target, piece, gate);
  });
  return made;
}

// The gradient of x, in single precision, into `made`, which may be `gradient` itself, and QuickGELU's value into
// `value` where there is one.
void quick_gelu_backward(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& made,
                         const at::Tensor& value) {
  const float* arriving = gradient.const_data_ptr<float>();
  const float* from = x.const_data_ptr<float>();
  float* to = made.mutable_data_ptr<float>();
  float* value_to = value.defined() ? value.mutable_data_ptr<float>() : nullptr;
  in_chunks(x.numel(), [&](int64_t first, int64_t length) {
    float* value_at = value_to == nullptr ? nullptr : value_to + first;
    quick_gelu_gradient_floats(arriving + first, from + first, to + first, value_at, length);
  });
}

// The gradient of x, of any type.
at::Tensor chunked_quick_gelu_backward(const at::Tensor& gradient, const at::Tensor& x) {
  at::Tensor made = at::empty_like(x);
  if (x.scalar_type() == at::kFloat && gradient.scalar_type() == at::kFloat) {
    quick_gelu_backward(gradient, x, made, {});
    return made;
  }
  const at::Tensor from = x.view({-1});
  const at::Tensor given = gradient.view({-1});
  const at::Tensor to = made.view({-1});
  in_chunks(x.numel(), [&](int64_t first, int64_t length) {
    const at::Tensor piece = from.narrow(0, first, length);
    const at::Tensor arriving = given.narrow(0, first, length);
    at::Tensor target = to.narrow(0, first, length);
    const at::Tensor gate = at::mul(piece, kQuickGeluSlope).sigmoid_();
    const at::Tensor inner = at::sigmoid_backward(at::mul(arriving, piece), gate).mul_(kQuickGeluSlope);
    at::mul_out(target, arriving, gate);
    target.add_(inner);
  });
  return made;
}

// The same by operators that autograd differentiates.
at::Tensor plain_quick_gelu_backward(const at::Tensor& gradient, const at::Tensor& x) {
  const at::Tensor gate = at::sigmoid(x * kQuickGeluSlope);
  return gradient * gate + gradient * x * gate * (1 - gate) * kQuickGeluSlope;
}

// The gate is made again in backward, so that the input alone is kept for it.
class QuickGelu : public torch::autograd::Function<QuickGelu> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    return chunked_quick_gelu(x);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    const at::Tensor gradient = gradients[0];
    if (c10::GradMode::is_enabled()) return {plain_quick_gelu_backward(gradient, x)};  // that is differentiated too
    return {chunked_quick_gelu_backward(gradient.contiguous(), x)};
  }
};

at::Tensor quick_gelu(const at::Tensor& x) {
  if (!x.device().is_cpu() || !x.is_contiguous()) return plain_quick_gelu(x);
  if (x.scalar_type() != at::kFloat && x.numel() < kChunk) return plain_quick_gelu(x);
  return QuickGelu::apply(x);
}

// QuickGELU and the product after it. QuickGELU's value, which the weight's gradient needs, is made again in backward,
// where its gate is made in any case: so the widest tensor of a block is kept once and not twice.
class QuickGeluLinear : public torch::autograd::Function<QuickGeluLinear> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    context->save_for_backward({x, weight});
    return weighted(chunked_quick_gelu(x), weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const bool of_weight = context->needs_input_grad(1) || context->needs_input_grad(2);
    if (c10::GradMode::is_enabled()) {  // someone differentiates this too
      const at::Tensor rows = rows_of(gradients[0]);
      const at::Tensor of_value = rows.mm(weight).view(x.sizes());
      return {plain_quick_gelu_backward(of_value, x), rows.t().mm(rows_of(plain_quick_gelu(x))), rows.sum(0)};
    }
    const at::Tensor gradient = gradients[0].contiguous();
    at::Tensor value = of_weight ? at::empty_like(x) : at::Tensor();
    at::Tensor of_x;
    if (context->needs_input_grad(0)) {
      of_x = backward_of_input(gradient, x, weight).contiguous();
      quick_gelu_backward(of_x, x, of_x, value);
    } else if (of_weight) {
      value = chunked_quick_gelu(x);
    }
    if (!of_weight) return {of_x, {}, {}};
    const auto [kernel, bias] = backward_of_weights(gradient, value, weight);
    return {of_x, kernel, bias};
  }
};

at::Tensor quick_gelu_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const bool fp32 = x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat;
  // Few numbers too: a picture has the same bits alone as in a batch.
  const bool whole = x.device().is_cpu() && x.dim() == 3 && x.is_contiguous();
  if (!fp32 || !whole || at::autocast::is_autocast_enabled(at::kCPU)) return weighted(quick_gelu(x), weight, bias);
  return QuickGeluLinear::apply(x, weight, bias);
}

// (x, weight, bias | null)
Napi::Value linear_of(const Napi::CallbackInfo& info) {
  const at::Tensor x = unwrap_tensor(info[0], "linear");
  const at::Tensor weight = unwrap_tensor(info[1], "linear");
  std::optional<at::Tensor> bias;
  if (!info[2].IsNull() && !info[2].IsUndefined()) bias = unwrap_tensor(info[2], "linear");
  return wrap_tensor(info.Env(), guarded(info.Env(), "OPERATOR", "linear", [&] { return weighted(x, weight, bias); }));
}

// (x, weight, bias)
Napi::Value quick_gelu_linear_of(const Napi::CallbackInfo& info) {
  const at::Tensor x = unwrap_tensor(info[0], "quickGeluLinear");
  const at::Tensor weight = unwrap_tensor(info[1], "quickGeluLinear");
  const at::Tensor bias = unwrap_tensor(info[2], "quickGeluLinear");
  return wrap_tensor(info.Env(), guarded(info.Env(), "OPERATOR", "quickGeluLinear",
                                         [&] { return quick_gelu_linear(x, weight, bias); }));
}

}  // namespace

void register_layers(Napi::Env env, Napi::Object exports) {
  exports.Set("linear", Napi::Function::New(env, linear_of));
  exports.Set("quickGeluLinear", Napi::Function::New(env, quick_gelu_linear_of));
  exports.Set("productsByOneDnn", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Boolean::New(info.Env(), onednn_is_quicker());
              }));
}

}  // namespace uafer
