// What INT8 does to every value of a network, measured against float on the same pictures.
#pragma once

#include <vector>  // std::vector

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/picture_store.h"

namespace octet {

/// Runs both graphs on the kept pictures and compares every value that they have in common (matched by
/// output name), in the order of `int8`. `f32` is the graph that `int8` was quantised from (equalised,
/// if that was done: ranges of channels differ otherwise). The same for any number of threads.
Result<std::vector<ValueDamage>> measure_damage(const Graph& f32, const Graph& int8, const PictureStore& pictures,
                                                int threads);

/// measure_damage on `judged`, or on `kept`, the pictures that calibrated, where that has none. Fills damage,
/// damage_pictures and damage_held_out of `report`.
Result<void> report_damage(const Graph& f32, const Graph& int8, const PictureSource& judged, const PictureStore& kept,
                           int threads, CalibrationReport& report);

}  // namespace octet
