// What makes two scoring jobs the same.
#pragma once

#include "octet/jobs/score.h"
#include "octet/jobs/store/manifest.h"

namespace octet {

/// Of a score() with these options. Of the model's files, the class names and the annotations the
/// contents count. The data is told by its name and: of a folder, a digest of the names in it; of a
/// .lst or .idx, of its bytes; of a .rec, of its size and 64 places of 64 KiB. Pictures that change
/// under their name are not noticed: reading all of them would take as long as scoring them.
Result<JobIdentity> identity_of(const ScoreOptions& options, const Scorer& scorer);

}  // namespace octet
