#include "octet/jobs/draw/canvas.h"

#include <algorithm>
#include <array>
#include <vector>

#include <pango/pangocairo.h>

#include "octet/jobs/writers/utf8.h"

namespace octet {
namespace {

constexpr std::size_t kMaxCharacters = 400;  // of one line; far more than a sheet shows

template <auto destroy>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Surface = std::unique_ptr<cairo_surface_t, Deleter<cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, Deleter<cairo_destroy>>;
using Layout = std::unique_ptr<PangoLayout, Deleter<g_object_unref>>;
using Font = std::unique_ptr<PangoFontDescription, Deleter<pango_font_description_free>>;
using FontOptions = std::unique_ptr<cairo_font_options_t, Deleter<cairo_font_options_destroy>>;

void set_color(cairo_t* cairo, Rgb color, double alpha = 1) {
  cairo_set_source_rgba(cairo, color.red / 255.0, color.green / 255.0, color.blue / 255.0, alpha);
}

}  // namespace

std::string one_line(std::string_view text, std::size_t max_characters) {
  std::string line;
  for (std::size_t i = 0; i < max_characters && !text.empty(); ++i) {
    const std::size_t length = utf8_sequence(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool c1 = length == 2 && first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    const bool control = length == 0 || c1 || (length == 1 && (first < 0x20 || first == 0x7F));
    line += control ? utf8_replacement : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return line;
}

class Canvas::Impl {
 public:
  explicit Impl(Size size)
      : size_(size),
        surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(size.width),
                                            static_cast<int>(size.height))),
        cairo_(cairo_create(surface_.get())) {
    const FontOptions options(cairo_font_options_create());
    cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_SLIGHT);
    cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(cairo_.get(), options.get());
    layout_.reset(pango_cairo_create_layout(cairo_.get()));
    pango_layout_set_single_paragraph_mode(layout_.get(), TRUE);
    set_color(cairo_.get(), {255, 255, 255});
    cairo_paint(cairo_.get());
  }

  [[nodiscard]] bool usable() const { return cairo_status(cairo_.get()) == CAIRO_STATUS_SUCCESS; }
  [[nodiscard]] cairo_t* cairo() const { return cairo_.get(); }
  [[nodiscard]] cairo_surface_t* surface() const { return surface_.get(); }
  [[nodiscard]] Size size() const { return size_; }

  /// The layout with this text in it.
  [[nodiscard]] PangoLayout* lay_out(std::string_view text, const TextStyle& style) const {
    const Font font(pango_font_description_new());
    pango_font_description_set_family_static(font.get(), "DejaVu Sans, sans-serif");
    pango_font_description_set_weight(font.get(), style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font.get(), style.em * PANGO_SCALE);
    const std::string line = one_line(text, kMaxCharacters);
    pango_layout_set_font_description(layout_.get(), font.get());
    pango_layout_set_width(layout_.get(), static_cast<int>(std::clamp(style.max_width, 1.0, 1e6) * PANGO_SCALE));
    pango_layout_set_ellipsize(layout_.get(), style.cut_middle ? PANGO_ELLIPSIZE_MIDDLE : PANGO_ELLIPSIZE_END);
    pango_layout_set_text(layout_.get(), line.data(), static_cast<int>(line.size()));
    return layout_.get();
  }

 private:
  Size size_;
  Surface surface_;
  Context cairo_;
  Layout layout_;
};

