// TorchScript modules. (The files of torch.save are read and written in TypeScript.)
#include <torch/csrc/jit/serialization/import.h>

#include "engine.h"

namespace uafer {
namespace {

std::string path_of(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw make_error(info.Env(), "CHECKPOINT", "the path of an archive must be a string");
  return info[0].As<Napi::String>();
}

// (path: string) => every parameter and buffer of a TorchScript module by its qualified name
Napi::Value read_torch_script(const Napi::CallbackInfo& info) {
  const std::string path = path_of(info);
  return guarded(info.Env(), "CHECKPOINT", path, [&]() -> Napi::Value {
    const torch::jit::Module module = torch::jit::load(path, c10::kCPU);
    Napi::Object tensors = Napi::Object::New(info.Env());
    for (const auto& parameter : module.named_parameters()) {
      tensors.Set(parameter.name, wrap_tensor(info.Env(), parameter.value.detach()));
    }
    for (const auto& buffer : module.named_buffers()) tensors.Set(buffer.name, wrap_tensor(info.Env(), buffer.value));
    return tensors;
  });
}

}  // namespace

void register_archive(Napi::Env env, Napi::Object exports) {
  exports.Set("readTorchScript", Napi::Function::New(env, read_torch_script));
}

}  // namespace uafer
