#include "octet/graph/model.h"

#include <algorithm>

#include "octet/graph/attributes.h"
#include "octet/graph/build.h"
#include "octet/graph/cut.h"
#include "octet/graph/digest.h"
#include "octet/graph/file_io.h"
#include "octet/graph/json_text.h"
#include "octet/graph/mean_image.h"
#include "octet/graph/mxnet_int8.h"
#include "octet/graph/output_file.h"
#include "octet/graph/own_format.h"
#include "octet/graph/random_weights.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxLabelBytes = std::uint64_t{8} << 20;

Error at(const fs::path& file, const Error& error) {
  return {error.code, error.where.empty() ? file.string() : error.where, error.message};
}

Result<std::vector<std::string>> find_labels(const Preprocess& preprocess, const LoadOptions& options,
                                             const fs::path& prefix) {
  if (preprocess.labels.empty()) return std::vector<std::string>();
  return read_labels(named_file(prefix, preprocess.labels, options.preprocess.labels.has_value()));
}

/// Subtracts the mean image where there is one: the graph has it then.
Result<void> take_mean_image(const LoadOptions& options, const fs::path& prefix, Model& model) {
  Preprocess& p = model.preprocess;
  if (p.mean_image.empty()) return {};
  const fs::path file = named_file(prefix, p.mean_image, options.preprocess.mean_image.has_value());
  OCTET_CHECK(subtract_mean_image(model.graph, p, file));
  p.mean_image.clear();
  return {};
}

/// The image size that a symbol states for its image variable, for models without other word of it.
std::optional<std::vector<std::int64_t>> stated_shape(const Symbol& symbol, const std::string& input) {
  for (const SymbolNode& node : symbol.nodes) {
    if (node.op != "null" || node.name != input) continue;
    const auto found = node.attrs.find("__shape__");
    if (found == node.attrs.end()) return std::nullopt;
    const auto shape = parse_integers(found->second);
    if (!shape || shape->size() != 4 || (*shape)[1] < 1 || (*shape)[2] < 1 || (*shape)[3] < 1) return std::nullopt;
    return std::vector<std::int64_t>(shape->begin() + 1, shape->end());
  }
  return std::nullopt;
}

Result<Preprocess> float_preprocess(const ModelFiles& files, const Symbol& symbol, PreprocessOverrides overrides) {
  if (!files.preprocess.empty()) {
    OCTET_TRY(const std::string text, read_text_file(files.preprocess, kMaxJsonBytes));
    OCTET_TRY(Preprocess base, parse_preprocess(text, files.preprocess.string()));
    auto merged = merge(std::move(base), overrides);
    if (!merged) return at("options", merged.error());
    return merged;
  }
  if (!overrides.shape) overrides.shape = stated_shape(symbol, overrides.input.value_or(Preprocess().input));
  if (!overrides.shape && files.params.empty()) overrides.shape = {3, 224, 224};
  if (!overrides.shape) {
    return Error{ErrorCode::invalid_config, files.symbol.string(),
                 "the image size is unknown: there is no -preprocess.json beside it and no shape was given"};
  }
  auto merged = merge(Preprocess(), overrides);
  if (!merged) return at("options", merged.error());
  return merged;
}

Result<const std::string*> graph_attribute(const Symbol& symbol, const char* key, const fs::path& file) {
  const auto found = symbol.attrs.find(key);
  if (found != symbol.attrs.end()) return &found->second;
  return Error{ErrorCode::invalid_model, file.string(), std::string("graph attribute '") + key + "' is missing"};
}

/// The stored preprocessing. What is folded into the network (pixels' order, size, mean, std) cannot
/// be changed any more; how a picture is brought to that size can.
Result<Preprocess> own_preprocess(const ModelFiles& files, const Symbol& symbol, const PreprocessOverrides& overrides) {
  OCTET_TRY(const std::string* text, graph_attribute(symbol, kPreprocessKey, files.symbol));
  auto base = parse_preprocess(*text, files.symbol.string());
  if (!base) return Error{ErrorCode::invalid_model, files.symbol.string(), base.error().message};
  auto merged = merge(*base, overrides);
  if (!merged) return at("options", merged.error());
  if (merged->input != base->input || merged->channels != base->channels || merged->height != base->height ||
      merged->width != base->width || merged->color != base->color || merged->mean != base->mean ||
      merged->std != base->std || merged->mean_image != base->mean_image) {
    return Error{ErrorCode::invalid_config, files.symbol.string(),
                 "input, shape, color, mean, mean_image and std are fixed in a model that octet wrote"};
  }
  return merged;
}

