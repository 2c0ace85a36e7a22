// Operator attributes: the text forms that MXNet writes (bool, int, float, tuple, optional, enum)
// and a typed reader and writer of one node's attributes.
#pragma once

#include <cstdint>           // std::int64_t
#include <initializer_list>  // std::initializer_list
#include <map>               // std::map
#include <optional>          // std::optional
#include <set>               // std::set
#include <string>            // std::string
#include <string_view>       // std::string_view
#include <utility>           // std::pair
#include <vector>            // std::vector

#include "octet/graph/result.h"

namespace octet {

// The grammar. All of them ignore spaces around the value and return nullopt for anything else.

std::optional<bool> parse_bool(std::string_view text);  ///< True, false, 1, 0; any case
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<float> parse_float(std::string_view text);    ///< no NaN; "inf" is a number
std::optional<double> parse_double(std::string_view text);  ///< no NaN; "inf" is a number
/// "(3, 3)", "[3,3]", "(3,)", "()", "3", "(1L, 1L)".
std::optional<std::vector<std::int64_t>> parse_integers(std::string_view text);
std::optional<std::vector<float>> parse_floats(std::string_view text);
/// Elements may be "None" (as in `begin` and `end` of slice).
std::optional<std::vector<std::optional<std::int64_t>>> parse_optional_integers(std::string_view text);

std::string format(bool value);                                     ///< "True"
std::string format(std::int64_t value);                             ///< decimal
std::string format(float value);                                    ///< shortest text that reads back to the same value
std::string format(double value);                                   ///< shortest text that reads back to the same value
std::string format_tuple(const std::vector<std::int64_t>& values);  ///< "(3, 3)", "(3,)", "()"
std::string format_tuple(const std::vector<float>& values);
std::string format_tuple(const std::vector<std::optional<std::int64_t>>& values);  ///< "(None, 3)"

/// True for keys of the form `__xxx__`, which every node may carry.
bool is_hidden_key(std::string_view key) noexcept;

/// Bounds for integers that become sizes: no product of two of them overflows.
inline constexpr std::int64_t kMaxAttribute = 1 << 24;

/// Reads the attributes of one node. Getters return the default when the key is absent and note a
/// problem when the text is wrong; `finish` reports all problems, and every key that nobody asked
/// for, in one error. Error(unsupported) when something is valid in MXNet but not handled here,
/// else Error(invalid_model).
class AttributeReader {
 public:
  using Map = std::map<std::string, std::string>;

  /// `inputs`: how many inputs the node lists (variadic operators need it). `own`: the node was
  /// written by octet, so its `__octet_*__` attributes mean something.
  AttributeReader(const Map& attributes, std::size_t inputs, bool own)
      : attributes_(attributes), inputs_(inputs), own_(own) {}

  [[nodiscard]] std::size_t inputs() const noexcept { return inputs_; }

  bool boolean(const char* key, bool fallback);
  /// In [min, max]; required when there is no fallback.
  std::int64_t integer(const char* key, std::optional<std::int64_t> fallback, std::int64_t min = 0,
                       std::int64_t max = kMaxAttribute);
  float real(const char* key, std::optional<float> fallback);
  double real64(const char* key, std::optional<double> fallback);
  /// Absent or "None": nullopt.
  std::optional<bool> optional_boolean(const char* key);
  std::optional<float> optional_real(const char* key);
  std::optional<std::int64_t> optional_integer(const char* key, std::int64_t min, std::int64_t max = kMaxAttribute);
  /// Each element in [min, max]; absent or "None": nullopt.
  std::optional<std::vector<std::int64_t>> integers(const char* key, std::int64_t min = 0,
                                                    std::int64_t max = kMaxAttribute);
  std::optional<std::vector<float>> reals(const char* key);
  /// Each element in [min, max] or absent ("None"); without the attribute: nullopt.
  std::optional<std::vector<std::optional<std::int64_t>>> optional_integers(const char* key, std::int64_t min,
                                                                            std::int64_t max = kMaxAttribute);

  template <class E>
  using Names = std::initializer_list<std::pair<std::string_view, E>>;
  /// One of `names`; values of `unsupported` are MXNet's as well but not handled.
  template <class E>
  E choice(const char* key, std::optional<E> fallback, Names<E> names,
           std::initializer_list<std::string_view> unsupported = {}) {
    const std::string* text = find(key);
    if (text == nullptr) {
      if (!fallback) missing(key);
      return fallback.value_or(names.begin()->second);
    }
    std::string known;
    for (const auto& [name, value] : names) {
      if (*text == name) return value;
      known.append(known.empty() ? "" : ", ").append(name);
    }
    refuse(key, *text, known, unsupported);
    return names.begin()->second;
  }

  /// The attribute may only have one of these values (or be absent); others are unsupported.
  void only(const char* key, std::initializer_list<std::string_view> values);
  /// Attributes without meaning at inference.
  void ignore(std::initializer_list<const char*> keys);
  /// A hidden `__octet_<name>__` attribute, when the node is octet's own.
  const std::string* own(const std::string& name) const;

  /// Notes a problem found by the caller.
  void problem(std::string text, ErrorCode code = ErrorCode::invalid_model);

  /// Call last. Message without the node's name: the caller adds it.
  [[nodiscard]] Result<void> finish();

 private:
  const std::string* find(const char* key);
  void missing(const char* key);
  void wrong(const char* key, const std::string& text, const std::string& expected);
  void refuse(const char* key, const std::string& text, const std::string& known,
              std::initializer_list<std::string_view> unsupported);

  const Map& attributes_;
  std::size_t inputs_;
  bool own_;
  std::set<std::string, std::less<>> asked_;
  std::string problems_;
  bool unsupported_ = false;
};

/// Collects attributes; those that equal MXNet's default are left out, as MXNet itself does.
class AttributeWriter {
 public:
  template <class T>
  void set(const char* key, const T& value) {
    attributes[key] = text(value);
  }
  template <class T>
  void set(const char* key, const T& value, const T& fallback) {
    if (!(value == fallback)) set(key, value);
  }
  std::map<std::string, std::string> attributes;

 private:
  static std::string text(bool value) { return format(value); }
  static std::string text(std::int64_t value) { return format(value); }
  static std::string text(float value) { return format(value); }
  static std::string text(double value) { return format(value); }
  static std::string text(const std::vector<std::int64_t>& values) { return format_tuple(values); }
  static std::string text(const std::vector<float>& values) { return format_tuple(values); }
  static std::string text(const std::vector<std::optional<std::int64_t>>& values) { return format_tuple(values); }
  static std::string text(const std::string& value) { return value; }
};

}  // namespace octet
