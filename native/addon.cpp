#include <c10/util/Logging.h>

#include <mutex>

#include "engine.h"

namespace uafer {

ThreadState& thread_state(Napi::Env env) { return *env.GetInstanceData<ThreadState>(); }

Napi::Error make_error(Napi::Env env, const char* code, const std::string& message) {
  ThreadState& state = thread_state(env);
  if (state.error_class.IsEmpty()) return Napi::Error::New(env, message);
  Napi::Object error = state.error_class.New({Napi::String::New(env, code), Napi::String::New(env, message)});
  return Napi::Error(env, error);
}

std::string describe(const std::exception& error) {
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&error)) return torch_error->what_without_backtrace();
  return error.what();
}

namespace {

// libtorch notes the stack with each of its errors. Nothing here shows it, and the walk goes on into the code that V8
// compiles, which has no unwind tables: there libgcc guesses, and may read memory that isn't mapped.
void leave_out_back_traces() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetStackTraceFetcher([] { return std::string(); }); });
}

// The class that errors are made of: called once with UaferError before anything else.
void set_error_class(const Napi::CallbackInfo& info) {
  thread_state(info.Env()).error_class = Napi::Persistent(info[0].As<Napi::Function>());
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(std::make_unique<ThreadState>().release());  // Node-API owns and deletes it
  exports.Set("setErrorClass", Napi::Function::New(env, set_error_class));
  keep_tensor_memory();
  leave_out_back_traces();
  register_handles(env, exports);
  register_dispatch(env, exports);
  register_autograd(env, exports);
  register_layers(env, exports);
  register_profile(env, exports);
  register_runtime(env, exports);
  register_archive(env, exports);
  register_distributed(env, exports);
  return exports;
}

}  // namespace
}  // namespace uafer

static Napi::Object initialise_addon(Napi::Env env, Napi::Object exports) { return uafer::initialise(env, exports); }

NODE_API_MODULE(uafer_engine, initialise_addon)
