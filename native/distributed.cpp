// Many processes: c10d's store, process groups over Gloo and NCCL, and gradients that are summed over all processes
// while backward is still computing those of earlier layers.
#include "distributed.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/Flags.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "engine.h"

#ifdef UAFER_GLOO
#define USE_C10D_GLOO
#ifdef UAFER_NCCL
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

C10_DECLARE_int(caffe2_log_level);

namespace uafer {

#ifdef UAFER_GLOO
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using StorePtr = c10::intrusive_ptr<c10d::Store>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

// Set in the store by a process that fails. Whoever waits for a sum looks at it, since not every process is connected
// to the one that is gone at the moment when it goes.
constexpr const char* kTrouble = "trouble";
constexpr Milliseconds kLook{1000};

// Adds to a number in the store once a second, whatever the JavaScript thread does: a sign that this process is there.
// It looks too whether another one fails, in a thread of its own since a store that cannot be reached any more may
// never answer.
class Beat {
 public:
  Beat(StorePtr store, std::string key) : state_(std::make_shared<State>()) {
    thread_ = std::thread(run, state_, std::move(store), std::move(key));
  }
  ~Beat() {
    {
      const std::lock_guard<std::mutex> lock(state_->mutex);
      state_->ending = true;
    }
    state_->wake.notify_all();
    // One that waits for the store in vain would be waited for in vain.
    if (silence() < kSilence) {
      thread_.join();
    } else {
      thread_.detach();
    }
  }

  bool trouble() const { return state_->trouble; }
  // Since the store answered last.
  Clock::duration silence() const { return Clock::now() - state_->answered.load(); }

  static constexpr std::chrono::seconds kSilence{4};

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable wake;
    bool ending = false;
    std::atomic<bool> trouble{false};
    std::atomic<Clock::time_point> answered{Clock::now()};
  };

  static void run(const std::shared_ptr<State>& state, const StorePtr& store, const std::string& key) {
    for (;;) {
      try {
        store->add(key, 1);
        if (store->check({kTrouble})) state->trouble = true;
        state->answered = Clock::now();
      } catch (const std::exception&) {
        return;  // the store is gone: from here on it is silent
      }
      std::unique_lock<std::mutex> lock(state->mutex);
      if (state->wake.wait_for(lock, kLook, [&] { return state->ending; })) return;
    }
  }

  std::shared_ptr<State> state_;
  std::thread thread_;
};

struct OpenStore {
  StorePtr store;
  std::unique_ptr<Beat> beat;
};

struct Group {
  std::shared_ptr<OpenStore> open;
  c10::intrusive_ptr<c10d::Backend> backend;
  Milliseconds timeout;
  bool polled;  // NCCL's wait orders streams, and does not wait
};

