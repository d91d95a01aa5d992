// Differentiation and the modes of a thread: gradient recording, inference, autocast.
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine.h"

namespace uafer {
namespace {

void backward(const Napi::CallbackInfo& info) {
  const std::vector<at::Tensor> outputs = unwrap_tensors(info[0], "backward");
  const std::vector<at::Tensor> gradients = unwrap_tensors(info[1], "backward", /*nullable=*/true);
  const bool retain_graph = info[2].ToBoolean();
  guarded(info.Env(), "OPERATOR", "backward",
          [&] { torch::autograd::backward(outputs, gradients, retain_graph, /*create_graph=*/false); });
}

Napi::Value grad(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<at::Tensor> outputs = unwrap_tensors(info[0], "grad");
  const std::vector<at::Tensor> inputs = unwrap_tensors(info[1], "grad");
  const bool retain_graph = info[2].ToBoolean();
  const bool create_graph = info[3].ToBoolean();
  return guarded(env, "OPERATOR", "grad", [&]() -> Napi::Value {
    auto gradients = torch::autograd::grad(outputs, inputs, {}, retain_graph, create_graph, /*allow_unused=*/true);
    std::vector<c10::IValue> values(std::make_move_iterator(gradients.begin()),
                                    std::make_move_iterator(gradients.end()));
    return from_ivalues(env, values);
  });
}

Napi::Value set_grad_enabled(const Napi::CallbackInfo& info) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(info[0].ToBoolean());
  return Napi::Boolean::New(info.Env(), before);
}

void enter_inference_mode(const Napi::CallbackInfo& info) {
  thread_state(info.Env()).inference.push_back(std::make_unique<c10::InferenceMode>());
}

void leave_inference_mode(const Napi::CallbackInfo& info) {
  auto& guards = thread_state(info.Env()).inference;
  if (guards.empty()) throw make_error(info.Env(), "OPERATOR", "leaveInferenceMode without enterInferenceMode");
  guards.pop_back();
}

// (device: string, dtype: string | null): null turns it off
void enter_autocast(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = info[0].ToString();
  const bool enabled = !info[1].IsNull();
  const at::ScalarType dtype = enabled ? parse_dtype(env, info[1].ToString()) : at::kFloat;
  guarded(env, "OPERATOR", "autocast", [&] {
    const at::DeviceType device = at::Device(name).type();
    TORCH_CHECK(!enabled || c10::isReducedFloatingType(dtype), "takes float16 or bfloat16, got ", dtype_name(dtype));
    thread_state(env).autocast.push_back(
        {device, at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)});
    at::autocast::set_autocast_enabled(device, enabled);
    if (enabled) at::autocast::set_autocast_dtype(device, dtype);
    at::autocast::increment_nesting();
  });
}

void leave_autocast(const Napi::CallbackInfo& info) {
  auto& entries = thread_state(info.Env()).autocast;
  if (entries.empty()) throw make_error(info.Env(), "OPERATOR", "leaveAutocast without enterAutocast");
  const AutocastEntry before = entries.back();
  entries.pop_back();
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(before.device, before.enabled);
  at::autocast::set_autocast_dtype(before.device, before.dtype);
}

}  // namespace

void register_autograd(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, backward));
  exports.Set("grad", Napi::Function::New(env, grad));
  exports.Set("setGradEnabled", Napi::Function::New(env, set_grad_enabled));
  exports.Set("enterInferenceMode", Napi::Function::New(env, enter_inference_mode));
  exports.Set("leaveInferenceMode", Napi::Function::New(env, leave_inference_mode));
  exports.Set("enterAutocast", Napi::Function::New(env, enter_autocast));
  exports.Set("leaveAutocast", Napi::Function::New(env, leave_autocast));
}

}  // namespace uafer
