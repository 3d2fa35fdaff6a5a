#include "runner/live_view.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "os/console.h"

namespace geocommit {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kNameWidth = 18;

std::string whole(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", value);
  return text.data();
}

std::string milliseconds(double value) { return value > 0 ? figure(value) : "-"; }

/// Cut, or as it is; counts characters, not bytes.
std::string fit(const std::string& text, std::size_t width) {
  std::size_t at = 0;
  std::size_t seen = 0;
  while (at < text.size()) {
    std::size_t next = at + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0U) == 0x80U) ++next;
    if (++seen > width) return text.substr(0, at);
    at = next;
  }
  return text;
}

std::string progress(const LiveState& s) {
  return "[" + std::to_string(s.number) + "/" + std::to_string(s.of) + "] " + s.cell + "  " +
         whole(to_seconds(std::min(s.elapsed, s.total))) + "/" + whole(to_seconds(s.total)) + " s" +
         (s.elapsed < s.warmup ? " warm-up" : "");
}

std::string bar(const LiveState& s) {
  const double share = s.total > Duration{0} ? std::clamp(to_seconds(s.elapsed) / to_seconds(s.total), 0.0, 1.0) : 0;
  const auto filled = static_cast<std::size_t>(share * kBarWidth);
  return "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
}

std::string row(const LiveRow& r) {
  std::string out = "  " + left(fit(r.region.empty() ? "all regions" : r.region, kNameWidth), kNameWidth);
  out += right(whole(r.commits_per_s), 10) + right(milliseconds(r.p50_ms), 9) + right(milliseconds(r.p99_ms), 9);
  out += right(std::to_string(r.in_doubt), 10) + right(std::to_string(r.blocked), 9);
  out += right(std::to_string(r.locks_held), 8) + right(std::to_string(r.lock_waiters), 9);
  if (r.blocked > 0) out += "  for " + figure(to_seconds(r.oldest_blocked)) + " s";
  return out;
}

}  // namespace

std::string live_line(const LiveState& s) {
  std::string line = progress(s) + "  " + whole(s.all.commits_per_s) + " commits/s  p99 " + figure(s.all.p99_ms) +
                     " ms  in doubt " + std::to_string(s.all.in_doubt);
  if (s.all.blocked > 0) line += "  blocked " + std::to_string(s.all.blocked);
  if (s.shed > 0) line += "  shed " + std::to_string(s.shed);
  if (s.unknown > 0) line += "  unknown " + std::to_string(s.unknown);
  if (!s.faults.empty()) line += "  fault: " + s.faults.front();
  if (s.faults.size() > 1) line += " and " + std::to_string(s.faults.size() - 1) + " more";
  return line;
}

std::vector<std::string> live_block(const LiveState& s, std::size_t width, std::size_t rows, bool colour) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& line, Colour how) { out.push_back(paint(fit(line, width), how, colour)); };
  add(progress(s) + "  " + bar(s), Colour::bold);
  add("  " + left(s.protocol, kNameWidth) + " commits/s      p50      p99  in doubt  blocked   locks  waiting",
      Colour::dim);
  std::vector<const LiveRow*> shown;
  for (const LiveRow& r : s.regions) shown.push_back(&r);
  std::stable_sort(shown.begin(), shown.end(),
                   [](const LiveRow* a, const LiveRow* b) { return a->blocked > b->blocked; });
  const std::size_t hidden = shown.size() > rows ? shown.size() - rows : 0;
  shown.resize(shown.size() - hidden);
  for (const LiveRow* r : shown) add(row(*r), r->blocked > 0 ? Colour::yellow : Colour::none);
  if (hidden > 0) add("  ... and " + std::to_string(hidden) + " regions more", Colour::dim);
  if (s.regions.size() > 1) add(row(s.all), Colour::none);
  if (s.shed + s.unknown > 0) {
    add("  shed " + std::to_string(s.shed) + ", outcome unknown " + std::to_string(s.unknown), Colour::yellow);
  }
  for (const std::string& fault : s.faults) add("  fault: " + fault, Colour::red);
  return out;
}

}  // namespace geocommit