// Objects by number. What is not closed stays when the process ends: a group with a sum under way cannot be taken down.
template <typename Value>
class Registry {
 public:
  int64_t add(Value value) {
    const std::lock_guard<std::mutex> lock(mutex_);
    values_.emplace(++last_, std::move(value));
    return last_;
  }
  Value at(int64_t number, const char* what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = values_.find(number);
    if (found == values_.end()) throw DistributedError(std::string(what) + " is closed");
    return found->second;
  }
  void remove(int64_t number) {
    Value removed{};  // goes after the lock: its destructor may wait for threads
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = values_.find(number);
    if (found == values_.end()) return;
    std::swap(removed, found->second);
    values_.erase(found);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, Value> values_;
  int64_t last_ = 0;
};

Registry<std::shared_ptr<OpenStore>>& stores() {
  static auto* registry = std::make_unique<Registry<std::shared_ptr<OpenStore>>>().release();
  return *registry;
}

StorePtr store_at(int64_t number) { return stores().at(number, "the store")->store; }

Registry<std::shared_ptr<Group>>& groups() {
  static auto* registry = std::make_unique<Registry<std::shared_ptr<Group>>>().release();
  return *registry;
}

bool in_trouble(Group& group) {
  if (const Beat* beat = group.open->beat.get()) {
    if (beat->silence() > group.timeout) throw DistributedError("the store does not answer");
    return beat->trouble();
  }
  try {
    return group.open->store->check({kTrouble});
  } catch (const std::exception& error) {
    throw DistributedError("the store does not answer: " + describe(error));
  }
}

// Waits at most `kLook`; false when the work is still under way.
bool wait_a_while(Group& group, c10d::Work& work) {
  if (group.polled) {
    const auto until = Clock::now() + kLook;
    while (!work.isCompleted() && Clock::now() < until) std::this_thread::sleep_for(std::chrono::microseconds(50));
    if (!work.isCompleted()) return false;
    work.wait();
    return true;
  }
  try {
    work.wait(kLook);
    return true;
  } catch (...) {
    if (work.isCompleted()) throw;
    return false;
  }
}

// Waits for the work until the group's time-out, or until a process says that it fails.
void wait(Group& group, c10d::Work& work) {
  const auto deadline = Clock::now() + group.timeout;
  try {
    while (!wait_a_while(group, work)) {
      if (in_trouble(group)) throw DistributedError("another process fails");
      if (Clock::now() > deadline) throw DistributedError("no answer within the time-out");
    }
  } catch (const DistributedError&) {
    throw;
  } catch (const std::exception& error) {
    // Gloo counts from the work's start, which may be before this wait's.
    const std::string what = describe(error);
    const bool late = what.find("Timed out") != std::string::npos;
    throw DistributedError(late ? "no answer within the time-out: " + what : what);
  }
}

WorkPtr start_sum(Group& group, const at::Tensor& tensor) {
  std::vector<at::Tensor> tensors{tensor};
  return group.backend->allreduce(tensors);
}

void sum_in_place(Group& group, const at::Tensor& tensor) { wait(group, *start_sum(group, tensor)); }

// y = the sum of every process's x. The whole loss is the sum of the processes' own, so that its gradient for x is the
// sum of theirs for y.
struct SumOverProcesses : torch::autograd::Function<SumOverProcesses> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t number) {
    context->saved_data["group"] = number;
    at::Tensor y = x.detach().clone(at::MemoryFormat::Contiguous);
    sum_in_place(*groups().at(number, "the process group"), y);
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    at::Tensor gradient = gradients[0].clone(at::MemoryFormat::Contiguous);
    sum_in_place(*groups().at(context->saved_data["group"].toInt(), "the process group"), gradient);
    return {gradient, at::Tensor()};
  }
};

// Gradients of the same type and device, side by side, which are summed in one go.
struct Bucket {
  at::Tensor flat;
  std::vector<size_t> members;
  std::vector<int64_t> offsets;
  std::vector<bool> filled;
  size_t missing = 0;
  WorkPtr work;
};

// Sums the gradients of parameters over all processes. Buckets follow the parameters from the last to the first, about
// the order in which backward makes their gradients, and are always begun in that order: every process begins the same
// sums in the same order.
class Reducer {
 public:
  Reducer(std::shared_ptr<Group> group, std::vector<at::Tensor> parameters, int64_t first_bytes, int64_t bytes)
      : group_(std::move(group)), parameters_(std::move(parameters)), places_(parameters_.size()) {
    for (size_t i = parameters_.size(); i-- > 0;) place(i, buckets_.size() <= 1 ? first_bytes : bytes);
    for (Bucket& bucket : buckets_) {
      const at::Tensor& like = parameters_[bucket.members.front()];
      bucket.flat = at::empty({bucket.offsets.back()}, like.options().requires_grad(false));
    }
  }

  size_t buckets() const { return buckets_.size(); }

