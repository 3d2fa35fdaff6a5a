#include "os/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace geocommit {
namespace {

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

winsize terminal_size() {
  winsize size{};
  if (::ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_col <= 20 || size.ws_row < 3) return {30, 100, 0, 0};
  return size;
}

void print(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fputc('\n', to);
  std::fflush(to);
}

}  // namespace

Console::Console(Options options)
    : options_(options),
      terminal_(::isatty(1) == 1 && !options.events),
      coloured_(terminal_ && (std::getenv("NO_COLOR") == nullptr || *std::getenv("NO_COLOR") == '\0')) {}

void Console::clear_live() {
  if (live_lines_ > 1) std::fprintf(stdout, "\033[%zuA", live_lines_ - 1);
  if (live_lines_ > 0) std::fputs("\r\033[J", stdout);
  live_lines_ = 0;
}

void Console::say(std::string_view line) {
  if (options_.quiet || options_.events) return;
  clear_live();
  print(stdout, line);
}

void Console::detail(std::string_view line) {
  if (options_.verbose) say(paint(line, Colour::dim));
}

void Console::warn(std::string_view line) {
  clear_live();
  std::fflush(stdout);
  print(stderr, geocommit::paint("warning: ", Colour::yellow, coloured_) + std::string(line));
}

void Console::error(std::string_view message) {
  clear_live();
  std::fflush(stdout);
  print(stderr, geocommit::paint("error: ", Colour::red, coloured_) + std::string(message));
}

void Console::live(std::string_view line) {
  if (options_.quiet || options_.events) return;
  if (terminal_) {
    std::string shown(line);
    if (characters(shown) > width()) shown.resize(width());
    live(line, {shown});
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < next_plain_) return;
  next_plain_ = now + std::chrono::seconds(2);
  print(stdout, line);
}

void Console::live(std::string_view line, const std::vector<std::string>& block) {
  if (options_.quiet || options_.events) return;
  if (!terminal_ || block.empty()) {
    live(line);
    return;
  }
  clear_live();
  std::string text;
  for (const std::string& one : block) text += (text.empty() ? "" : "\n") + one;
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  live_lines_ = block.size();
}

std::size_t Console::width() const { return terminal_size().ws_col - 1U; }

std::size_t Console::height() const { return terminal_size().ws_row - 1U; }

void Console::end_live(std::string_view line) {
  clear_live();
  next_plain_ = {};
  say(line);
}

void Console::event(std::string_view line) {
  if (options_.events) print(stdout, line);
}

void Console::result(std::string_view text) {
  if (options_.events) return;
  clear_live();
  print(stdout, text);
}

std::string Console::paint(std::string_view text, Colour colour) const {
  return geocommit::paint(text, colour, coloured_);
}

std::string paint(std::string_view text, Colour colour, bool enabled) {
  static constexpr std::array kCodes{"", "\033[31m", "\033[32m", "\033[33m", "\033[2m", "\033[1m"};
  if (!enabled || colour == Colour::none) return std::string(text);
  return kCodes.at(static_cast<std::size_t>(colour)) + std::string(text) + "\033[0m";
}

std::string left(std::string_view text, std::size_t width) {
  const std::size_t have = characters(text);
  return std::string(text) + std::string(have < width ? width - have : 0, ' ');
}

std::string right(std::string_view text, std::size_t width) {
  const std::size_t have = characters(text);
  return std::string(have < width ? width - have : 0, ' ') + std::string(text);
}

std::string figure(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::fabs(value);
  int decimals = 0;
  if (size < 9.995) {
    decimals = 2;
  } else if (size < 99.95) {
    decimals = 1;
  }
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

std::string counted(double value) {
  return std::fabs(value - std::round(value)) < 1e-9 ? std::to_string(std::llround(value)) : figure(value);
}

}  // namespace geocommit
