// Lets ThreadSanitizer see the synchronisation inside libtbb, which is not instrumented: handing a
// task to another thread, waiting for tasks, and reuse of task memory. Programs that are built with
// -fsanitize=thread define these entry points themselves and pass each call on to the library;
// without it a report would follow from every stolen task, or a suppression would have to hide
// everything that runs in one. Empty in all other builds.
#include "sanitized.h"

#ifdef OCTET_UNDER_TSAN

#include <dlfcn.h>                  // dlsym
#include <oneapi/tbb/task_arena.h>  // task_arena_base
#include <oneapi/tbb/task_group.h>  // task_group_context
#include <sanitizer/tsan_interface.h>
#include <cstdlib>  // std::aligned_alloc

extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);  // libtsan's
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);

namespace tbb::detail {
namespace {

constexpr std::size_t line = 64;

template <class Function>
Function* next(const char* mangled) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, mangled));
}

void* aligned(std::size_t bytes) { return std::aligned_alloc(line, (bytes + line - 1) / line * line); }

// The library frees what another of its threads allocated and synchronised in its own way.
void free_unseen(void* memory) {
  AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  std::free(memory);
  AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

// Stands for a task on its way through the scheduler.
class Envelope final : public d1::task {
 public:
  __attribute__((no_sanitize("thread"))) explicit Envelope(d1::task& inner) : inner_(&inner) { __tsan_release(this); }
  __attribute__((no_sanitize("thread"))) d1::task* execute(d1::execution_data& data) override {
    return open()->execute(data);
  }
  __attribute__((no_sanitize("thread"))) d1::task* cancel(d1::execution_data& data) override {
    return open()->cancel(data);
  }

 private:
  __attribute__((no_sanitize("thread"))) d1::task* open() {
    __tsan_acquire(this);
    d1::task* inner = inner_;
    delete this;
    return inner;
  }
  d1::task* inner_;
};

void acquire(d1::wait_context& context) {
  // The reference count, which the header's instrumented code changes, is the second word.
  __tsan_acquire(reinterpret_cast<char*>(&context) + sizeof(std::uint64_t));
}

d1::small_object_pool* pool_stand_in() {
  static std::uint64_t word;
  return reinterpret_cast<d1::small_object_pool*>(&word);
}

}  // namespace

namespace r1 {

void spawn(d1::task& t, d1::task_group_context& context) {
  static auto* const real = next<void(d1::task&, d1::task_group_context&)>(
      "_ZN3tbb6detail2r15spawnERNS0_2d14taskERNS2_18task_group_contextE");
  real(*new Envelope(t), context);
}

void spawn(d1::task& t, d1::task_group_context& context, d1::slot_id id) {
  static auto* const real = next<void(d1::task&, d1::task_group_context&, d1::slot_id)>(
      "_ZN3tbb6detail2r15spawnERNS0_2d14taskERNS2_18task_group_contextEt");
  real(*new Envelope(t), context, id);
}

void submit(d1::task& t, d1::task_group_context& context, arena* where, std::uintptr_t critical) {
  static auto* const real = next<void(d1::task&, d1::task_group_context&, arena*, std::uintptr_t)>(
      "_ZN3tbb6detail2r16submitERNS0_2d14taskERNS2_18task_group_contextEPNS1_5arenaEm");
  real(*new Envelope(t), context, where, critical);
}

void enqueue(d1::task& t, d1::task_arena_base* where) {
  static auto* const real =
      next<void(d1::task&, d1::task_arena_base*)>("_ZN3tbb6detail2r17enqueueERNS0_2d14taskEPNS2_15task_arena_baseE");
  real(*new Envelope(t), where);
}

void enqueue(d1::task& t, d1::task_group_context& context, d1::task_arena_base* where) {
  static auto* const real = next<void(d1::task&, d1::task_group_context&, d1::task_arena_base*)>(
      "_ZN3tbb6detail2r17enqueueERNS0_2d14taskERNS2_18task_group_contextEPNS2_15task_arena_baseE");
  real(*new Envelope(t), context, where);
}

void wait(d1::wait_context& waited, d1::task_group_context& context) {
  static auto* const real = next<void(d1::wait_context&, d1::task_group_context&)>(
      "_ZN3tbb6detail2r14waitERNS0_2d112wait_contextERNS2_18task_group_contextE");
  real(waited, context);
  acquire(waited);
}

void execute_and_wait(d1::task& t, d1::task_group_context& task_context, d1::wait_context& waited,
                      d1::task_group_context& context) {
  static auto* const real = next<void(d1::task&, d1::task_group_context&, d1::wait_context&, d1::task_group_context&)>(
      "_ZN3tbb6detail2r116execute_and_waitERNS0_2d14taskERNS2_18task_group_contextERNS2_12wait_contextES6_");
  real(t, task_context, waited, context);
  acquire(waited);
}

// Memory straight from the heap, whose reuse ThreadSanitizer follows.
void* allocate(d1::small_object_pool*& pool, std::size_t bytes, const d1::execution_data&) {
  pool = pool_stand_in();
  return aligned(bytes);
}
void* allocate(d1::small_object_pool*& pool, std::size_t bytes) {
  pool = pool_stand_in();
  return aligned(bytes);
}
void deallocate(d1::small_object_pool&, void* memory, std::size_t, const d1::execution_data&) { std::free(memory); }
void deallocate(d1::small_object_pool&, void* memory, std::size_t) { std::free(memory); }
void* cache_aligned_allocate(std::size_t bytes) { return aligned(bytes); }
void cache_aligned_deallocate(void* memory) { free_unseen(memory); }
void* allocate_memory(std::size_t bytes) { return aligned(bytes); }
void deallocate_memory(void* memory) { free_unseen(memory); }

}  // namespace r1
}  // namespace tbb::detail

#endif
