#include "report/junit.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "os/files.h"
#include "report/html_report.h"
#include "report/thresholds.h"

namespace geocommit {
namespace {

/// XML has no way to write most control characters at all.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : escape_html(valid_utf8(text))) {
    if (c == '\n') {
      out += "&#10;";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string seconds(Duration duration) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f", to_seconds(duration));
  return text.data();
}

class Suite {
 public:
  explicit Suite(std::string name) : name_(std::move(name)) {}

  /// `what`: nothing, or "failure", "error" or "skipped", and why.
  void add(const std::string& cell, const std::string& test, Duration took, const std::string& what = "",
           const std::string& why = "") {
    ++tests_;
    failures_ += what == "failure" ? 1 : 0;
    errors_ += what == "error" ? 1 : 0;
    skipped_ += what == "skipped" ? 1 : 0;
    cases_ += "    <testcase classname=\"" + escaped(name_ + "." + cell) + "\" name=\"" + escaped(test) + "\" time=\"" +
              seconds(took) + "\"";
    cases_ += what.empty() ? "/>\n" : ">\n      <" + what + " message=\"" + escaped(why) + "\"/>\n    </testcase>\n";
  }
  [[nodiscard]] std::string text() const {
    const std::string counts = "name=\"" + escaped(name_) + "\" tests=\"" + std::to_string(tests_) + "\" failures=\"" +
                               std::to_string(failures_) + "\" errors=\"" + std::to_string(errors_) + "\" skipped=\"" +
                               std::to_string(skipped_) + "\"";
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite " + counts + ">\n" + cases_ +
           "  </testsuite>\n</testsuites>\n";
  }

 private:
  std::string name_, cases_;
  int tests_{}, failures_{}, errors_{}, skipped_{};
};

void add_verdict(Suite& suite, const CellResult& cell, bool allow_expected) {
  const Verdict& verdict = cell.summary.verdict;
  const Duration took = cell.started + cell.loaded + cell.drain;
  const auto add = [&](const std::string& what, const std::string& why) {
    suite.add(cell.cell.id, "verdict", took, what, why);
  };
  if (!cell.failure.empty()) return add("error", cell.failure);
  switch (verdict.judgement) {
    case Judgement::pass:
      return add("", "");
    case Judgement::unknown:
      return add("error", "the verdict is unknown" +
                              (verdict.unknown_reasons.empty() ? "" : ": " + verdict.unknown_reasons.front()));
    case Judgement::violation:
      if (verdict.expected && allow_expected) return add("", "");
      return add("failure", verdict.examples.empty() ? "violation"
                                                     : std::string(name_of(verdict.examples.front().violation)) + ": " +
                                                           verdict.examples.front().what);
  }
}

}  // namespace

std::string to_junit(const Plan& plan, const std::vector<CellResult>& cells, const std::vector<std::string>& failures,
                     bool allow_expected) {
  Suite suite(plan.experiment.name);
  for (const std::string& why : failures) suite.add("run", "goes on to its end", {}, "error", why);
  for (const Cell& planned : plan.cells) {
    const auto cell =
        std::find_if(cells.begin(), cells.end(), [&](const CellResult& one) { return one.cell.id == planned.id; });
    if (cell == cells.end()) {
      suite.add(planned.id, "verdict", {}, "skipped", "it has not been run");
      continue;
    }
    add_verdict(suite, *cell, allow_expected);
    for (const ThresholdResult& one : judge_thresholds(plan.experiment.thresholds, *cell)) {
      suite.add(planned.id, to_text(one.threshold), {}, one.kept ? "" : "failure", one.why);
    }
  }
  return suite.text();
}

}  // namespace geocommit
