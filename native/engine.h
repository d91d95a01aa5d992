// What every source of the addon shares: libtorch's and Node-API's headers, the state of one JavaScript thread, and the
// translation of C++ exceptions to JavaScript errors.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/core/InferenceMode.h>
#include <napi.h>

#include <deque>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "distributed.h"

namespace uafer {

struct ThreadState;

// One tensor as JavaScript sees it. It goes when its JavaScript object is disposed or collected, or when the scope ends
// that it was made in.
struct TensorHandle {
  TensorHandle(at::Tensor tensor, ThreadState* thread) : tensor(std::move(tensor)), thread(thread) {}

  at::Tensor tensor;
  ThreadState* thread;         // null once the thread's state is gone
  napi_ref object = nullptr;   // weak
  int64_t reported_bytes = 0;  // what V8 was told about this handle
  size_t scope = kNoScope;     // the scope that frees it remembers it at scopes[scope][position]
  size_t position = 0;
  bool kept = false;  // marked while a scope ends

  static constexpr size_t kNoScope = SIZE_MAX;
};

struct AutocastEntry {
  at::DeviceType device;
  bool enabled;
  at::ScalarType dtype;
};

// State of one JavaScript thread (a worker has its own).
struct ThreadState {
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference error_class;
  // Every handle that isn't disposed: an object wraps a tensor only if what it wraps is in here.
  std::unordered_set<TensorHandle*> handles;
  bool making_handle = false;
  std::vector<std::vector<TensorHandle*>> scopes;  // null: freed before the scope ended
  std::vector<std::unique_ptr<c10::InferenceMode>> inference;
  std::vector<AutocastEntry> autocast;
  std::deque<c10::OperatorHandle> operators;  // JavaScript functions point at the elements

  // Node takes handles and this down in an order of its own.
  ~ThreadState() {
    for (TensorHandle* handle : handles) handle->thread = nullptr;
  }
};

ThreadState& thread_state(Napi::Env env);

// A JavaScript UaferError of this code.
Napi::Error make_error(Napi::Env env, const char* code, const std::string& message);

// libtorch's message without its C++ back trace.
std::string describe(const std::exception& error);

// Runs `body`; any C++ exception leaves as a JavaScript error that starts with `context`.
template <typename Body>
decltype(auto) guarded(Napi::Env env, const char* code, const std::string& context, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const DistributedError& error) {
    throw make_error(env, "DISTRIBUTED", context + ": " + error.what());
  } catch (const std::exception& error) {
    throw make_error(env, code, context + ": " + describe(error));
  } catch (...) {
    throw make_error(env, code, context + ": unknown failure");
  }
}

// handle.cpp
void register_handles(Napi::Env env, Napi::Object exports);
Napi::Value wrap_tensor(Napi::Env env, at::Tensor tensor);
// The live tensor behind a JavaScript value, or null. Valid until JavaScript runs.
const at::Tensor* find_tensor(Napi::Value value);
// `undefined`, `a number`, `a tensor`, `a disposed tensor`, ...
std::string kind_of(Napi::Value value);
// As `find_tensor`, but throws, with `what` in front. By value: JavaScript that runs later may dispose the handle.
at::Tensor unwrap_tensor(Napi::Value value, const char* what);
std::vector<at::Tensor> unwrap_tensors(Napi::Value value, const char* what, bool nullable = false);

// convert.cpp
at::ScalarType parse_dtype(Napi::Env env, const std::string& name);
// A whole number of 64 bits; std::invalid_argument (which starts with `what`) for anything else.
int64_t to_integer(Napi::Value value, const std::string& what);
const char* dtype_name(at::ScalarType dtype);
c10::IValue to_ivalue(Napi::Value value, const c10::Argument& argument);
Napi::Value from_ivalue(Napi::Env env, c10::IValue value);
Napi::Array from_ivalues(Napi::Env env, std::vector<c10::IValue>& values);

// Bytes of tensors' memory.
struct MemoryUse {
  int64_t in_use;
  int64_t peak;
};

// allocator.cpp. Nothing is counted on Windows, where CPU tensors' memory is libtorch's own.
void keep_tensor_memory();
void release_kept_memory();
MemoryUse cpu_memory_use();
void reset_cpu_memory_peak();

// dispatch.cpp, autograd.cpp, layers.cpp, profile.cpp, runtime.cpp, archive.cpp, distributed.cpp: each adds its
// functions to the addon.
void register_dispatch(Napi::Env env, Napi::Object exports);
void register_autograd(Napi::Env env, Napi::Object exports);
void register_layers(Napi::Env env, Napi::Object exports);
void register_profile(Napi::Env env, Napi::Object exports);
void register_runtime(Napi::Env env, Napi::Object exports);
void register_archive(Napi::Env env, Napi::Object exports);
void register_distributed(Napi::Env env, Napi::Object exports);

}  // namespace uafer
