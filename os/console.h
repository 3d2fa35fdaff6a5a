// What the user sees while a run goes on: lines, and one live line that is rewritten in place on a terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace geocommit {

enum class Colour { none, red, green, yellow, dim, bold };

class Console {
 public:
  struct Options {
    bool quiet{};    ///< Only errors and results.
    bool verbose{};  ///< Also what is usually left out.
    bool events{};   ///< Standard output has events, for programs, and nothing else.
  };
  explicit Console(Options options);

  /// A line of progress.
  void say(std::string_view line);
  void detail(std::string_view line);  ///< With --verbose only.
  /// Something the user must know, on standard error, also when quiet.
  void warn(std::string_view line);
  void error(std::string_view message);
  /// The live line: in place on a terminal; else a line of its own at most every 2 s.
  void live(std::string_view line);
  /// The same as a block of lines on a terminal; elsewhere `line` as above. `block` must not be wider than width().
  void live(std::string_view line, const std::vector<std::string>& block);
  [[nodiscard]] std::size_t width() const;
  /// Lines that a live block may have without scrolling.
  [[nodiscard]] std::size_t height() const;
  /// Ends the live line, so that what was there last stays or is replaced by `line`.
  void end_live(std::string_view line);
  /// The result itself: standard output, also when quiet.
  void result(std::string_view text);
  /// A line for programs: only there.
  void event(std::string_view line);

  [[nodiscard]] bool coloured() const { return coloured_; }
  [[nodiscard]] std::string paint(std::string_view text, Colour colour) const;

 private:
  void clear_live();
  Options options_;
  bool terminal_{};
  bool coloured_{};
  std::size_t live_lines_{};  ///< On the screen now, to be rewritten.
  std::chrono::steady_clock::time_point next_plain_{};
};

/// Text in colour, or unchanged.
[[nodiscard]] std::string paint(std::string_view text, Colour colour, bool enabled);

/// Pads to a width, counting UTF-8 characters, not bytes.
[[nodiscard]] std::string left(std::string_view text, std::size_t width);
[[nodiscard]] std::string right(std::string_view text, std::size_t width);
/// Three significant figures, as people read them: "0.34", "12.3", "152", "1520"; "-" for not a number.
[[nodiscard]] std::string figure(double value);
/// 12 as "12", 11.97 as "12.0": an exact count looks exact.
[[nodiscard]] std::string counted(double value);

}  // namespace geocommit
