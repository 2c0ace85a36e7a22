#include "octet/graph/attributes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace octet {
namespace {

constexpr std::size_t kMaxTuple = 4096;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  text = trim(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class T>
std::optional<T> parse_real(std::string_view text) {
  const auto value = parse_number<T>(text);
  return value && std::isnan(*value) ? std::nullopt : value;
}

/// Splits a tuple into its elements; nullopt when brackets or commas are wrong.
std::optional<std::vector<std::string_view>> split_tuple(std::string_view text) {
  text = trim(text);
  std::vector<std::string_view> parts;
  if (text.empty()) return std::nullopt;
  const bool open = text.front() == '(' || text.front() == '[';
  if (open) {
    if (text.size() < 2 || text.back() != (text.front() == '(' ? ')' : ']')) return std::nullopt;
    text = trim(text.substr(1, text.size() - 2));
  }
  while (!text.empty()) {
    if (parts.size() == kMaxTuple) return std::nullopt;
    const auto comma = text.find(',');
    const auto part = trim(text.substr(0, comma));
    if (part.empty()) return std::nullopt;
    parts.push_back(part);
    if (comma == std::string_view::npos) break;
    text = trim(text.substr(comma + 1));  // one comma may follow the last element
  }
  if (!open && parts.size() != 1) return std::nullopt;
  return parts;
}

template <class T, class Parse>
std::optional<std::vector<T>> parse_tuple(std::string_view text, Parse parse) {
  const auto parts = split_tuple(text);
  if (!parts) return std::nullopt;
  std::vector<T> values;
  for (const std::string_view part : *parts) {
    const auto value = parse(part);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

/// Python 2 wrote long integers as "1L".
std::optional<std::int64_t> parse_element(std::string_view text) {
  if (text.ends_with('L')) text.remove_suffix(1);
  return parse_number<std::int64_t>(text);
}

template <class T>
std::string shortest(T value) {
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string shortest(const std::optional<std::int64_t>& value) { return value ? shortest(*value) : "None"; }

template <class T>
std::string join(const std::vector<T>& values) {
  std::string text = "(";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) text += ", ";
    text += shortest(values[i]);
  }
  if (values.size() == 1) text += ',';
  return text + ')';
}

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  text = trim(text);
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower == "true" || lower == "1") return true;
  if (lower == "false" || lower == "0") return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse_element(trim(text)); }
std::optional<float> parse_float(std::string_view text) { return parse_real<float>(text); }
std::optional<double> parse_double(std::string_view text) { return parse_real<double>(text); }

std::optional<std::vector<std::int64_t>> parse_integers(std::string_view text) {
  return parse_tuple<std::int64_t>(text, parse_element);
}

std::optional<std::vector<float>> parse_floats(std::string_view text) { return parse_tuple<float>(text, parse_float); }

std::optional<std::vector<std::optional<std::int64_t>>> parse_optional_integers(std::string_view text) {
  using Element = std::optional<std::int64_t>;
  return parse_tuple<Element>(text, [](std::string_view part) -> std::optional<Element> {
    if (part == "None") return Element();
    const auto value = parse_element(part);
    return value ? std::optional<Element>(value) : std::nullopt;
  });
}

std::string format(bool value) { return value ? "True" : "False"; }
std::string format(std::int64_t value) { return shortest(value); }
std::string format(float value) { return shortest(value); }
std::string format(double value) { return shortest(value); }
std::string format_tuple(const std::vector<std::int64_t>& values) { return join(values); }
std::string format_tuple(const std::vector<float>& values) { return join(values); }
std::string format_tuple(const std::vector<std::optional<std::int64_t>>& values) { return join(values); }

bool is_hidden_key(std::string_view key) noexcept {
  return key.size() > 4 && key.starts_with("__") && key.ends_with("__");
}

const std::string* AttributeReader::find(const char* key) {
  asked_.emplace(key);
  const auto found = attributes_.find(key);
  return found == attributes_.end() ? nullptr : &found->second;
}

void AttributeReader::problem(std::string text, ErrorCode code) {
  if (!problems_.empty()) problems_ += "; ";
  problems_ += text;
  unsupported_ = unsupported_ || code == ErrorCode::unsupported;
}

void AttributeReader::missing(const char* key) { problem(std::string("attribute '") + key + "' is missing"); }

void AttributeReader::wrong(const char* key, const std::string& text, const std::string& expected) {
  problem(std::string("attribute '") + key + "' = '" + text + "' is not " + expected);
}

void AttributeReader::refuse(const char* key, const std::string& text, const std::string& known,
                             std::initializer_list<std::string_view> unsupported) {
  if (std::find(unsupported.begin(), unsupported.end(), text) == unsupported.end()) {
    return wrong(key, text, "one of " + known);
  }
  problem(std::string("attribute '") + key + "' = '" + text + "' is not supported (supported: " + known + ")",
          ErrorCode::unsupported);
}

bool AttributeReader::boolean(const char* key, bool fallback) {
  const std::string* text = find(key);
  if (text == nullptr) return fallback;
  const auto value = parse_bool(*text);
  if (!value) wrong(key, *text, "True or False");
  return value.value_or(fallback);
}

std::int64_t AttributeReader::integer(const char* key, std::optional<std::int64_t> fallback, std::int64_t min,
                                      std::int64_t max) {
  const std::string* text = find(key);
  if (text == nullptr) {
    if (!fallback) missing(key);
    return fallback.value_or(min);
  }
  const auto value = parse_integer(*text);
  if (value && *value >= min && *value <= max) return *value;
  wrong(key, *text, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return fallback.value_or(min);
}

float AttributeReader::real(const char* key, std::optional<float> fallback) {
  const std::string* text = find(key);
  if (text == nullptr) {
    if (!fallback) missing(key);
    return fallback.value_or(0.0F);
  }
  const auto value = parse_float(*text);
  if (!value) wrong(key, *text, "a number");
  return value.value_or(fallback.value_or(0.0F));
}

double AttributeReader::real64(const char* key, std::optional<double> fallback) {
  const std::string* text = find(key);
  if (text == nullptr) {
    if (!fallback) missing(key);
    return fallback.value_or(0);
  }
  const auto value = parse_double(*text);
  if (!value) wrong(key, *text, "a number");
  return value.value_or(fallback.value_or(0));
}

std::optional<bool> AttributeReader::optional_boolean(const char* key) {
  const std::string* text = find(key);
  if (text == nullptr || trim(*text) == "None") return std::nullopt;
  const auto value = parse_bool(*text);
  if (!value) wrong(key, *text, "True, False or None");
  return value;
}

std::optional<float> AttributeReader::optional_real(const char* key) {
  const std::string* text = find(key);
  if (text == nullptr || trim(*text) == "None") return std::nullopt;
  const auto value = parse_float(*text);
  if (!value) wrong(key, *text, "a number or None");
  return value;
}

std::optional<std::vector<std::int64_t>> AttributeReader::integers(const char* key, std::int64_t min,
                                                                   std::int64_t max) {
  const std::string* text = find(key);
  if (text == nullptr || *text == "None") return std::nullopt;
  auto values = parse_integers(*text);
  const auto fits = [&](std::int64_t v) { return v >= min && v <= max; };
  if (values && std::all_of(values->begin(), values->end(), fits)) return values;
  wrong(key, *text, "a tuple of integers from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::optional<std::int64_t> AttributeReader::optional_integer(const char* key, std::int64_t min, std::int64_t max) {
  const std::string* text = find(key);
  if (text == nullptr || trim(*text) == "None") return std::nullopt;
  const auto value = parse_integer(*text);
  if (value && *value >= min && *value <= max) return value;
  wrong(key, *text, "None or an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return std::nullopt;
}

std::optional<std::vector<std::optional<std::int64_t>>> AttributeReader::optional_integers(const char* key,
                                                                                           std::int64_t min,
                                                                                           std::int64_t max) {
  const std::string* text = find(key);
  if (text == nullptr) return std::nullopt;
  auto values = parse_optional_integers(*text);
  const auto fits = [&](const std::optional<std::int64_t>& v) { return !v || (*v >= min && *v <= max); };
  if (values && std::all_of(values->begin(), values->end(), fits)) return values;
  wrong(key, *text, "a tuple of integers from " + std::to_string(min) + " to " + std::to_string(max) + " or None");
  return std::nullopt;
}

std::optional<std::vector<float>> AttributeReader::reals(const char* key) {
  const std::string* text = find(key);
  if (text == nullptr) return std::nullopt;
  auto values = parse_floats(*text);
  if (!values) wrong(key, *text, "a tuple of numbers");
  return values;
}

void AttributeReader::only(const char* key, std::initializer_list<std::string_view> values) {
  const std::string* text = find(key);
  if (text == nullptr || std::find(values.begin(), values.end(), trim(*text)) != values.end()) return;
  problem(std::string("attribute '") + key + "' = '" + *text + "' is not supported", ErrorCode::unsupported);
}

void AttributeReader::ignore(std::initializer_list<const char*> keys) {
  for (const char* key : keys) asked_.emplace(key);
}

const std::string* AttributeReader::own(const std::string& name) const {
  if (!own_) return nullptr;
  const auto found = attributes_.find("__octet_" + name + "__");
  return found == attributes_.end() ? nullptr : &found->second;
}

Result<void> AttributeReader::finish() {
  for (const auto& [key, value] : attributes_) {
    if (!asked_.contains(key) && !is_hidden_key(key)) problem("unknown attribute '" + key + "' = '" + value + "'");
  }
  if (problems_.empty()) return {};
  return Error{unsupported_ ? ErrorCode::unsupported : ErrorCode::invalid_model, "", problems_};
}

}  // namespace octet