  // From here on gradients are taken as they come.
  void begin() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Bucket& bucket : buckets_) {
      bucket.filled.assign(bucket.members.size(), false);
      bucket.missing = bucket.members.size();
      bucket.work.reset();
    }
    next_ = 0;
    armed_ = true;
  }

  // The gradient of parameter `i` is whole.
  void ready(size_t i, const at::Tensor& parameter) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!armed_) return;
    const at::NoGradGuard no_grad;
    const auto [number, position] = places_[i];
    Bucket& bucket = buckets_[number];
    if (bucket.filled[position]) throw DistributedError("a parameter got its gradient twice in one step");
    const at::Tensor view = view_of(bucket, position, parameter);
    view.copy_(parameter.grad());
    parameter.mutable_grad() = view;
    bucket.filled[position] = true;
    bucket.missing -= 1;
    start_whole();
  }

  // Waits for every sum and multiplies it by `factor`: the gradients of the parameters that have one are then those of
  // all processes. Returns the seconds that this took.
  double finish(double factor) {
    const at::NoGradGuard no_grad;
    const auto began = Clock::now();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (Bucket& bucket : buckets_) fill_rest(bucket);
      start_whole();
      armed_ = false;
    }
    for (Bucket& bucket : buckets_) {
      wait(*group_, *bucket.work);
      bucket.work.reset();
      bucket.flat.mul_(factor);
    }
    return std::chrono::duration<double>(Clock::now() - began).count();
  }

 private:
  void place(size_t i, int64_t most) {
    const at::Tensor& parameter = parameters_[i];
    const bool fits = !buckets_.empty() && like(parameter, parameters_[buckets_.back().members.front()]) &&
                      (buckets_.back().offsets.back() + parameter.numel()) * parameter.element_size() <= most;
    if (!fits) {
      buckets_.emplace_back();
      buckets_.back().offsets.push_back(0);
    }
    Bucket& bucket = buckets_.back();
    places_[i] = {buckets_.size() - 1, bucket.members.size()};
    bucket.members.push_back(i);
    bucket.offsets.push_back(bucket.offsets.back() + parameter.numel());
  }

  static bool like(const at::Tensor& a, const at::Tensor& b) {
    return a.scalar_type() == b.scalar_type() && a.device() == b.device();
  }

  // In the parameter's own layout, which the fused optimiser goes by.
  static at::Tensor view_of(const Bucket& bucket, size_t position, const at::Tensor& parameter) {
    const int64_t offset = bucket.offsets[position];
    if (parameter.is_non_overlapping_and_dense()) {
      return bucket.flat.as_strided(parameter.sizes(), parameter.strides(), offset);
    }
    return bucket.flat.narrow(0, offset, parameter.numel()).view(parameter.sizes());
  }

  // A parameter that no process's loss depends on has no gradient anywhere; its place counts for nothing.
  void fill_rest(Bucket& bucket) {
    for (size_t position = 0; position < bucket.members.size(); ++position) {
      if (bucket.filled[position]) continue;
      const int64_t offset = bucket.offsets[position];
      bucket.flat.narrow(0, offset, bucket.offsets[position + 1] - offset).zero_();
    }
    bucket.missing = 0;
  }

  void start_whole() {
    for (; next_ < buckets_.size() && buckets_[next_].missing == 0; ++next_) {
      buckets_[next_].work = start_sum(*group_, buckets_[next_].flat);
    }
  }

  std::shared_ptr<Group> group_;
  std::vector<at::Tensor> parameters_;
  std::vector<std::pair<size_t, size_t>> places_;  // of each parameter: its bucket, and its position there
  std::vector<Bucket> buckets_;
  std::mutex mutex_;  // on a GPU, backward runs in a thread of its own
  size_t next_ = 0;
  bool armed_ = false;
};

struct ReduceHook : torch::autograd::PostAccumulateGradHook {
  ReduceHook(std::weak_ptr<Reducer> reducer, size_t index) : reducer(std::move(reducer)), index(index) {}
  void operator()(const at::Tensor& parameter) override {
    if (const auto alive = reducer.lock()) alive->ready(index, parameter);
  }
  std::weak_ptr<Reducer> reducer;
  size_t index;
};

Registry<std::shared_ptr<Reducer>>& reducers() {
  static auto* registry = std::make_unique<Registry<std::shared_ptr<Reducer>>>().release();
  return *registry;
}

