#include "testbed/sequence/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "testbed/markup.h"

namespace looptwin::testbed {
namespace {

// Pixels.
constexpr double kWidth = 860, kHeight = 190, kLeft = 64, kRight = 12, kTop = 10, kBottom = 26;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;

/// Told apart by people who see colours differently: M. Okabe and K. Ito, Color Universal Design, 2008.
constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

/// 1, 2 or 5 times a power of ten, so that about `most` fit into a range.
double nice_step(double range, double most) {
  const double rough = std::max(range, 1e-12) / most;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double times : {1.0, 2.0, 5.0})
    if (times * power >= rough) return times * power;
  return 10 * power;
}

struct Axes {
  double end = 1, low = 0, high = 1;
  double x(double s) const { return kLeft + kPlotWidth * std::clamp(s / end, 0.0, 1.0); }
  double y(double value) const { return kTop + kPlotHeight * (1 - (value - low) / (high - low)); }
};

Axes axes_of(std::span<const Trace* const> traces, Time end) {
  Axes axes;
  axes.end = std::max(end.seconds(), 1e-3);
  if (!traces.front()->words.empty()) {
    axes.low = -0.3;
    axes.high = static_cast<double>(traces.front()->words.size()) - 0.7;
    return axes;
  }
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const auto* trace : traces)
    for (const auto& sample : trace->samples)
      if (std::isfinite(sample.value)) {
        low = std::min(low, sample.value);
        high = std::max(high, sample.value);
      }
  if (low > high) low = 0, high = 1;
  const double room = std::max(0.06 * (high - low), std::max(std::fabs(high), 1.0) * 1e-3);
  axes.low = low - room;
  axes.high = high + room;
  return axes;
}

std::string label(double x, double y, const char* anchor, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     markup(text));
}

std::string grid(const Axes& axes, const Trace& first) {
  std::string out;
  const auto line = [&](double y, const std::string& text) {
    out += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", kLeft,
                       kLeft + kPlotWidth, y, y);
    out += label(kLeft - 6, y + 4, "end", text);
  };
  if (!first.words.empty()) {
    for (size_t w = 0; w < first.words.size(); ++w) line(axes.y(static_cast<double>(w)), first.words[w]);
  } else {
    const double step = nice_step(axes.high - axes.low, 4);
    for (double v = std::ceil(axes.low / step) * step; v <= axes.high; v += step)
      line(axes.y(v), fmt::format("{:.6g}", std::fabs(v) < step / 1e6 ? 0.0 : v));
  }
  const double step = nice_step(axes.end, 8);
  for (double s = 0; s <= axes.end * 1.0001; s += step)
    out += label(axes.x(s), kHeight - 8, "middle", fmt::format("{:.6g} s", s));
  return out;
}

/// Of many samples that share a column of pixels the first, the least, the greatest and the last.
std::vector<Trace::Sample> thinned(const Trace& trace, const Axes& axes) {
  if (trace.samples.size() < 4 * static_cast<size_t>(kPlotWidth)) return trace.samples;
  std::vector<Trace::Sample> out;
  for (size_t i = 0; i < trace.samples.size();) {
    const double column = std::floor(axes.x(trace.samples[i].at.seconds()));
    size_t end = i, least = i, most = i;
    for (; end < trace.samples.size() && std::floor(axes.x(trace.samples[end].at.seconds())) == column;
         ++end) {
      if (trace.samples[end].value < trace.samples[least].value) least = end;
      if (trace.samples[end].value > trace.samples[most].value) most = end;
    }
    std::vector<size_t> kept = {i, least, most, end - 1};
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const size_t k : kept) out.push_back(trace.samples[k]);
    i = end;
  }
  return out;
}

std::string line_of(const Trace& trace, const Axes& axes, const char* colour) {
  std::string path;
  bool drawn = false;
  double last = 0;
  const auto samples = thinned(trace, axes);
  for (const auto& sample : samples) {
    if (!std::isfinite(sample.value)) {
      drawn = false;
      continue;
    }
    const double x = axes.x(sample.at.seconds()), y = axes.y(sample.value);
    // Between boundaries the twin's value stands.
    if (!drawn)
      path += fmt::format("M{:.1f},{:.1f}", x, y);
    else if (y != last)
      path += fmt::format("H{:.1f}V{:.1f}", x, y);
    else if (&sample == &samples.back())
      path += fmt::format("H{:.1f}", x);
    drawn = true;
    last = y;
  }
  return path.empty() ? std::string()
                      : fmt::format("<path class=\"trace\" stroke=\"{}\" d=\"{}\"/>\n", colour, path);
}

std::string bands(std::span<const Trace* const> traces, std::span<const ForceShown> forces,
                  const Axes& axes) {
  std::string out;
  for (const auto& force : forces)
    for (const auto& [device, field] : force.fields) {
      const bool here = std::any_of(
          traces.begin(), traces.end(),
          [&, d = device, f = field](const auto* trace) { return trace->device == d && trace->field == f; });
      if (!here) continue;
      const double from = axes.x(force.from.seconds()), until = axes.x(force.until.seconds());
      out += fmt::format(
          "<rect class=\"forced\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\">"
          "<title>{}, of {}</title></rect>\n",
          from, kTop, std::max(until - from, 1.0), kPlotHeight, markup(force.name), markup(force.owner));
    }
  return out;
}

}  // namespace

std::string svg_plot(std::span<const Trace* const> traces, std::span<const ForceShown> forces,
                     std::span<const Time> marks, Time end) {
  const Axes axes = axes_of(traces, end);
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", kWidth, kHeight);
  out += bands(traces, forces, axes);
  out += grid(axes, *traces.front());
  for (const Time mark : marks)
    out += fmt::format("<line class=\"mark\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>\n",
                       axes.x(mark.seconds()), kTop, kTop + kPlotHeight);
  std::string legend;
  for (size_t t = 0; t < traces.size(); ++t) {
    const char* colour = kColours[t % std::size(kColours)];
    out += line_of(*traces[t], axes, colour);
    legend +=
        fmt::format("<span><i style=\"background:{}\"></i>{}</span>", colour, markup(traces[t]->device));
  }
  return out + "</svg>\n<p class=\"legend\">" + legend + "</p>\n";
}

std::string svg_bars(const Histogram& histogram) {
  constexpr double kBar = 7, kTall = 34;
  const auto most = *std::max_element(histogram.counts.begin(), histogram.counts.end());
  std::string out =
      fmt::format("<svg class=\"bars\" viewBox=\"0 0 {} {}\">\n", kBar * Histogram::kBuckets, kTall);
  for (size_t k = 0; k < Histogram::kBuckets; ++k) {
    if (histogram.counts[k] == 0) continue;
    const double tall =
        std::max(1.0, kTall * static_cast<double>(histogram.counts[k]) / static_cast<double>(most));
    out += fmt::format(
        "<rect x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\"><title>up to {}: {}</title></rect>\n",
        kBar * static_cast<double>(k), kTall - tall, kBar - 1, tall, to_string(microseconds(int64_t{1} << k)),
        histogram.counts[k]);
  }
  return out + "</svg>";
}

}  // namespace looptwin::testbed