Result<void> read_own_texts(const ModelFiles& files, const Symbol& symbol, Model& model) {
  const auto damaged = [&](const char* key) {
    return Error{ErrorCode::invalid_model, files.symbol.string(),
                 std::string("graph attribute '") + key + "' is damaged"};
  };
  OCTET_TRY(const std::string* labels, graph_attribute(symbol, kLabelsKey, files.symbol));
  OCTET_TRY(const std::string* provenance, graph_attribute(symbol, kProvenanceKey, files.symbol));
  const auto names = parse_json(*labels, files.symbol.string());
  if (!names || !names->is_array()) return damaged(kLabelsKey);
  for (const Json& name : *names) {
    if (!name.is_string()) return damaged(kLabelsKey);
    model.labels.push_back(name.get<std::string>());
  }
  const auto pairs = parse_json(*provenance, files.symbol.string());
  if (!pairs || !pairs->is_array()) return damaged(kProvenanceKey);
  for (const Json& pair : *pairs) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      return damaged(kProvenanceKey);
    }
    model.provenance[pair[0].get<std::string>()] = pair[1].get<std::string>();
  }
  return {};
}

/// A pair is two files: this tells when only one of them was replaced, or damaged.
Result<void> check_digest(const ModelFiles& files, const Symbol& symbol) {
  OCTET_TRY(const std::string* stored, graph_attribute(symbol, kParamsKey, files.symbol));
  OCTET_TRY(const std::string actual, file_digest(files.params));
  if (*stored == actual) return {};
  return Error{ErrorCode::invalid_model, files.params.string(),
               "the file is not the one that was written with " + files.symbol.filename().string()};
}

/// The graph of MXNet's symbol, with `params` or, when there are none, random ones.
Result<Graph> build_float(const Symbol& symbol, const ParamMap* params, const Preprocess& preprocess,
                          const LoadOptions& options, const std::string& where) {
  if (params != nullptr) return build_graph(symbol, *params, preprocess, where);
  OCTET_TRY(const ParamMap random, random_weights(symbol, preprocess, *options.random_weights, where));
  return build_graph(symbol, random, preprocess, where);
}

/// The same for a symbol that may be one of MXNet's INT8 symbols.
Result<Graph> build_mxnet(const Symbol& symbol, const ParamMap* params, const Preprocess& preprocess,
                          const LoadOptions& options, const std::string& where) {
  if (!is_mxnet_int8(symbol)) return build_float(symbol, params, preprocess, options, where);
  const Int8Reading reading = options.mxnet_int8_as_float ? Int8Reading::as_float : Int8Reading::stored;
  OCTET_TRY(const MxnetInt8 int8, expand_mxnet_int8(symbol, params, reading, where));
  const ParamMap* expanded = params != nullptr ? &int8.params : nullptr;
  OCTET_TRY(Graph graph, build_float(int8.symbol, expanded, preprocess, options, where));
  if (reading == Int8Reading::as_float) return graph;
  if (auto applied = apply_int8(graph, int8); !applied) {
    const Error& error = applied.error();
    return Error{error.code, where + (error.where.empty() ? "" : ": " + error.where), error.message};
  }
  return graph;
}

std::string to_json(const std::map<std::string, std::string>& map) {
  Json pairs = Json::array();
  for (const auto& [key, value] : map) pairs.push_back(Json::array({key, value}));
  return to_text(pairs);
}

/// `file` without `suffix`, when it ends with that.
fs::path without(const fs::path& file, std::string_view suffix) {
  const std::string text = file.string();
  return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

/// Applies LoadOptions::output_nodes.
Result<void> cut(const LoadOptions& options, const std::string& where, Model& model) {
  if (options.output_nodes.empty()) return {};
  auto done = cut_at(model.graph, options.output_nodes);
  if (!done && done.error().code != ErrorCode::usage) return Error{done.error().code, where, done.error().message};
  model.is_cut = true;
  return done;
}

/// A symbol file alone, its weights random.
Result<Model> load_symbol(const fs::path& file, const LoadOptions& options) {
  OCTET_TRY(const std::string text, read_text_file(file, kMaxJsonBytes));
  OCTET_TRY(const Symbol symbol, parse_symbol(text, file.string()));
  const fs::path prefix = without(without(file, ".json"), "-symbol");
  ModelFiles files;
  files.symbol = file;
  files.preprocess = prefix.string() + "-preprocess.json";
  std::error_code code;
  if (!fs::is_regular_file(files.preprocess, code)) files.preprocess.clear();
  Model model;
  model.name = prefix.filename().string();
  OCTET_TRY(model.preprocess, float_preprocess(files, symbol, options.preprocess));
  OCTET_TRY(model.labels, find_labels(model.preprocess, options, prefix));
  OCTET_TRY(model.graph, build_mxnet(symbol, nullptr, model.preprocess, options, file.string()));
  OCTET_CHECK(take_mean_image(options, prefix, model));
  OCTET_CHECK(cut(options, file.string(), model));
  return model;
}

}  // namespace

