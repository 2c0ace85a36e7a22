// Options shared by the commands: each group is declared once and read once, and job files use the same names.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>   // std::uint64_t
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/graph/model.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet::cli {

namespace po = boost::program_options;

using Arguments = std::vector<std::string>;

/// What an option that cannot be used is answered with.
inline Error usage(const std::string& message) { return {ErrorCode::usage, "", message}; }

/// Parses a command's arguments. Abbreviations, positional arguments and repeated options are
/// Error(usage) that names them.
Result<po::variables_map> parse_arguments(const Arguments& arguments, const po::options_description& options);

/// Parses a job file (INI without sections, the option names of the command line), after which
/// `arguments` win. Paths in the file are relative to the current folder, as on the command line.
Result<po::variables_map> parse_job_file(const std::string& file, const Arguments& arguments,
                                         const po::options_description& options);

/// The value of an option that was given; nullopt otherwise.
template <class T>
std::optional<T> given(const po::variables_map& values, const char* name) {
  const auto found = values.find(name);
  if (found == values.end() || found->second.empty()) return std::nullopt;
  return found->second.as<T>();
}

/// --model, --epoch and the preprocessing fields.
po::options_description model_options();
/// --symbol, --random-weights and --seed, for commands that can do without trained weights.
po::options_description symbol_options();
/// What to load, by either group: a prefix, or a symbol file with LoadOptions::random_weights set.
struct ModelArguments {
  std::string path;
  LoadOptions load;
};
Result<ModelArguments> model_or_symbol(const po::variables_map& values);

Result<std::string> required(const po::variables_map& values, const char* name);
Result<LoadOptions> load_options(const po::variables_map& values);

/// --data, --root, --index, --folder-labels.
po::options_description data_options();
Result<SourceOptions> source_options(const po::variables_map& values);

/// --max-pixels, --max-scans, --max-bytes, --tolerate, --decode.
po::options_description decoder_options();
Result<DecoderOptions> decoder_options(const po::variables_map& values);

/// --json, --quiet, --help, and --streams where `streams` is set.
po::options_description common_options();

/// "1,2.5,3" to numbers.
Result<std::vector<float>> parse_numbers(const char* option, const std::string& text);

}  // namespace octet::cli
