// Versions, threads, devices, random generators.
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/headeronly/version.h>

#include "engine.h"

namespace uafer {
namespace {

// The ABI version packs major, minor and patch into the three highest bytes.
std::string loaded_version() {
  const uint64_t abi = aoti_torch_abi_version();
  return std::to_string(abi >> 56) + "." + std::to_string((abi >> 48) & 0xff) + "." +
         std::to_string((abi >> 40) & 0xff);
}

Napi::Value versions(const Napi::CallbackInfo& info) {
  Napi::Object versions = Napi::Object::New(info.Env());
  versions.Set("built", std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
                            std::to_string(TORCH_VERSION_PATCH));
  versions.Set("loaded", loaded_version());
  return versions;
}

void set_threads(const Napi::CallbackInfo& info) {
  constexpr int64_t kMost = 1024;  // the thread pool ends the process when the system refuses it a thread
  guarded(info.Env(), "OPERATOR", "setThreads", [&] {
    const int64_t count = to_integer(info[0], "the number of threads");
    TORCH_CHECK(count >= 1 && count <= kMost, "takes a whole number from 1 to ", kMost, ", got ", count);
    at::set_num_threads(static_cast<int>(count));
  });
}

// Whether GPUs of NVIDIA's round what they multiply in fp32 to TF32 (10 bits of fraction).
void set_tf32(const Napi::CallbackInfo& info) {
  guarded(info.Env(), "OPERATOR", "setTf32", [&] {
    const bool allowed = info[0].ToBoolean();
    at::globalContext().setAllowTF32CuBLAS(allowed);
    at::globalContext().setAllowTF32CuDNN(allowed);
  });
}

// The default generator of a device (a handle that shares its state).
at::Generator generator(Napi::Env env, Napi::Value device) {
  const std::string name = device.IsString() ? device.As<Napi::String>().Utf8Value() : "cpu";
  return guarded(env, "OPERATOR", "generator",
                 [&]() -> at::Generator { return at::globalContext().defaultGenerator(at::Device(name)); });
}

Napi::Value generator_state(const Napi::CallbackInfo& info) {
  at::Generator random = generator(info.Env(), info[0]);
  return guarded(info.Env(), "OPERATOR", "generatorState", [&] {
    const std::lock_guard<std::mutex> lock(random.mutex());
    return wrap_tensor(info.Env(), random.get_state());
  });
}

void set_generator_state(const Napi::CallbackInfo& info) {
  const at::Tensor state = unwrap_tensor(info[0], "setGeneratorState");
  at::Generator random = generator(info.Env(), info[1]);
  guarded(info.Env(), "OPERATOR", "setGeneratorState", [&] {
    const std::lock_guard<std::mutex> lock(random.mutex());
    random.set_state(state);
  });
}

void manual_seed(const Napi::CallbackInfo& info) {
  guarded(info.Env(), "OPERATOR", "manualSeed",
          [&] { at::manual_seed(static_cast<uint64_t>(to_integer(info[0], "the seed"))); });
}

at::Device device_named(Napi::Value name) {
  at::Device device(name.IsString() ? name.As<Napi::String>().Utf8Value() : "cpu");
  if (!device.is_cpu() && !device.has_index()) device.set_index(0);
  return device;
}

MemoryUse memory_use(const at::Device& device) {
  if (device.is_cpu()) return cpu_memory_use();
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = at::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return {stats.allocated_bytes[kAll].current, stats.allocated_bytes[kAll].peak};
}

Napi::Value memory_in_use(const Napi::CallbackInfo& info) {
  const int64_t bytes =
      guarded(info.Env(), "OPERATOR", "memoryInUse", [&] { return memory_use(device_named(info[0])).in_use; });
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

Napi::Value peak_memory(const Napi::CallbackInfo& info) {
  const int64_t bytes =
      guarded(info.Env(), "OPERATOR", "peakMemory", [&] { return memory_use(device_named(info[0])).peak; });
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

void reset_peak_memory(const Napi::CallbackInfo& info) {
  guarded(info.Env(), "OPERATOR", "resetPeakMemory", [&] {
    const at::Device device = device_named(info[0]);
    if (device.is_cpu()) return reset_cpu_memory_peak();
    at::getDeviceAllocator(device.type())->resetPeakStats(device.index());
  });
}

Napi::Value device_available(const Napi::CallbackInfo& info) {
  const std::string kind = info[0].ToString();
  const bool available = guarded(info.Env(), "OPERATOR", "deviceAvailable", [&] {
    return kind == "cpu" || (kind == "cuda" && at::hasCUDA()) || (kind == "mps" && at::hasMPS());
  });
  return Napi::Boolean::New(info.Env(), available);
}

}  // namespace

void register_runtime(Napi::Env env, Napi::Object exports) {
  exports.Set("versions", Napi::Function::New(env, versions));
  exports.Set("setThreads", Napi::Function::New(env, set_threads));
  exports.Set("threads", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Number::New(info.Env(), at::get_num_threads());
              }));
  exports.Set("setTf32", Napi::Function::New(env, set_tf32));
  exports.Set("tf32", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Boolean::New(info.Env(), at::globalContext().allowTF32CuBLAS());
              }));
  exports.Set("cpuCapability", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::String::New(info.Env(), at::get_cpu_capability());
              }));
  exports.Set("manualSeed", Napi::Function::New(env, manual_seed));
  exports.Set("generatorState", Napi::Function::New(env, generator_state));
  exports.Set("setGeneratorState", Napi::Function::New(env, set_generator_state));
  exports.Set("releaseMemory", Napi::Function::New(env, [](const Napi::CallbackInfo&) { release_kept_memory(); }));
  exports.Set("memoryInUse", Napi::Function::New(env, memory_in_use));
  exports.Set("peakMemory", Napi::Function::New(env, peak_memory));
  exports.Set("resetPeakMemory", Napi::Function::New(env, reset_peak_memory));
  exports.Set("deviceAvailable", Napi::Function::New(env, device_available));
}

}  // namespace uafer
