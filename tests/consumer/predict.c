/* Scores the given pictures one by one, in C: predict MODEL_PREFIX FILE... */
#include <octet/jobs/c_api/octet_c.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(void) {
  fprintf(stderr, "%s: %s\n", octet_error_code(), octet_error());
  return 1;
}

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  static unsigned char bytes[1 << 20];
  octet_model* model = octet_load(argv[1], -1, 0);
  octet_predictor* predictor = model != NULL ? octet_predictor_new(model, 1) : NULL;
  if (predictor == NULL) return fail();
  const size_t classes = octet_output_size(model, 0);
  for (int i = 2; i < argc; ++i) {
    FILE* file = fopen(argv[i], "rb");
    const size_t size = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file != NULL) fclose(file);
    if (octet_set_encoded(predictor, 0, bytes, size) != 0 || octet_run(predictor, 1) != 0) return fail();
    const float* scores = octet_values(predictor, 0, 0);
    size_t best = 0;
    for (size_t k = 1; k < classes; ++k) best = scores[k] > scores[best] ? k : best;
    printf("%s\t%zu\t%g\n", argv[i], best, scores[best]);
  }
  octet_predictor_free(predictor);
  octet_free(model);
  return 0;
}
