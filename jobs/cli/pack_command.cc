// octet pack: folders and lists into record files, and the index of a record file anew.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/pack.h"
#include "octet/jobs/report.h"

namespace octet::cli {
namespace {

/// Pictures are stored anew when an option asks for it; nullopt: as they are.
Result<std::optional<PictureChange>> picture_change(const po::variables_map& values) {
  PictureChange change;
  const auto side = given<std::int64_t>(values, "resize");
  const auto quality = given<int>(values, "quality");
  const auto color = given<int>(values, "color");
  const auto encoding = given<std::string>(values, "encoding");
  change.center_crop = values["center-crop"].as<bool>();
  if (!side && !quality && !color && !encoding && !change.center_crop) return std::optional<PictureChange>();
  if (values["pass-through"].as<bool>()) {
    return usage("--pass-through keeps the bytes: it excludes --resize, --center-crop, --quality, --color, --encoding");
  }
  if (side && *side < 1) return usage("--resize takes the length of the shorter side in pixels");
  change.resize_short = side.value_or(0);
  if (color && (*color < -1 || *color > 1)) return usage("--color is 1 (colour), 0 (gray) or -1 (as stored)");
  if (color) {
    change.color = *color == 1 ? StoredColor::color : *color == 0 ? StoredColor::gray : StoredColor::unchanged;
  }
  if (encoding && *encoding != ".jpg" && *encoding != ".png") {
    return usage("--encoding is .jpg or .png, not '" + *encoding + "'");
  }
  const bool png = encoding && *encoding == ".png";
  change.encoder.format = png ? ImageFormat::png : ImageFormat::jpeg;
  change.encoder.quality = quality.value_or(png ? 3 : change.encoder.quality);
  return std::optional(change);
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" ,", at), text.size());
    if (end > at) found.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return found;
}

Result<PackOptions> pack_arguments(const po::variables_map& values) {
  PackOptions options;
  OCTET_TRY(options.output, required(values, "output"));
  OCTET_TRY(options.stream, stream_options(values));
  if (const auto extensions = given<std::string>(values, "exts")) {
    options.stream.source.extensions = words(*extensions);
    if (options.stream.source.extensions.empty()) return usage("--exts names no extension");
  }
  OCTET_TRY(options.change, picture_change(values));
  options.check = values["check"].as<bool>();
  options.list_only = values["list"].as<bool>();
  options.all_labels = values["pack-label"].as<bool>();
  if (const auto annotations = given<std::string>(values, "annotations")) options.annotations = *annotations;
  if (const auto labels = given<std::string>(values, "labels")) {
    if (options.annotations.empty()) return usage("--labels names the classes of --annotations");
    OCTET_TRY(options.labels, read_labels(*labels));
  }
  options.shuffle = values["shuffle"].as<bool>();
  options.seed = values["seed"].as<std::uint64_t>();
  options.chunks = values["chunks"].as<int>();
  options.train_ratio = values["train-ratio"].as<double>();
  options.test_ratio = values["test-ratio"].as<double>();
  options.verify = !values["no-verify"].as<bool>();
  return options;
}

void print_summary(const PackSummary& summary) {
  print_failures(summary.stream);
  Table table({"file", "entries", "bytes"});
  for (const PackedFile& file : summary.files) {
    table.add({file.path.string(), std::to_string(file.records), std::to_string(file.bytes)});
  }
  table.print(std::cout);
  std::cout << summary.stream.n << " entries in " << fixed(summary.stream.seconds, 2)
            << " s: " << fixed(summary.stream.images_per_s, 1) << " images/s, " << summary.stream.failed << " bad";
  if (summary.verified) std::cout << "; read back in " << fixed(summary.verify_seconds, 2) << " s: equal";
  std::cout << '\n';
  if (!summary.bad.empty()) std::cout << summary.bad.string() << " names the bad ones\n";
}

}  // namespace

po::options_description pack_options() {
  po::options_description output("Output");
  auto add = output.add_options();
  add("output", po::value<std::string>()->value_name("X.rec"), "X.idx and X.lst appear beside it");
  add("list", po::bool_switch(), "write only the list: --output X.lst");
  add("index-only", po::value<std::string>()->value_name("X.rec"), "rebuild the index of this file, nothing else");
  add("chunks", po::value<int>()->default_value(1)->value_name("N"), "X_0.rec, X_1.rec, ... of equal numbers");
  add("train-ratio", po::value<double>()->default_value(1)->value_name("R"),
      "below 1: X_train.rec, and X_val.rec with what is left");
  add("test-ratio", po::value<double>()->default_value(0)->value_name("R"), "X_test.rec, of what is not for training");
  add("shuffle", po::bool_switch(), "in a random order (default: the data's)");
  add("seed", po::value<std::uint64_t>()->default_value(100)->value_name("N"), "of the order");
  add("pack-label", po::value<bool>()->default_value(true)->implicit_value(true)->value_name("0|1"),
      "1: store all labels of an entry; 0: the first alone");
  add("annotations", po::value<std::string>()->value_name("PATH"),
      "a COCO JSON file or a folder of Pascal VOC XML files: the objects become the labels, in MXNet's packed form");
  add("labels", po::value<std::string>()->value_name("FILE"), "class names for --annotations, one a line");
  add("exts", po::value<std::string>()->value_name("\".jpg .png\""), "which files of a folder (default: JPEG and PNG)");
  add("no-verify", po::bool_switch(), "do not read the files back");
  po::options_description pictures("Pictures: bytes are stored as they are, unless one of these is given");
  auto picture = pictures.add_options();
  picture("resize", po::value<std::int64_t>()->value_name("N"), "the shorter side to N, bilinear");
  picture("center-crop", po::bool_switch(), "the centre square, before the resize");
  picture("quality", po::value<int>()->value_name("Q"), "JPEG 1 to 100 (default 95), PNG 0 to 9 (default 3)");
  picture("color", po::value<int>()->value_name("1|0|-1"), "colour (default), gray, as stored");
  picture("encoding", po::value<std::string>()->value_name(".jpg|.png"), "of what is stored (default .jpg)");
  picture("pass-through", po::bool_switch(), "insist on the bytes as they are");
  picture("check", po::bool_switch(), "decode pictures whose bytes stay: finds damage behind the header");
  po::options_description options;
  options.add(data_options()).add(output).add(pictures).add(bounds_options()).add(decoder_options());
  options.add(common_options());
  return options;
}

Result<ExitCode> pack_command(const po::variables_map& values) {
  PackSummary summary;
  if (const auto records = given<std::string>(values, "index-only")) {
    if (values.count("data") != 0) return usage("--index-only and --data exclude each other");
    OCTET_TRY(StreamOptions stream, bounded_options(values));
    stream.source.data = *records;
    if (const auto index = given<std::string>(values, "output")) stream.source.index = *index;
    OCTET_TRY(summary, rebuild_index(stream));
  } else {
    OCTET_TRY(const PackOptions options, pack_arguments(values));
    OCTET_TRY(summary, pack(options));
  }
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
  } else {
    print_summary(summary);
  }
  return kDone;
}

}  // namespace octet::cli
