// Result<T>: a value or an Error. Returned by every parser and every step that handles one item.
#pragma once

#include <optional>     // std::optional
#include <type_traits>  // std::is_same_v
#include <utility>      // std::move
#include <variant>      // std::variant

#include "octet/graph/error.h"

namespace octet {

/// Holds a T or an Error. Test it (`if (!r) return r.error();`) before `*r`; or call `value()`,
/// which throws `Failure`. Not thread-safe beyond what T is.
template <class T>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, Error>, "Result<Error> would be ambiguous");

 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// Precondition: has_value().
  [[nodiscard]] T& operator*() & { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& operator*() const& { return *std::get_if<0>(&state_); }
  [[nodiscard]] T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  [[nodiscard]] T* operator->() { return std::get_if<0>(&state_); }
  [[nodiscard]] const T* operator->() const { return std::get_if<0>(&state_); }

  /// Precondition: !has_value().
  [[nodiscard]] const Error& error() const& { return *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

  /// The value, or throws Failure.
  [[nodiscard]] T& value() & {
    if (!has_value()) throw Failure(error());
    return **this;
  }
  [[nodiscard]] const T& value() const& {
    if (!has_value()) throw Failure(error());
    return **this;
  }
  [[nodiscard]] T value() && {
    if (!has_value()) throw Failure(error());
    return std::move(**this);
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  /// Precondition: !has_value().
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error&& error() && { return std::move(*error_); }

  /// Throws Failure when this is an error.
  void value() const {
    if (error_) throw Failure(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace octet

#define OCTET_CONCAT_INNER(a, b) a##b
#define OCTET_CONCAT(a, b) OCTET_CONCAT_INNER(a, b)

/// Returns the error of `expression` (a Result) from the enclosing function, if it has one.
#define OCTET_CHECK(expression)                                \
  do {                                                         \
    auto octet_check_ = (expression);                          \
    if (!octet_check_) return std::move(octet_check_).error(); \
  } while (false)

/// OCTET_TRY(auto x, f()): declares x from a Result, or returns its error.
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in parentheses
#define OCTET_TRY(declaration, expression)                                                               \
  auto OCTET_CONCAT(octet_try_, __LINE__) = (expression);                                                \
  if (!OCTET_CONCAT(octet_try_, __LINE__)) return std::move(OCTET_CONCAT(octet_try_, __LINE__)).error(); \
  declaration = *std::move(OCTET_CONCAT(octet_try_, __LINE__))
// NOLINTEND(bugprone-macro-parentheses)
