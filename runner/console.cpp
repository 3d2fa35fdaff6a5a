#include "runner/console.h"

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

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 100;
}

void print(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fputc('\n', to);
  std::fflush(to);
}

}  // namespace

Console::Console(Options options)
    : options_(options),
      terminal_(::isatty(1) == 1),
      coloured_(terminal_ && (std::getenv("NO_COLOR") == nullptr || *std::getenv("NO_COLOR") == '\0')) {}

void Console::clear_live() {
  if (live_shown_ && terminal_) std::fputs("\r\033[K", stdout);
  live_shown_ = false;
}

void Console::say(std::string_view line) {
  if (options_.quiet) return;
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
  if (options_.quiet) return;
  if (terminal_) {
    std::string shown(line);
    const std::size_t width = terminal_width() - 1;
    if (characters(shown) > width) shown.resize(width);
    std::fputs(("\r\033[K" + shown).c_str(), stdout);
    std::fflush(stdout);
    live_shown_ = true;
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < next_plain_) return;
  next_plain_ = now + std::chrono::seconds(2);
  print(stdout, line);
}

void Console::end_live(std::string_view line) {
  clear_live();
  next_plain_ = {};
  say(line);
}

void Console::result(std::string_view text) {
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

}  // namespace geocommit