Canvas::Canvas(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Canvas::~Canvas() = default;
Canvas::Canvas(Canvas&&) noexcept = default;
Canvas& Canvas::operator=(Canvas&&) noexcept = default;

Result<Canvas> Canvas::create(Size size) {
  constexpr std::int64_t max_side = 32767;  // Cairo's
  if (size.width < 1 || size.height < 1 || size.width > max_side || size.height > max_side) {
    return Error{
        ErrorCode::limit, "",
        "a sheet of " + std::to_string(size.width) + "x" + std::to_string(size.height) + " pixels cannot be drawn"};
  }
  auto impl = std::make_unique<Impl>(size);
  if (!impl->usable()) return Error{ErrorCode::limit, "", "no memory to draw on"};
  return Canvas(std::move(impl));
}

void Canvas::fill(const Rect& rect, Rgb color, double alpha) {
  set_color(impl_->cairo(), color, alpha);
  cairo_rectangle(impl_->cairo(), rect.x, rect.y, rect.width, rect.height);
  cairo_fill(impl_->cairo());
}

void Canvas::outline(const Rect& rect, Rgb color, double width, bool dashed, double alpha) {
  cairo_t* const cairo = impl_->cairo();
  set_color(cairo, color, alpha);
  const std::array<double, 2> dashes{4 * width, 2.5 * width};
  cairo_set_dash(cairo, dashes.data(), dashed ? static_cast<int>(dashes.size()) : 0, 0);
  cairo_set_line_width(cairo, width);
  cairo_rectangle(cairo, rect.x, rect.y, rect.width, rect.height);
  cairo_stroke(cairo);
}

void Canvas::line(double x0, double y0, double x1, double y1, Rgb color, double width) {
  cairo_t* const cairo = impl_->cairo();
  set_color(cairo, color);
  cairo_set_dash(cairo, nullptr, 0, 0);
  cairo_set_line_width(cairo, width);
  cairo_move_to(cairo, x0, y0);
  cairo_line_to(cairo, x1, y1);
  cairo_stroke(cairo);
}

void Canvas::pixels(std::span<const std::uint8_t> rgb, Size size, std::int64_t x, std::int64_t y) {
  if (x < 0 || y < 0 || x + size.width > impl_->size().width || y + size.height > impl_->size().height) return;
  cairo_surface_flush(impl_->surface());
  unsigned char* const rows = cairo_image_surface_get_data(impl_->surface());
  const int stride = cairo_image_surface_get_stride(impl_->surface());
  const std::uint8_t* src = rgb.data();
  for (std::int64_t row = 0; row < size.height; ++row) {
    auto* dst = reinterpret_cast<std::uint32_t*>(rows + (y + row) * stride) + x;
    for (std::int64_t i = 0; i < size.width; ++i, src += 3) {
      dst[i] = std::uint32_t{src[0]} << 16U | std::uint32_t{src[1]} << 8U | src[2];
    }
  }
  cairo_surface_mark_dirty(impl_->surface());
}

double Canvas::text(double x, double y, std::string_view text, const TextStyle& style) {
  PangoLayout* const layout = impl_->lay_out(text, style);
  set_color(impl_->cairo(), style.color);
  cairo_move_to(impl_->cairo(), x, y);
  pango_cairo_show_layout(impl_->cairo(), layout);
  return measure(text, style).width;
}

Rect Canvas::measure(std::string_view text, const TextStyle& style) const {
  PangoRectangle logical;
  pango_layout_get_extents(impl_->lay_out(text, style), nullptr, &logical);
  return {0, 0, static_cast<double>(logical.width) / PANGO_SCALE, static_cast<double>(logical.height) / PANGO_SCALE};
}

Size Canvas::size() const noexcept { return impl_->size(); }

std::vector<std::uint8_t> Canvas::rgb() const {
  cairo_surface_flush(impl_->surface());
  const unsigned char* const rows = cairo_image_surface_get_data(impl_->surface());
  const int stride = cairo_image_surface_get_stride(impl_->surface());
  const auto [width, height] = impl_->size();
  std::vector<std::uint8_t> result(static_cast<std::size_t>(3 * width * height));
  std::uint8_t* dst = result.data();
  for (std::int64_t y = 0; y < height; ++y) {
    const auto* src = reinterpret_cast<const std::uint32_t*>(rows + y * stride);
    for (std::int64_t x = 0; x < width; ++x, dst += 3) {
      dst[0] = static_cast<std::uint8_t>(src[x] >> 16U);
      dst[1] = static_cast<std::uint8_t>(src[x] >> 8U);
      dst[2] = static_cast<std::uint8_t>(src[x]);
    }
  }
  return result;
}

}  // namespace octet
