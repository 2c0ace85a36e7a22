// Which entry goes to which slot, and when a mini-batch is due.
#include "octet/jobs/stage/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace octet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kSlotBytes = 12;

/// A schedule for two places, driven by hand.
class Driven {
 public:
  Driven(std::size_t capacity, std::size_t batches) : schedule({kSlotBytes}, capacity, batches, 2) {}

  void admit(std::uint64_t count) {
    for (; count > 0; --count) {
      Entry entry;
      entry.index = admitted_++;
      schedule.admit(entry, schedule.number());
    }
  }
  Ticket take(std::size_t place) {
    auto ticket = schedule.take(place);
    EXPECT_TRUE(ticket && ticket->batch != nullptr);
    return std::move(*ticket);
  }
  std::vector<Batch*> decoded(const Ticket& ticket) {
    std::vector<Batch*> run;
    schedule.decoded(ticket, run);
    return run;
  }

  Schedule schedule;

 private:
  std::uint64_t admitted_ = 0;
};

std::vector<std::uint64_t> sequences(const Batch& batch) {
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < batch.assigned; ++i) all.push_back(batch.slots[i].sequence);
  return all;
}

TEST(Schedule, PlacesFillMiniBatchesOfTheirOwn) {
  Driven driven(2, 6);
  driven.admit(5);
  const Ticket a = driven.take(0), b = driven.take(1), c = driven.take(1), d = driven.take(0);
  EXPECT_NE(a.batch, b.batch);
  EXPECT_EQ(b.batch, c.batch);
  EXPECT_THAT(driven.decoded(a), IsEmpty());
  EXPECT_THAT(driven.decoded(c), IsEmpty());
  EXPECT_THAT(driven.decoded(d), ElementsAre(a.batch));
  EXPECT_THAT(driven.decoded(b), ElementsAre(b.batch));
  EXPECT_THAT(sequences(*a.batch), ElementsAre(0, 3));
  EXPECT_THAT(sequences(*b.batch), ElementsAre(1, 2));
  EXPECT_NE(a.batch->slot_pixels(0, 0).data(), b.batch->slot_pixels(0, 0).data());
  EXPECT_EQ(driven.schedule.release(*a.batch), 0U);
  EXPECT_EQ(driven.take(0).batch, a.batch) << "a released mini-batch is used again by its place";
}

TEST(Schedule, PartsAreDueWhenNothingWaitsForItsDecoding) {
  Driven driven(4, 6);
  driven.admit(3);
  const Ticket a = driven.take(0), b = driven.take(1);
  EXPECT_THAT(driven.decoded(a), IsEmpty());
  EXPECT_THAT(driven.decoded(b), IsEmpty()) << "an entry that was admitted is still to be taken";
  const Ticket c = driven.take(1);
  EXPECT_THAT(driven.decoded(c), ElementsAre(a.batch, b.batch));
  EXPECT_TRUE(a.batch->closed && b.batch->closed);
}

TEST(Schedule, PlacesShareWhatIsLeft) {
  Driven driven(3, 1);
  driven.admit(5);
  const Ticket a = driven.take(0), b = driven.take(1), c = driven.take(1);
  EXPECT_EQ(a.batch, b.batch);
  EXPECT_EQ(a.batch, c.batch);
  EXPECT_FALSE(driven.schedule.take(0).has_value()) << "all slots are taken";
  EXPECT_FALSE(driven.schedule.take(1).has_value());
  EXPECT_THAT(driven.decoded(c), IsEmpty());
  EXPECT_THAT(driven.decoded(a), IsEmpty());
  EXPECT_THAT(driven.decoded(b), ElementsAre(a.batch));
  EXPECT_EQ(driven.schedule.release(*a.batch), 2U) << "for the two that found no slot";
  const Ticket d = driven.take(1), e = driven.take(0);
  EXPECT_EQ(d.batch, a.batch);
  EXPECT_THAT(driven.decoded(d), IsEmpty());
  EXPECT_THAT(driven.decoded(e), ElementsAre(a.batch));
  EXPECT_THAT(sequences(*a.batch), ElementsAre(3, 4));
}

TEST(Schedule, BeginsAnewAfterAReset) {
  Driven driven(2, 2);
  driven.admit(4);
  const Ticket a = driven.take(0), b = driven.take(1);
  EXPECT_THAT(driven.decoded(a), IsEmpty());
  driven.schedule.reset();
  EXPECT_EQ(driven.schedule.number(), 0U);
  driven.admit(2);
  const Ticket c = driven.take(0);
  EXPECT_EQ(c.slot, 0U);
  EXPECT_EQ(c.batch, a.batch);
  EXPECT_EQ(driven.take(1).batch, b.batch);
}

TEST(Schedule, WithoutMemoryForAnyMiniBatchAnEntryIsGivenBack) {
  Schedule schedule({std::numeric_limits<std::size_t>::max() - 127}, 1, 2, 1);
  Entry entry;
  entry.key = "large";
  schedule.admit(entry, schedule.number());
  const auto ticket = schedule.take(0);
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->batch, nullptr);
  EXPECT_EQ(ticket->entry.key, "large");
}

}  // namespace
}  // namespace octet
