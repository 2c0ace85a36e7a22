// Transposition, padding and concatenation: kernels that move elements.
#include <gmock/gmock.h>

#include <numeric>

#include "executor/kernel_testing.h"
#include "octet/executor/kernels/concat.h"
#include "octet/executor/kernels/transpose.h"

namespace octet::test {
namespace {

using kernels::Order;
using Index = std::vector<std::int64_t>;

std::size_t count_of(const Index& shape) {
  return static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

/// Where the element at `index` (graph order) of a value of `shape` lies, in elements.
std::size_t offset(const Index& shape, const Index& index, Order order) {
  const Index memory = order == Order::nhwc ? Index{0, 2, 3, 1} : [&] {
    Index natural(shape.size());
    std::iota(natural.begin(), natural.end(), 0);
    return natural;
  }();
  std::int64_t at = 0;
  for (const std::int64_t axis : memory)
    at = at * shape[static_cast<std::size_t>(axis)] + index[static_cast<std::size_t>(axis)];
  return static_cast<std::size_t>(at);
}

/// Calls body(index) for every index of `shape`.
template <class Body>
void for_each_index(const Index& shape, const Body& body) {
  Index index(shape.size(), 0);
  for (std::size_t n = count_of(shape); n > 0; --n) {
    body(index);
    for (std::size_t k = shape.size(); k-- > 0;) {
      if (++index[k] < shape[k]) break;
      index[k] = 0;
    }
  }
}

template <class T>
void check_transpose(const Index& shape, const Index& axes, Order src_order, Order dst_order) {
  std::vector<T> src(count_of(shape)), dst(src.size());
  std::iota(src.begin(), src.end(), T{1});
  Index out;
  for (const std::int64_t axis : axes) out.push_back(shape[static_cast<std::size_t>(axis)]);
  kernels::transpose(shape, axes, sizeof(T), src.data(), src_order, dst.data(), dst_order);
  for_each_index(out, [&](const Index& index) {
    Index from(index.size());
    for (std::size_t k = 0; k < axes.size(); ++k) from[static_cast<std::size_t>(axes[k])] = index[k];
    ASSERT_EQ(dst[offset(out, index, dst_order)], src[offset(shape, from, src_order)]);
  });
  EXPECT_EQ(kernels::transpose_is_copy(shape, axes, src_order, dst_order) && !src.empty(), dst == src)
      << "transpose_is_copy";
}

TEST(KernelTranspose, AnyRankAndOrder) {
  Random random(47);
  for (int round = 0; round < 400; ++round) {
    const auto rank = static_cast<std::size_t>(random.integer(1, 6));
    Index shape, axes(rank);
    for (std::size_t k = 0; k < rank; ++k) shape.push_back(random.integer(round % 7 == 0 ? 1 : 2, rank > 4 ? 4 : 9));
    std::iota(axes.begin(), axes.end(), 0);
    for (std::size_t k = rank; k > 1; --k)
      std::swap(axes[k - 1], axes[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(k) - 1))]);
    const Order src_order = rank == 4 && random.integer(0, 1) == 1 ? Order::nhwc : Order::row_major;
    const Order dst_order = rank == 4 && random.integer(0, 1) == 1 ? Order::nhwc : Order::row_major;
    SCOPED_TRACE(round);
    check_transpose<std::uint32_t>(shape, axes, src_order, dst_order);
    // Bytes repeat above 256 elements, so that equal buffers say nothing there.
    if (count_of(shape) < 256) check_transpose<std::uint8_t>(shape, axes, src_order, dst_order);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(KernelTranspose, LargeImagesBothWays) {
  const Index identity{0, 1, 2, 3};
  check_transpose<std::uint32_t>({2, 67, 33, 35}, identity, Order::nhwc, Order::row_major);
  check_transpose<std::uint32_t>({2, 67, 33, 35}, identity, Order::row_major, Order::nhwc);
  std::vector<std::uint8_t> src(std::size_t{3} * 50 * 70), there(src.size()), back(src.size());
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
  const Index shape{1, 3, 50, 70};
  kernels::transpose(shape, identity, 1, src.data(), Order::nhwc, there.data(), Order::row_major);
  EXPECT_EQ(there[1], src[3]);
  EXPECT_EQ(there[50 * 70 + 2], src[7]);
  kernels::transpose(shape, identity, 1, there.data(), Order::row_major, back.data(), Order::nhwc);
  EXPECT_EQ(src, back);
}

TEST(KernelTranspose, RecognisesWhatIsACopy) {
  const auto copy = [](Index shape, Index axes, Order from, Order to) {
    return kernels::transpose_is_copy(shape, axes, from, to);
  };
  EXPECT_TRUE(copy({1, 2048, 1, 1}, {0, 1, 2, 3}, Order::nhwc, Order::row_major));  // Flatten behind global pooling
  EXPECT_TRUE(copy({2, 24, 19, 19}, {0, 2, 3, 1}, Order::nhwc, Order::row_major));  // SSD head to (N, H, W, C)
  EXPECT_FALSE(copy({2, 24, 19, 19}, {0, 2, 3, 1}, Order::nhwc, Order::nhwc));
  EXPECT_FALSE(copy({1, 3, 8, 8}, {0, 1, 2, 3}, Order::nhwc, Order::row_major));
  EXPECT_TRUE(copy({1, 1, 8, 8}, {0, 1, 2, 3}, Order::nhwc, Order::row_major));
}

TEST(KernelTranspose, EmptyAndScalarShapes) {
  std::uint32_t src = 7, dst = 0;
  kernels::transpose({}, {}, 4, &src, Order::row_major, &dst, Order::row_major);
  EXPECT_EQ(dst, 7U);
  dst = 1;
  const Index none{2, 0}, axes{1, 0};
  kernels::transpose(none, axes, 4, &src, Order::row_major, &dst, Order::row_major);
  EXPECT_EQ(dst, 1U);
}

std::int64_t mirrored(std::int64_t at, std::int64_t size) {
  while (at < 0 || at >= size) at = at < 0 ? -at : 2 * (size - 1) - at;
  return at;
}

TEST(KernelPad, AllModesEqualStraightforwardLoops) {
  Random random(53);
  for (int round = 0; round < 300; ++round) {
    const auto rank = static_cast<std::size_t>(random.integer(1, 5));
    const Order order = rank == 4 && random.integer(0, 1) == 1 ? Order::nhwc : Order::row_major;
    PadOp op;
    op.mode = static_cast<PadMode>(random.integer(0, 2));
    op.value = random.real(-2, 2);
    Index shape, out;
    for (std::size_t k = 0; k < rank; ++k) {
      shape.push_back(random.integer(1, 6));
      const std::int64_t most = op.mode == PadMode::reflect ? shape[k] - 1 : 4;
      op.before.push_back(random.integer(0, 2) == 0 ? random.integer(0, most) : 0);
      op.after.push_back(random.integer(0, 2) == 0 ? random.integer(0, most) : 0);
      out.push_back(op.before[k] + shape[k] + op.after[k]);
    }
    const Element type = random.element();
    const Bytes src = random.elements(count_of(shape), type);
    Bytes dst(count_of(out) * type.bytes());
    kernels::pad(op, shape, order, src.data(), dst.data(), type);
    for_each_index(out, [&](const Index& index) {
      Index from(index.size());
      bool inside = true;
      for (std::size_t k = 0; k < index.size(); ++k) {
        from[k] = index[k] - op.before[k];
        inside = inside && from[k] >= 0 && from[k] < shape[k];
        if (op.mode == PadMode::edge) from[k] = std::clamp<std::int64_t>(from[k], 0, shape[k] - 1);
        if (op.mode == PadMode::reflect) from[k] = mirrored(from[k], shape[k]);
      }
      const float expected = inside || op.mode != PadMode::constant ? stored(src, offset(shape, from, order), type)
                                                                    : to_stored(op.value, type);
      ASSERT_EQ(stored(dst, offset(out, index, order), type), expected) << "round " << round;
    });
    if (testing::Test::HasFailure()) return;
  }
}

TEST(KernelConcat, AnyAxisOrderAndStorage) {
  Random random(59);
  for (int round = 0; round < 200; ++round) {
    const auto rank = static_cast<std::size_t>(random.integer(1, 5));
    const Order order = rank == 4 && random.integer(0, 1) == 1 ? Order::nhwc : Order::row_major;
    const auto axis = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(rank) - 1));
    Index shape;
    for (std::size_t k = 0; k < rank; ++k) shape.push_back(random.integer(1, 6));
    const Element to = random.element();
    std::vector<Bytes> data;
    std::vector<Index> shapes;
    std::vector<kernels::ConcatInput> inputs;
    std::int64_t row = 0;
    Index out = shape;
    out[axis] = 0;
    for (std::int64_t k = random.integer(1, 4); k > 0; --k) {
      Index in = shape;
      in[axis] = random.integer(1, 20);
      out[axis] += in[axis];
      const Element type = random.integer(0, 1) == 0 ? to : random.element();
      data.push_back(random.elements(count_of(in), type));
      const kernels::AxisView view = kernels::axis_view(in, axis, order);
      inputs.push_back({nullptr, type, view.axis * view.inner, row});
      row += view.axis * view.inner;
      shapes.push_back(in);
    }
    for (std::size_t k = 0; k < data.size(); ++k) inputs[k].data = data[k].data();
    Bytes dst(count_of(out) * to.bytes());
    kernels::concat(kernels::axis_view(out, axis, order).outer, inputs, dst.data(), to, row);
    std::int64_t start = 0;
    for (std::size_t k = 0; k < inputs.size(); start += shapes[k][axis], ++k) {
      for_each_index(shapes[k], [&](const Index& index) {
        Index at = index;
        at[axis] += start;
        const std::size_t from = offset(shapes[k], index, order);
        const float expected =
            inputs[k].type.same_as(to) ? stored(data[k], from, to) : to_stored(real(data[k], from, inputs[k].type), to);
        ASSERT_EQ(stored(dst, offset(out, at, order), to), expected) << "round " << round << ", input " << k;
      });
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace octet::test
