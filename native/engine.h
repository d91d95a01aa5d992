// What every source of the addon shares: libtorch's and Node-API's headers, the state of one JavaScript thread, and the
// translation of C++ exceptions to JavaScript errors.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <c10/core/InferenceMode.h>
#include <napi.h>

#include <memory>
#include <string>
#include <vector>

namespace uafer {

// One tensor as JavaScript sees it. Shared by the JavaScript object and the scope that it was made in.
struct TensorState {
  at::Tensor tensor;
  int64_t reported_bytes = 0;  // what V8 was told about this handle
  bool disposed = false;
  bool kept = false;  // marked while a scope ends
};
using StatePointer = std::shared_ptr<TensorState>;

struct AutocastEntry {
  at::DeviceType device;
  bool enabled;
  at::ScalarType dtype;
};

// State of one JavaScript thread (a worker has its own).
struct ThreadState {
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference error_class;
  std::vector<std::vector<StatePointer>> scopes;
  std::vector<std::unique_ptr<c10::InferenceMode>> inference;
  std::vector<AutocastEntry> autocast;
  std::vector<c10::OperatorHandle> operators;
  int64_t live_handles = 0;
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
  } catch (const std::exception& error) {
    throw make_error(env, code, context + ": " + describe(error));
  } catch (...) {
    throw make_error(env, code, context + ": unknown failure");
  }
}

// handle.cpp
void register_handles(Napi::Env env, Napi::Object exports);
Napi::Value wrap_tensor(Napi::Env env, at::Tensor tensor);
bool is_tensor(Napi::Value value);
// The tensor behind a JavaScript value; throws for anything else and for a disposed handle. `what` names it in the
// message.
const at::Tensor& unwrap_tensor(Napi::Value value, const std::string& what);
std::vector<at::Tensor> unwrap_tensors(Napi::Value value, const std::string& what);

// convert.cpp
at::ScalarType parse_dtype(Napi::Env env, const std::string& name);
const char* dtype_name(at::ScalarType dtype);
c10::IValue to_ivalue(Napi::Value value, const c10::Argument& argument);
Napi::Value from_ivalue(Napi::Env env, const c10::IValue& value);

// The other rooms.
void register_dispatch(Napi::Env env, Napi::Object exports);
void register_autograd(Napi::Env env, Napi::Object exports);
void register_runtime(Napi::Env env, Napi::Object exports);
void register_archive(Napi::Env env, Napi::Object exports);

}  // namespace uafer
