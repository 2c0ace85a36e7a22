// Where in the arena a thread works.
#pragma once

#include <oneapi/tbb/task_arena.h>
#include <cstddef>  // std::size_t

namespace octet {

/// The calling thread's place in the arena it works in, from 0; 0 for a thread that is in none.
inline std::size_t own_place() noexcept {
  const int index = tbb::this_task_arena::current_thread_index();
  return index > 0 ? static_cast<std::size_t>(index) : 0;
}

}  // namespace octet