fs::path named_file(const fs::path& prefix, const fs::path& name, bool given) {
  std::error_code ignored;
  return given && fs::is_regular_file(name, ignored) ? name : prefix.parent_path() / name;
}

Result<Model> load_model(const fs::path& prefix, const LoadOptions& options) {
  if (options.random_weights) return load_symbol(prefix, options);
  OCTET_TRY(const ModelFiles files, find_model(prefix, options.epoch));
  OCTET_TRY(const std::string text, read_text_file(files.symbol, kMaxJsonBytes));
  OCTET_TRY(const Symbol symbol, parse_symbol(text, files.symbol.string()));
  auto own = is_own_format(symbol);
  if (!own) return at(files.symbol, own.error());
  Model model;
  model.name = prefix.filename().string();
  if (*own) {
    OCTET_CHECK(check_digest(files, symbol));
    OCTET_TRY(model.preprocess, own_preprocess(files, symbol, options.preprocess));
    OCTET_CHECK(read_own_texts(files, symbol, model));
  } else {
    OCTET_TRY(model.preprocess, float_preprocess(files, symbol, options.preprocess));
  }
  if (!*own || options.preprocess.labels) {
    OCTET_TRY(model.labels, find_labels(model.preprocess, options, prefix));
  }
  OCTET_TRY(const auto bytes, read_file(files.params, kMaxParamsBytes));
  OCTET_TRY(const ParamMap params, parse_params(bytes, files.params.string()));
  const std::string where = files.symbol.string();
  if (*own) {
    OCTET_TRY(model.graph, build_graph(symbol, params, model.preprocess, where));
  } else {
    OCTET_TRY(model.graph, build_mxnet(symbol, &params, model.preprocess, options, where));
    OCTET_CHECK(take_mean_image(options, prefix, model));
  }
  OCTET_CHECK(cut(options, where, model));
  return model;
}

Result<std::vector<std::string>> read_labels(const fs::path& file) {
  OCTET_TRY(const std::string text, read_text_file(file, kMaxLabelBytes));
  std::vector<std::string> labels;
  std::size_t start = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string line = text.substr(start, end - start);
    if (line.ends_with('\r')) line.pop_back();
    if (!is_utf8(line)) {
      return Error{ErrorCode::invalid_config, file.string() + ":" + std::to_string(labels.size() + 1),
                   "the label is not UTF-8"};
    }
    labels.push_back(std::move(line));
    start = end + 1;
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  return labels;
}

Result<void> save_model(const Model& model, const fs::path& prefix) {
  OCTET_TRY(auto pair, write_graph(model.graph));
  const fs::path symbol = prefix.string() + "-symbol.json", params = prefix.string() + "-0000.params";
  for (const std::string& label : model.labels) {
    if (!is_utf8(label)) return Error{ErrorCode::invalid_config, symbol.string(), "a label is not UTF-8"};
  }
  const std::vector<std::byte> bytes = write_params(pair.params);
  pair.symbol.attrs[kPreprocessKey] = write_preprocess(model.preprocess);
  pair.symbol.attrs[kLabelsKey] = to_text(Json(model.labels));
  pair.symbol.attrs[kProvenanceKey] = to_json(model.provenance);
  pair.symbol.attrs[kParamsKey] = digest(bytes);
  const std::string text = write_symbol(pair.symbol);
  if (text.size() > kMaxJsonBytes) {
    return Error{ErrorCode::limit, symbol.string(), "the symbol would be longer than a reader accepts"};
  }
  OCTET_CHECK(write_file(params, bytes));
  return write_file(symbol, text);
}

}  // namespace octet
