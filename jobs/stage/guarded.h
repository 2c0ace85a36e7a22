// Exceptions end where a step of a graph, or a job as a whole, was called.
#pragma once

#include <exception>  // std::exception
#include <new>        // std::bad_alloc

#include "octet/graph/result.h"

namespace octet {

/// What `body`, which returns a Result, returns; what it throws becomes an Error (an exception that left a body of a
/// flow graph would cancel the caller's whole graph).
template <class Body>
auto guarded(const Body& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const Failure& failure) {
    return failure.error();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::limit, {}, "out of memory"};
  } catch (const std::exception& unexpected) {
    return Error{ErrorCode::internal, {}, unexpected.what()};
  } catch (...) {
    return Error{ErrorCode::internal, {}, "an exception"};
  }
}

}  // namespace octet
