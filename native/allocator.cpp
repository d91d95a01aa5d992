// Memory of CPU tensors. libtorch returns a large tensor's memory to the system when the tensor dies, and the system
// clears the pages anew at their next use: a third of the processor time of a training step. Steps ask for the same
// sizes over and over, so large blocks are kept for the next tensor of about that size. What is held, used or kept, is
// at most 9 / 8 of what was in use at once.
#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "engine.h"

#ifndef _WIN32
#include <dlfcn.h>
#include <sys/mman.h>
#endif
#if defined(__APPLE__)
#include <malloc/malloc.h>
#elif !defined(_WIN32)
#include <malloc.h>
#endif

namespace uafer {

#ifdef _WIN32
void keep_tensor_memory() {}
void release_kept_memory() {}
MemoryUse cpu_memory_use() { return {0, 0}; }
void reset_cpu_memory_peak() {}
#else
namespace {

constexpr size_t kLarge = size_t{1} << 20;    // smaller tensors are malloc's: it keeps them itself
constexpr size_t kGranule = size_t{1} << 16;  // sizes are whole numbers of these
constexpr size_t kSmallestPage = 4096;        // of any system
constexpr size_t kWaste = 8;                  // a kept block serves a tensor that needs at least 8 / 9 of it
constexpr size_t kSlack = 8;                  // an eighth more than was in use at once may be held

struct Block {
  void* data;
  size_t bytes;
};

// What malloc gave for a request.
int64_t malloced_bytes(void* data) {
#if defined(__APPLE__)
  return static_cast<int64_t>(malloc_size(data));
#else
  return static_cast<int64_t>(malloc_usable_size(data));
#endif
}

// Bytes that tensors hold now, and the most that they held at once.
class Account {
 public:
  void take(int64_t bytes) {
    const int64_t now = in_use_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }

  void give(int64_t bytes) { in_use_.fetch_sub(bytes, std::memory_order_relaxed); }

  MemoryUse use() const { return {in_use_.load(std::memory_order_relaxed), peak_.load(std::memory_order_relaxed)}; }

  void reset_peak() { peak_.store(in_use_.load(std::memory_order_relaxed), std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> in_use_{0};
  std::atomic<int64_t> peak_{0};
};

class KeepingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* const data = bytes < kLarge ? c10::alloc_cpu(bytes) : take(whole_granules(bytes));
    if (bytes < kLarge && data != nullptr) account_.take(malloced_bytes(data));
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  void give_back_all() {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (!kept_.empty()) give_back_oldest();
    most_used_bytes_ = used_bytes_;
  }

  Account& account() { return account_; }

  static KeepingAllocator& instance() {
    // Never destroyed: tensors in static variables of libtorch end after those of this file.
    static KeepingAllocator* const allocator = std::make_unique<KeepingAllocator>().release();
    return *allocator;
  }

 private:
  static size_t whole_granules(size_t bytes) {
    TORCH_CHECK_WITH(OutOfMemoryError, bytes <= SIZE_MAX - kGranule, "cannot allocate ", bytes, " bytes");
    return (bytes + kGranule - 1) / kGranule * kGranule;
  }

  static void release(void* data) {
    // Blocks begin where pages do; what malloc gave hardly ever does, so that it is seldom looked up in vain.
    const bool may_be_block = reinterpret_cast<uintptr_t>(data) % kSmallestPage == 0;
    if (may_be_block && instance().keep(data)) return;
    if (data != nullptr) instance().account_.give(malloced_bytes(data));
    c10::free_cpu(data);
  }

  void* take(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Block block = take_kept(bytes);
    if (block.data == nullptr) block = make(bytes);
    used_.emplace(block.data, block.bytes);
    used_bytes_ += block.bytes;
    account_.take(static_cast<int64_t>(block.bytes));
    most_used_bytes_ = std::max(most_used_bytes_, used_bytes_);
    return block.data;
  }

  // False for what is no block of this allocator.
  bool keep(void* data) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto block = used_.find(data);
    if (block == used_.end()) return false;
    kept_.push_back({data, block->second});
    used_bytes_ -= block->second;
    account_.give(static_cast<int64_t>(block->second));
    kept_bytes_ += block->second;
    used_.erase(block);
    return true;
  }

  // The smallest kept block that serves, the latest of its size since the caches may still hold it; else one without
  // data.
  Block take_kept(size_t bytes) {
    auto best = kept_.end();
    for (auto block = kept_.begin(); block != kept_.end(); ++block) {
      if (block->bytes < bytes || block->bytes - bytes > bytes / kWaste) continue;
      if (best == kept_.end() || block->bytes <= best->bytes) best = block;
    }
    if (best == kept_.end()) return {nullptr, 0};
    const Block found = *best;
    kept_.erase(best);
    kept_bytes_ -= found.bytes;
    return found;
  }

  // From the system, after as many kept blocks went back to it as keep the promise on the whole.
  Block make(size_t bytes) {
    const size_t most_used = std::max(most_used_bytes_, used_bytes_ + bytes);
    const size_t most = most_used + most_used / kSlack;
    while (used_bytes_ + kept_bytes_ + bytes > most) give_back_oldest();
    void* data = map(bytes);
    while (data == MAP_FAILED && !kept_.empty()) {
      give_back_oldest();
      data = map(bytes);
    }
    TORCH_CHECK_WITH(OutOfMemoryError, data != MAP_FAILED, "the system refused ", bytes, " bytes of memory");
    return {data, bytes};
  }

  static void* map(size_t bytes) {
    return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }

  void give_back_oldest() {
    const Block oldest = kept_.front();
    kept_.pop_front();
    kept_bytes_ -= oldest.bytes;
    munmap(oldest.data, oldest.bytes);
  }

  Account account_;
  std::mutex mutex_;
  std::deque<Block> kept_;  // oldest first
  std::unordered_map<void*, size_t> used_;
  size_t kept_bytes_ = 0;
  size_t used_bytes_ = 0;
  size_t most_used_bytes_ = 0;
};

// Node unloads an addon when the last thread that loaded it ends, but libtorch keeps pointing at the allocator.
void stay_loaded() {
  Dl_info addon;
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &addon) != 0) dlopen(addon.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

}  // namespace

void keep_tensor_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    stay_loaded();
    c10::SetAllocator(c10::DeviceType::CPU, &KeepingAllocator::instance(), /*priority=*/1);
  });
}

void release_kept_memory() { KeepingAllocator::instance().give_back_all(); }
MemoryUse cpu_memory_use() { return KeepingAllocator::instance().account().use(); }
void reset_cpu_memory_peak() { KeepingAllocator::instance().account().reset_peak(); }
#endif

}  // namespace uafer