int64_t number_of(const Napi::CallbackInfo& info, size_t index) { return to_integer(info[index], "a number"); }

std::string text_of(const Napi::CallbackInfo& info, size_t index) { return info[index].ToString().Utf8Value(); }

Milliseconds time_of(const Napi::CallbackInfo& info, size_t index) { return Milliseconds(number_of(info, index)); }

Napi::Value numbered(Napi::Env env, int64_t number) { return Napi::Number::New(env, static_cast<double>(number)); }

template <typename Body>
decltype(auto) connecting(const Napi::CallbackInfo& info, const std::string& what, Body&& body) {
  return guarded(info.Env(), "DISTRIBUTED", what, std::forward<Body>(body));
}

// (host, port, isServer, prefix, timeout in ms) => number
Napi::Value open_store(const Napi::CallbackInfo& info) {
  return connecting(info, "openStore", [&] {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(number_of(info, 1));
    options.isServer = info[2].ToBoolean();
    options.waitWorkers = false;
    options.timeout = time_of(info, 4);
    StorePtr store = c10::make_intrusive<c10d::TCPStore>(text_of(info, 0), options);
    const std::string prefix = text_of(info, 3);
    if (!prefix.empty()) store = c10::make_intrusive<c10d::PrefixStore>(prefix, store);
    return numbered(info.Env(), stores().add(std::make_shared<OpenStore>(OpenStore{store, nullptr})));
  });
}

void set_store_timeout(const Napi::CallbackInfo& info) {
  connecting(info, "setStoreTimeout", [&] { store_at(number_of(info, 0))->setTimeout(time_of(info, 1)); });
}

void store_set(const Napi::CallbackInfo& info) {
  connecting(info, "store", [&] {
    const std::string text = text_of(info, 2);
    store_at(number_of(info, 0))->set(text_of(info, 1), std::vector<uint8_t>(text.begin(), text.end()));
  });
}

// Null where nothing was set.
Napi::Value store_get(const Napi::CallbackInfo& info) {
  return connecting(info, "store", [&]() -> Napi::Value {
    const StorePtr store = store_at(number_of(info, 0));
    const std::string key = text_of(info, 1);
    if (!store->check({key})) return info.Env().Null();
    const std::vector<uint8_t> bytes = store->get(key);
    return Napi::String::New(info.Env(), std::string(bytes.begin(), bytes.end()));
  });
}

Napi::Value store_add(const Napi::CallbackInfo& info) {
  return connecting(info, "store", [&] {
    const StorePtr store = store_at(number_of(info, 0));
    return numbered(info.Env(), store->add(text_of(info, 1), number_of(info, 2)));
  });
}

// (store, key): this process beats there, over a connection of its own, until the store is closed
void start_beat(const Napi::CallbackInfo& info) {
  connecting(info, "startBeat", [&] {
    const std::shared_ptr<OpenStore> open = stores().at(number_of(info, 0), "the store");
    open->beat = std::make_unique<Beat>(open->store->clone(), text_of(info, 1));
  });
}

// Whether the store has answered to the beat in the last seconds; true without one.
Napi::Value store_answers(const Napi::CallbackInfo& info) {
  return connecting(info, "store", [&] {
    const std::shared_ptr<OpenStore> open = stores().at(number_of(info, 0), "the store");
    return Napi::Boolean::New(info.Env(), !open->beat || open->beat->silence() < Beat::kSilence);
  });
}

void close_store(const Napi::CallbackInfo& info) { stores().remove(number_of(info, 0)); }

c10::intrusive_ptr<c10d::Backend> gloo_backend(const StorePtr& store, int rank, int size, Milliseconds timeout,
                                               const std::string& address, const std::string& interface) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  options->devices = {interface.empty() ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                        : c10d::ProcessGroupGloo::createDeviceForInterface(interface)};
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
}

#ifdef UAFER_NCCL
c10::intrusive_ptr<c10d::Backend> nccl_backend(const StorePtr& store, int rank, int size, Milliseconds timeout) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
}
#endif

