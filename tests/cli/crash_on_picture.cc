// Loaded before libjpeg (LD_PRELOAD): pictures of 61 x 61 pixels crash the process that decodes them, or hang in it
// when OCTET_TEST_HANG is set.
#include <dlfcn.h>   // dlsym
#include <unistd.h>  // pause

#include <csignal>  // std::raise
#include <cstdio>   // jpeglib.h needs FILE
#include <cstdlib>  // std::getenv

#include <jpeglib.h>

extern "C" int jpeg_read_header(j_decompress_ptr cinfo, boolean require_image) {
  using ReadHeader = int (*)(j_decompress_ptr, boolean);
  const int status = reinterpret_cast<ReadHeader>(dlsym(RTLD_NEXT, "jpeg_read_header"))(cinfo, require_image);
  if (cinfo->image_width == 61 && cinfo->image_height == 61) {
    while (std::getenv("OCTET_TEST_HANG") != nullptr) pause();  // NOLINT(concurrency-mt-unsafe)
    static_cast<void>(std::raise(SIGSEGV));
  }
  return status;
}
