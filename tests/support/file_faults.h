// Makes one system call of the library's file writing fail.
#pragma once

#include <atomic>   // std::atomic
#include <cerrno>   // errno
#include <cstdint>  // std::uint8_t

#include "octet/graph/output_file.h"

namespace octet::test {

enum class FileCall : std::uint8_t { open, write, fsync, close, rename };

/// While it lives, call number `at` (from 0) of kind `call` fails with `error`; `at` -1 only counts. A write
/// that fails with 0 writes half of its bytes, once. Counts calls of any thread.
/// A failing close() closes all the same, as Linux does.
class FaultyFileOps final : public FileOps {
 public:
  FaultyFileOps(FileCall call, int at, int error)
      : call_(call), at_(at), error_(error), before_(replace_file_ops(this)) {}
  ~FaultyFileOps() override { replace_file_ops(before_); }

  int open(const char* path, int flags) override { return fails(FileCall::open) ? -1 : FileOps::open(path, flags); }
  ssize_t write(int descriptor, const void* bytes, std::size_t count) override {
    if (!fails(FileCall::write)) return FileOps::write(descriptor, bytes, count);
    return error_ == 0 ? FileOps::write(descriptor, bytes, (count + 1) / 2) : -1;
  }
  int fsync(int descriptor) override { return fails(FileCall::fsync) ? -1 : FileOps::fsync(descriptor); }
  int close(int descriptor) override {
    const int status = FileOps::close(descriptor);
    return fails(FileCall::close) ? -1 : status;
  }
  int rename(const char* from, const char* to) override {
    return fails(FileCall::rename) ? -1 : FileOps::rename(from, to);
  }
  /// Calls of the kind so far.
  [[nodiscard]] int calls() const { return calls_; }

 private:
  bool fails(FileCall call) {
    if (call != call_ || calls_++ != at_) return false;
    errno = error_;
    return true;
  }

  FileCall call_;
  int at_, error_;
  std::atomic<int> calls_{0};
  FileOps* before_;
};

}  // namespace octet::test
