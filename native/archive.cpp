// PyTorch's archives: TorchScript modules and the zip files of torch.save.
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/import_read.h>
#include <torch/csrc/jit/serialization/pickle.h>

#include <fstream>

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

// Collects the tensors of nested dictionaries under keys joined by dots; anything else in them is passed over.
void collect(Napi::Env env, const c10::IValue& value, const std::string& prefix, Napi::Object tensors) {
  if (value.isTensor()) {
    tensors.Set(prefix, wrap_tensor(env, value.toTensor().detach()));
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      if (!entry.key().isString()) continue;
      const std::string key = entry.key().toStringRef();
      collect(env, entry.value(), prefix.empty() ? key : prefix + "." + key, tensors);
    }
  }
}

// (path: string) => the tensors of what torch.save wrote (its zip format, since PyTorch 1.6)
Napi::Value read_torch_save(const Napi::CallbackInfo& info) {
  const std::string path = path_of(info);
  return guarded(info.Env(), "CHECKPOINT", path, [&]() -> Napi::Value {
    caffe2::serialize::PyTorchStreamReader reader(path);
    const c10::IValue content = torch::jit::readArchiveAndTensors(
        "data", /*pickle_prefix=*/"", /*tensor_prefix=*/"", std::nullopt, std::nullopt, c10::Device(c10::kCPU), reader);
    Napi::Object tensors = Napi::Object::New(info.Env());
    collect(info.Env(), content, "", tensors);
    return tensors;
  });
}

// (path: string, tensors: Record<string, Tensor>): a dictionary that torch.load opens
void write_torch_save(const Napi::CallbackInfo& info) {
  const std::string path = path_of(info);
  if (!info[1].IsObject()) throw make_error(info.Env(), "CHECKPOINT", path + ": an object of tensors was expected");
  const Napi::Object tensors = info[1].As<Napi::Object>();
  guarded(info.Env(), "CHECKPOINT", path, [&] {
    c10::Dict<std::string, at::Tensor> dictionary;
    const Napi::Array names = tensors.GetPropertyNames();
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const std::string name = names.Get(i).ToString();
      dictionary.insert(name, unwrap_tensor(tensors.Get(name), name).detach().contiguous());
    }
    const std::vector<char> bytes = torch::jit::pickle_save(dictionary);
    std::ofstream file(path, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    TORCH_CHECK(file.good(), "the file could not be written");
  });
}

}  // namespace

void register_archive(Napi::Env env, Napi::Object exports) {
  exports.Set("readTorchScript", Napi::Function::New(env, read_torch_script));
  exports.Set("readTorchSave", Napi::Function::New(env, read_torch_save));
  exports.Set("writeTorchSave", Napi::Function::New(env, write_torch_save));
}

}  // namespace uafer