// (store, name, backend, rank, size, timeout in ms, address, interface) => number
Napi::Value open_group(const Napi::CallbackInfo& info) {
  const std::string backend = text_of(info, 2);
  return connecting(info, "openGroup", [&] {
    const std::shared_ptr<OpenStore> open = stores().at(number_of(info, 0), "the store");
    const StorePtr store = c10::make_intrusive<c10d::PrefixStore>(text_of(info, 1), open->store);
    const int rank = static_cast<int>(number_of(info, 3));
    const int size = static_cast<int>(number_of(info, 4));
    const Milliseconds timeout = time_of(info, 5);
    auto group = std::make_shared<Group>(Group{open, {}, timeout, backend == "nccl"});
    if (backend == "gloo") {
      group->backend = gloo_backend(store, rank, size, timeout, text_of(info, 6), text_of(info, 7));
#ifdef UAFER_NCCL
    } else if (backend == "nccl") {
      group->backend = nccl_backend(store, rank, size, timeout);
#endif
    } else {
      throw DistributedError("this engine was built without " + backend);
    }
    return numbered(info.Env(), groups().add(group));
  });
}

void close_group(const Napi::CallbackInfo& info) { groups().remove(number_of(info, 0)); }

std::shared_ptr<Group> group_of(const Napi::CallbackInfo& info) {
  return groups().at(number_of(info, 0), "the process group");
}

// (group, tensor): the tensor becomes the sum of every process's
void all_reduce(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info[1], "allReduce");
  connecting(info, "allReduce", [&] { sum_in_place(*group_of(info), tensor); });
}

// (group, tensor) => tensor, with a gradient
Napi::Value all_reduced(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info[1], "allReduced");
  return connecting(info, "allReduced", [&] {
    const int64_t number = number_of(info, 0);
    return wrap_tensor(info.Env(), SumOverProcesses::apply(tensor, number));
  });
}

// (group, tensor, root): the tensor becomes the root's
void broadcast(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info[1], "broadcast");
  connecting(info, "broadcast", [&] {
    const std::shared_ptr<Group> group = group_of(info);
    c10d::BroadcastOptions options;
    options.rootRank = number_of(info, 2);
    std::vector<at::Tensor> tensors{tensor};
    wait(*group, *group->backend->broadcast(tensors, options));
  });
}

std::vector<at::Tensor> places_for(const at::Tensor& tensor, int size) {
  std::vector<at::Tensor> places;
  for (int i = 0; i < size; ++i) places.push_back(at::empty_like(tensor));
  return places;
}

Napi::Value as_values(Napi::Env env, const std::vector<at::Tensor>& tensors) {
  std::vector<c10::IValue> values(tensors.begin(), tensors.end());
  return from_ivalues(env, values);
}

// (group, tensor) => every process's tensor, in the order of the ranks; all of one shape
Napi::Value all_gather(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info[1], "allGather");
  return connecting(info, "allGather", [&] {
    const std::shared_ptr<Group> group = group_of(info);
    std::vector<std::vector<at::Tensor>> outputs{places_for(tensor, group->backend->getSize())};
    std::vector<at::Tensor> inputs{tensor};
    wait(*group, *group->backend->allgather(outputs, inputs));
    return as_values(info.Env(), outputs[0]);
  });
}

// (group, tensor, root) => for the root what allGather gives; none for the others
Napi::Value gather(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info[1], "gather");
  return connecting(info, "gather", [&] {
    const std::shared_ptr<Group> group = group_of(info);
    c10d::GatherOptions options;
    options.rootRank = number_of(info, 2);
    std::vector<std::vector<at::Tensor>> outputs;
    if (group->backend->getRank() == options.rootRank) outputs = {places_for(tensor, group->backend->getSize())};
    std::vector<at::Tensor> inputs{tensor};
    wait(*group, *group->backend->gather(outputs, inputs, options));
    return as_values(info.Env(), outputs.empty() ? std::vector<at::Tensor>{} : outputs[0]);
  });
}

