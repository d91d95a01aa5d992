// Where a thread's time goes: each operator's own time, without that of the operators that it calls.
#include <ATen/record_function.h>

#include <chrono>
#include <map>

#include "engine.h"

namespace uafer {
namespace {

using Clock = std::chrono::steady_clock;

struct Share {
  int64_t calls = 0;
  double seconds = 0;
};

struct Call {
  std::string name;
  Clock::time_point began;
  double inner = 0;  // seconds of the operators that it called
};

struct Profile {
  at::CallbackHandle handle = 0;
  std::vector<Call> open;
  std::map<std::string, Share> shares;
};

// One at a time in a thread; operators of other threads are not seen.
thread_local std::unique_ptr<Profile> running;

std::unique_ptr<at::ObserverContext> begin_call(const at::RecordFunction& function) {
  if (running) running->open.push_back({function.name(), Clock::now()});
  return nullptr;
}

void end_call(const at::RecordFunction&, at::ObserverContext*) {
  if (!running || running->open.empty()) return;
  const Call call = std::move(running->open.back());
  running->open.pop_back();
  const double seconds = std::chrono::duration<double>(Clock::now() - call.began).count();
  if (!running->open.empty()) running->open.back().inner += seconds;
  Share& share = running->shares[call.name];
  ++share.calls;
  share.seconds += seconds - call.inner;
}

void begin_profile(const Napi::CallbackInfo& info) {
  if (running) throw make_error(info.Env(), "OPERATOR", "beginProfile: one is running in this thread");
  running = std::make_unique<Profile>();
  running->handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback(begin_call, end_call)
                                     .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
}

// [name, calls, seconds] of each operator that was called since.
Napi::Value end_profile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!running) throw make_error(env, "OPERATOR", "endProfile: none is running in this thread");
  at::removeCallback(running->handle);
  const std::unique_ptr<Profile> ended = std::move(running);
  Napi::Array rows = Napi::Array::New(env);
  uint32_t count = 0;
  for (const auto& [name, share] : ended->shares) {
    Napi::Array row = Napi::Array::New(env, 3);
    row.Set(0u, Napi::String::New(env, name));
    row.Set(1u, Napi::Number::New(env, static_cast<double>(share.calls)));
    row.Set(2u, Napi::Number::New(env, share.seconds));
    rows.Set(count++, row);
  }
  return rows;
}

}  // namespace

void register_profile(Napi::Env env, Napi::Object exports) {
  exports.Set("beginProfile", Napi::Function::New(env, begin_profile));
  exports.Set("endProfile", Napi::Function::New(env, end_profile));
}

}  // namespace uafer
