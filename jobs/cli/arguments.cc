#include "octet/jobs/cli/arguments.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

namespace octet::cli {
namespace {

// Boost throws; its messages name the option and are kept.
template <class Parse>
Result<po::variables_map> guarded(Parse parse) {
  try {
    po::variables_map values;
    parse(values);
    po::notify(values);
    return values;
  } catch (const po::multiple_occurrences& error) {
    return usage("option '" + error.get_option_name() + "' is given more than once");
  } catch (const po::error& error) {
    return usage(error.what());
  }
}

void store_arguments(const Arguments& arguments, const po::options_description& options, po::variables_map& values) {
  constexpr int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::positional_options_description none;
  po::store(po::command_line_parser(arguments).options(options).positional(none).style(style).run(), values);
}

}  // namespace

Result<po::variables_map> parse_arguments(const Arguments& arguments, const po::options_description& options) {
  return guarded([&](po::variables_map& values) { store_arguments(arguments, options, values); });
}

Result<po::variables_map> parse_job_file(const std::string& file, const Arguments& arguments,
                                         const po::options_description& options) {
  std::ifstream stream(file);
  if (!stream) return Error{ErrorCode::not_found, file, "the job file cannot be read"};
  std::ostringstream text;
  text << stream.rdbuf();
  auto parsed = guarded([&](po::variables_map& values) {
    store_arguments(arguments, options, values);
    std::istringstream lines(text.str());
    po::store(po::parse_config_file(lines, options), values);
  });
  if (!parsed && parsed.error().where.empty()) return Error{ErrorCode::invalid_config, file, parsed.error().message};
  return parsed;
}

po::options_description model_options() {
  po::options_description options("Model");
  auto add = options.add_options();
  add("model", po::value<std::string>()->value_name("PREFIX"), "PREFIX-symbol.json and PREFIX-NNNN.params");
  add("epoch", po::value<int>()->value_name("N"), "which PREFIX-NNNN.params (default: the newest)");
  add("as-float", po::bool_switch(), "read MXNet's INT8 pair as the float network it was made from");
  add("input", po::value<std::string>()->value_name("NAME"), "the symbol's image variable (default: data)");
  add("shape", po::value<std::string>()->value_name("C,H,W"), "input size");
  add("color", po::value<std::string>()->value_name("ORDER"), "RGB, BGR or GRAY");
  add("resize-short", po::value<std::int64_t>()->value_name("N"), "scale the shorter side to N, then crop the centre");
  add("resize", po::value<std::string>()->value_name("HOW"),
      "warp: stretch to the input; letterbox: fit into it, aspect kept; none: pictures fit already");
  add("fill", po::value<std::int64_t>()->value_name("LEVEL"), "grey level around a letterboxed picture (default: 127)");
  add("interpolation", po::value<std::string>()->value_name("KIND"),
      "nearest, bilinear, cubic, area, lanczos4 or auto");
  add("mean", po::value<std::string>()->value_name("M,..."), "subtracted from each channel (0..255 scale)");
  add("mean-image", po::value<std::string>()->value_name("FILE.nd"),
      "MXNet's mean_img, subtracted pixel by pixel in place of --mean");
  add("std", po::value<std::string>()->value_name("S,..."), "divides each channel (0..255 scale)");
  add("labels", po::value<std::string>()->value_name("FILE"), "class names, one a line");
  return options;
}

po::options_description symbol_options() {
  po::options_description options("Without trained weights");
  auto add = options.add_options();
  add("symbol", po::value<std::string>()->value_name("FILE"), "a symbol file, in place of --model");
  add("random-weights", po::bool_switch(), "make weights for it (default of --shape: 3,224,224)");
  add("seed", po::value<std::uint64_t>()->default_value(0)->value_name("N"), "of the random weights");
  return options;
}

Result<ModelArguments> model_or_symbol(const po::variables_map& values) {
  OCTET_TRY(LoadOptions load, load_options(values));
  const auto symbol = given<std::string>(values, "symbol");
  const bool random = values["random-weights"].as<bool>();
  if (!symbol && random) return usage("--random-weights is for a --symbol");
  if (!symbol) {
    OCTET_TRY(std::string prefix, required(values, "model"));
    return ModelArguments{std::move(prefix), std::move(load)};
  }
  if (!random) return usage("--symbol has no weights: add --random-weights");
  for (const char* other : {"model", "epoch"}) {
    if (values.contains(other)) return usage("--symbol and --" + std::string(other) + " exclude each other");
  }
  load.random_weights = values["seed"].as<std::uint64_t>();
  return ModelArguments{*symbol, std::move(load)};
}

Result<std::string> required(const po::variables_map& values, const char* name) {
  auto value = given<std::string>(values, name);
  if (!value || value->empty()) return usage("option --" + std::string(name) + " is missing");
  return *std::move(value);
}

Result<LoadOptions> load_options(const po::variables_map& values) {
  LoadOptions options;
  options.mxnet_int8_as_float = values["as-float"].as<bool>();
  PreprocessOverrides& fields = options.preprocess;
  if (const auto epoch = given<int>(values, "epoch")) {
    if (*epoch < 0) return usage("--epoch must not be negative");
    options.epoch = *epoch;
  }
  fields.input = given<std::string>(values, "input");
  fields.resize_short = given<std::int64_t>(values, "resize-short");
  fields.labels = given<std::string>(values, "labels");
  fields.mean_image = given<std::string>(values, "mean-image");
  fields.fill = given<std::int64_t>(values, "fill");
  if (fields.resize_short) fields.resize = ResizeMode::shorter_side;
  if (const auto text = given<std::string>(values, "color")) {
    OCTET_TRY(fields.color, parse_color(*text));
  }
  if (const auto text = given<std::string>(values, "resize")) {
    if (fields.resize_short) return usage("--resize and --resize-short exclude each other");
    OCTET_TRY(fields.resize, parse_resize_mode(*text));
  }
  if (const auto text = given<std::string>(values, "interpolation")) {
    OCTET_TRY(fields.interpolation, parse_interpolation(*text));
  }
  if (const auto text = given<std::string>(values, "mean")) {
    OCTET_TRY(fields.mean, parse_numbers("mean", *text));
  }
  if (const auto text = given<std::string>(values, "std")) {
    OCTET_TRY(fields.std, parse_numbers("std", *text));
  }
  if (const auto text = given<std::string>(values, "shape")) {
    OCTET_TRY(const std::vector<float> sizes, parse_numbers("shape", *text));
    constexpr float max_size = 1 << 24;  // floats are exact up to here
    for (const float size : sizes) {
      if (!(size >= 0 && size <= max_size && size == std::trunc(size))) {
        return usage("--shape takes three whole numbers, not '" + *text + "'");
      }
    }
    fields.shape.emplace(sizes.begin(), sizes.end());
  }
  return options;
}

po::options_description data_options() {
  po::options_description options("Data");
  auto add = options.add_options();
  add("data", po::value<std::string>()->value_name("PATH"),
      "a folder of images, X.lst, X.rec, or several .rec: 'a.rec;b.rec', 'part_*.rec' or their folder");
  add("root", po::value<std::string>()->value_name("DIR"),
      "what the paths of a .lst are relative to (default: its folder)");
  add("index", po::value<std::string>()->value_name("FILE"),
      "read a .rec in the order of this .idx; auto: each in that of its own");
  add("folder-labels", po::bool_switch(), "sub-folders of the data folder are the classes, in sorted order");
  return options;
}

Result<SourceOptions> source_options(const po::variables_map& values) {
  SourceOptions options;
  OCTET_TRY(options.data, required(values, "data"));
  if (const auto root = given<std::string>(values, "root")) options.root = *root;
  if (const auto index = given<std::string>(values, "index")) {
    if (*index != "auto") options.index = *index;
    options.use_index = true;
  }
  options.folder_labels = values["folder-labels"].as<bool>();
  return options;
}

po::options_description decoder_options() {
  po::options_description options("Decoding");
  auto add = options.add_options();
  add("max-pixels", po::value<std::int64_t>()->default_value(DecoderOptions{}.max_pixels)->value_name("N"),
      "refuse larger pictures");
  add("max-scans", po::value<int>()->default_value(DecoderOptions{}.max_scans)->value_name("N"),
      "refuse progressive pictures with more scans");
  add("max-bytes", po::value<std::uint64_t>()->default_value(DecoderOptions{}.max_bytes)->value_name("N"),
      "refuse pictures whose file or record is larger");
  add("tolerate", po::value<std::string>()->default_value("none")->value_name("WHAT"),
      "truncated: score JPEGs that are cut off; warnings: whatever could be decoded of a damaged one; none");
  add("decode", po::value<std::string>()->default_value("exact")->value_name("exact|fast"),
      "fast: JPEGs with simple upsampling, those twice as large as needed scaled while they are decoded; pixels "
      "then differ from MXNet's by some grey levels");
  return options;
}

Result<DecoderOptions> decoder_options(const po::variables_map& values) {
  DecoderOptions options;
  options.max_pixels = values["max-pixels"].as<std::int64_t>();
  options.max_scans = values["max-scans"].as<int>();
  options.max_bytes = values["max-bytes"].as<std::uint64_t>();
  const auto& tolerate = values["tolerate"].as<std::string>();
  if (tolerate == "truncated") options.tolerate = Tolerance::truncated;
  if (tolerate == "warnings") options.tolerate = Tolerance::warnings;
  if (options.tolerate == Tolerance::none && tolerate != "none") {
    return usage("--tolerate is none, truncated or warnings, not '" + tolerate + "'");
  }
  const auto& decode = values["decode"].as<std::string>();
  if (decode != "exact" && decode != "fast") return usage("--decode is exact or fast, not '" + decode + "'");
  options.decoding = decode == "fast" ? Decoding::fast : Decoding::exact;
  if (options.max_bytes < 1) return usage("--max-bytes must be at least 1");
  if (options.max_pixels < 1) return usage("--max-pixels must be at least 1");
  if (options.max_scans < 1) return usage("--max-scans must be at least 1");
  return options;
}

po::options_description common_options() {
  po::options_description options("General");
  auto add = options.add_options();
  add("streams", po::value<int>()->default_value(0)->value_name("N"), "workers; 0: one per core");
  add("json", po::bool_switch(), "print one JSON object on standard output");
  add("quiet", po::bool_switch(), "no progress");
  add("help", "this text");
  return options;
}

Result<std::vector<float>> parse_numbers(const char* option, const std::string& text) {
  std::vector<float> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    while (at != end && *at == ' ') ++at;
    float number = 0;
    const auto [next, failed] = std::from_chars(at, end, number);
    if (failed != std::errc()) break;
    numbers.push_back(number);
    at = next;
    while (at != end && *at == ' ') ++at;
    if (at == end) return numbers;
    if (*at++ != ',') break;
  }
  return usage("--" + std::string(option) + " takes numbers with commas between them, not '" + text + "'");
}

}  // namespace octet::cli