// (group, parameters, bytes of the first bucket, bytes of the others) => number
Napi::Value open_reducer(const Napi::CallbackInfo& info) {
  const std::vector<at::Tensor> parameters = unwrap_tensors(info[1], "openReducer");
  return connecting(info, "openReducer", [&] {
    auto reducer = std::make_shared<Reducer>(group_of(info), parameters, number_of(info, 2), number_of(info, 3));
    for (size_t i = 0; i < parameters.size(); ++i) {
      torch::autograd::impl::set_post_acc_grad_hooks(parameters[i], std::make_unique<ReduceHook>(reducer, i));
    }
    return numbered(info.Env(), reducers().add(reducer));
  });
}

std::shared_ptr<Reducer> reducer_of(const Napi::CallbackInfo& info) {
  return reducers().at(number_of(info, 0), "the reducer");
}

Napi::Value reducer_buckets(const Napi::CallbackInfo& info) {
  return connecting(info, "reducer",
                    [&] { return numbered(info.Env(), static_cast<int64_t>(reducer_of(info)->buckets())); });
}

void reducer_begin(const Napi::CallbackInfo& info) {
  connecting(info, "reducer", [&] { reducer_of(info)->begin(); });
}

Napi::Value reducer_finish(const Napi::CallbackInfo& info) {
  const double factor = info[1].ToNumber();
  return connecting(info, "reducer", [&] { return Napi::Number::New(info.Env(), reducer_of(info)->finish(factor)); });
}

void close_reducer(const Napi::CallbackInfo& info) { reducers().remove(number_of(info, 0)); }

Napi::Value backends(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  names.Set(0u, "gloo");
#ifdef UAFER_NCCL
  names.Set(1u, "nccl");
#endif
  return names;
}

}  // namespace

void register_distributed(Napi::Env env, Napi::Object exports) {
  // c10d writes each failure with its C++ stack to the screen too; its errors are told by who gets them.
  constexpr int kFatal = 3;
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = kFatal;
  exports.Set("backends", Napi::Function::New(env, backends));
  exports.Set("openStore", Napi::Function::New(env, open_store));
  exports.Set("setStoreTimeout", Napi::Function::New(env, set_store_timeout));
  exports.Set("storeSet", Napi::Function::New(env, store_set));
  exports.Set("storeGet", Napi::Function::New(env, store_get));
  exports.Set("storeAdd", Napi::Function::New(env, store_add));
  exports.Set("startBeat", Napi::Function::New(env, start_beat));
  exports.Set("storeAnswers", Napi::Function::New(env, store_answers));
  exports.Set("closeStore", Napi::Function::New(env, close_store));
  exports.Set("openGroup", Napi::Function::New(env, open_group));
  exports.Set("closeGroup", Napi::Function::New(env, close_group));
  exports.Set("allReduce", Napi::Function::New(env, all_reduce));
  exports.Set("allReduced", Napi::Function::New(env, all_reduced));
  exports.Set("broadcast", Napi::Function::New(env, broadcast));
  exports.Set("allGather", Napi::Function::New(env, all_gather));
  exports.Set("gather", Napi::Function::New(env, gather));
  exports.Set("openReducer", Napi::Function::New(env, open_reducer));
  exports.Set("reducerBuckets", Napi::Function::New(env, reducer_buckets));
  exports.Set("reducerBegin", Napi::Function::New(env, reducer_begin));
  exports.Set("reducerFinish", Napi::Function::New(env, reducer_finish));
  exports.Set("closeReducer", Napi::Function::New(env, close_reducer));
}

#else  // a libtorch without c10d

namespace {

Napi::Value no_backends(const Napi::CallbackInfo& info) { return Napi::Array::New(info.Env()); }

}  // namespace

void register_distributed(Napi::Env env, Napi::Object exports) {
  exports.Set("backends", Napi::Function::New(env, no_backends));
}

#endif

}  // namespace uafer
