/* octet for C, and for languages that call C: load a pair, score pictures in memory, calibrate, score whole archives.
 *
 * Functions that can fail return NULL or nonzero and leave what went wrong in octet_error(). Texts are UTF-8, end in
 * NUL and belong to octet. Arguments are as stated, or the call fails; only freed or foreign pointers are undefined. */
#pragma once

/* NOLINTBEGIN(modernize-deprecated-headers,modernize-use-using,modernize-redundant-void-arg): C */
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OCTET_API __attribute__((visibility("default")))

/* "1.2.3". */
OCTET_API const char* octet_version(void);
/* "where: what" of this thread's last failure, "" when there was none; valid until this thread's next failure. */
OCTET_API const char* octet_error(void);
/* Its kind, a stable name: "usage", "not_found", "bad_image" and so on, as in output records; "" when there was none.
 */
OCTET_API const char* octet_error_code(void);

/* A network, compiled. Immutable: any threads may use it at once, and it may be freed while predictors still live. */
typedef struct octet_model octet_model;
/* What one thread needs to run it: for one thread at a time. */
typedef struct octet_predictor octet_predictor;

/* PREFIX-symbol.json and PREFIX-NNNN.params, FP32 or INT8. `epoch` below 0: the newest. `batch`: pictures computed
 * together, 0: chosen for the network; results never depend on it. */
OCTET_API octet_model* octet_load(const char* prefix, int epoch, int64_t batch);
OCTET_API void octet_free(octet_model* model);

/* A picture's size, as the network takes it. */
typedef struct octet_size {
  int64_t channels, height, width;
} octet_size;
OCTET_API octet_size octet_input(const octet_model* model);
OCTET_API int octet_is_int8(const octet_model* model);
/* The mini-batch that runs fastest. */
OCTET_API int64_t octet_batch(const octet_model* model);
OCTET_API size_t octet_outputs(const octet_model* model);
/* NULL when there is no such output. */
OCTET_API const char* octet_output_name(const octet_model* model, size_t output);
/* Floats a picture; 0 when there is no such output. */
OCTET_API size_t octet_output_size(const octet_model* model, size_t output);
/* A class's name; NULL when it has none. */
OCTET_API const char* octet_label(const octet_model* model, size_t id);

/* Room for `capacity` pictures, at least 1. */
OCTET_API octet_predictor* octet_predictor_new(const octet_model* model, size_t capacity);
OCTET_API void octet_predictor_free(octet_predictor* predictor);
/* Picture number `image` from an encoded JPEG or PNG, resized and cropped as the model's preprocessing says. It is
 * blank when that fails. */
OCTET_API int octet_set_encoded(octet_predictor* predictor, size_t image, const uint8_t* bytes, size_t size);
/* The same from pixels of the network's size: height x width x channels bytes, channels in the order of the model's
 * preprocessing (RGB where it does not say otherwise), rows one behind the other. */
OCTET_API int octet_set_pixels(octet_predictor* predictor, size_t image, const uint8_t* pixels, size_t size);
/* Computes pictures 0 to count - 1. Those never set are black. */
OCTET_API int octet_run(octet_predictor* predictor, size_t count);
/* octet_output_size() floats, in the graph's (NCHW) order, of a picture of the last run; valid until the next one. NULL
 * when that run had no such picture, or there is no such output. */
OCTET_API const float* octet_values(const octet_predictor* predictor, size_t output, size_t image);

/* The modes of `octet calibrate --mode`. */
enum octet_mode { OCTET_AUTO, OCTET_NAIVE, OCTET_ENTROPY, OCTET_PERCENTILE, OCTET_MSE };

/* `octet calibrate`: an FP32 pair and a sample of pictures to an INT8 pair. Zero is every member's default. */
typedef struct octet_calibration {
  const char* model;  /* prefix of the FP32 pair */
  const char* data;   /* a folder, X.lst, X.rec, or several .rec */
  const char* output; /* prefix of the INT8 pair */
  const char* report; /* a page (.html) or JSON (.json) to write; may be NULL */
  int mode;           /* of enum octet_mode */
  uint64_t samples;   /* pictures to calibrate on; 0: `fraction` of them */
  double fraction;    /* 0: 0.02 */
  int threads;        /* 0: all cores */
} octet_calibration;
OCTET_API int octet_calibrate(const octet_calibration* calibration);

/* `octet score`: a record for every picture, in OUTPUT/scores.jsonl. Goes on where an earlier call ended. */
typedef struct octet_scoring {
  const char* model;  /* prefix of the pair */
  const char* data;   /* as above */
  const char* output; /* a folder */
  int top_k;          /* 0: 5 */
  int threads;        /* 0: all cores */
  int64_t batch;      /* 0: chosen for the network */
} octet_scoring;
OCTET_API int octet_score(const octet_scoring* scoring);

#ifdef __cplusplus
}
#endif
/* NOLINTEND(modernize-deprecated-headers,modernize-use-using,modernize-redundant-void-arg) */
