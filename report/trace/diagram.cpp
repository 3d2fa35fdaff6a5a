#include "report/trace/diagram.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <utility>

namespace geocommit::trace {
namespace {

constexpr std::size_t kMargin = 12;  // "  123.456 ms"
constexpr std::size_t kColumnLeast = 26, kColumnMost = 40;
constexpr std::size_t kRepetitionsMost = 12;
constexpr std::int64_t kTogetherNs = 50'000;  // At one node, within this: one row.

void write(std::string& row, std::size_t at, const std::string& text) {
  if (row.size() < at + text.size()) row.resize(at + text.size(), ' ');
  row.replace(at, text.size(), text);
}

/// What a row shows: something at a node, an arrival, or a fault.
struct Row {
  std::int64_t t_ns{};
  enum class What : std::uint8_t { mark, fold, arrival, step, loss } what{};  ///< At one time: causes first.
  const Step* step{};
  const Flight* flight{};
  std::string text;  ///< mark
};

class Drawing {
 public:
  Drawing(const Cell& cell, const Timeline& timeline, std::size_t width, bool all)
      : cell_(cell), timeline_(timeline), all_(all) {
    const std::size_t nodes = std::max<std::size_t>(timeline.nodes.size(), 1);
    column_width_ = std::clamp((std::max(width, kMargin + 2) - kMargin - 2) / nodes, kColumnLeast, kColumnMost);
    for (std::size_t i = 0; i < timeline.nodes.size(); ++i) columns_[timeline.nodes[i]] = i;
  }

  std::string text() {
    std::string heads;
    for (const auto& [node, column] : columns_) write(heads, at(node), cell_.nodes[node].name);
    line("", heads);
    for (const Row& row : folded(rows())) add(row);
    flush();
    if (!in_doubt_.empty()) legend_ = true;
    if (legend_) out_ += std::string(kMargin + 2, ' ') + "# in doubt: voted YES, the outcome is not known there\n";
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t at(std::size_t node) const { return columns_.at(node) * column_width_; }

  std::vector<Row> rows() const {
    std::vector<Row> out;
    for (const Step& step : timeline_.steps) {
      if (columns_.contains(step.node)) out.push_back({step.event.t_ns, Row::What::step, &step, nullptr, {}});
    }
    for (const Flight& flight : timeline_.flights) {
      const auto what = flight.received ? Row::What::arrival : Row::What::loss;
      out.push_back({flight.received ? flight.received->t_ns : flight.sent.t_ns, what, nullptr, &flight, {}});
    }
    for (const FaultMark& mark : cell_.marks) {
      const std::int64_t t = mark.at.time_since_epoch().count();
      if (t < timeline_.begin_ns || t > timeline_.end_ns) continue;
      out.push_back(
          {t, Row::What::mark, nullptr, nullptr, mark.kind + " " + mark.target + (mark.begins ? " BEGINS" : " ends")});
    }
    for (const auto& [node, column] : columns_) {
      for (const Event& event : cell_.nodes[node].log.events) {
        if (event.type == EventType::started && event.t_ns > timeline_.begin_ns && event.t_ns < timeline_.end_ns) {
          out.push_back({event.t_ns, Row::What::mark, nullptr, nullptr,
                         cell_.nodes[node].name + " starts again, epoch " + std::to_string(event.value)});
        }
      }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Row& a, const Row& b) { return std::pair(a.t_ns, a.what) < std::pair(b.t_ns, b.what); });
    return out;
  }

  /// Asking again and again fills pages: of a long stretch of nothing else the beginning and the end are shown.
  std::vector<Row> folded(std::vector<Row> rows) const {
    if (all_) return rows;
    std::vector<Row> out;
    for (std::size_t i = 0; i < rows.size();) {
      std::size_t end = i;
      while (end < rows.size() && is_repetition(rows[end])) ++end;
      if (end - i <= kRepetitionsMost) {
        end = std::max(end, i + 1);
        out.insert(out.end(), rows.begin() + static_cast<std::ptrdiff_t>(i),
                   rows.begin() + static_cast<std::ptrdiff_t>(end));
      } else {
        const auto head = rows.begin() + static_cast<std::ptrdiff_t>(i);
        out.insert(out.end(), head, head + kRepetitionsMost / 2);
        out.push_back({rows[i + kRepetitionsMost / 2].t_ns, Row::What::fold, nullptr, nullptr,
                       std::to_string(end - i - kRepetitionsMost / 2) + " more lines of asking again, until " +
                           time(rows[end - 1].t_ns) + " (--all shows them)"});
      }
      i = end;
    }
    return out;
  }
  static bool is_repetition(const Row& row) {
    switch (row.what) {
      case Row::What::mark:
      case Row::What::fold:
        return false;
      case Row::What::arrival:
      case Row::What::loss:
        return row.flight->sent.flag != 0;
      case Row::What::step:
        return row.step->event.type == EventType::timer || row.step->event.type == EventType::note;
    }
    return false;
  }

  [[nodiscard]] std::string lifelines() const {
    std::string row;
    for (const auto& [node, column] : columns_) write(row, at(node), in_doubt_.contains(node) ? "#" : "|");
    return row;
  }

  void add(const Row& row) {
    if (row.what == Row::What::step && open_ && open_node_ == row.step->node && row.t_ns - open_since_ <= kTogetherNs) {
      words_ += ", " + describe(cell_, *row.step);
      follow(*row.step);
      return;
    }
    flush();
    switch (row.what) {
      case Row::What::step:
        open_ = true;
        open_node_ = row.step->node;
        open_since_ = row.t_ns;
        words_ = describe(cell_, *row.step);
        follow(*row.step);
        break;
      case Row::What::arrival:
        arrow(*row.flight);
        break;
      case Row::What::loss:
        lost(*row.flight);
        break;
      case Row::What::fold: {
        std::string text = lifelines();
        write(text, 2, " ... " + row.text + " ");
        line("", text);
        break;
      }
      case Row::What::mark:
        line(time(row.t_ns), "======== " + row.text + " " + std::string(20, '='));
        break;
    }
  }

  /// In doubt from the prepared record's being durable to the outcome.
  void follow(const Step& step) {
    if (begins_doubt(step.event)) {
      in_doubt_.insert(step.node);
      legend_ = true;
    } else if (step.event.type == EventType::decided) {
      in_doubt_.erase(step.node);
    }
  }

  void flush() {
    if (!std::exchange(open_, false)) return;
    std::string row = lifelines();
    write(row, at(open_node_), "* " + words_);
    line(time(open_since_), row);
  }

  void arrow(const Flight& flight) {
    std::string row = lifelines();
    std::string text = kind_of(flight.sent) + (flight.sent.flag != 0 ? " again" : "");
    text += " " + span(flight.received->t_ns - flight.sent.t_ns);
    stroke(row, flight, text);
    line(time(flight.received->t_ns), row);
  }

  void lost(const Flight& flight) {
    std::string row = lifelines();
    const std::string why = flight.sent.value == 0 ? " DROPPED" : " no arrival";
    stroke(row, flight, kind_of(flight.sent) + (flight.sent.flag != 0 ? " again" : "") + why);
    if (flight.from != flight.to) row[at(flight.from) < at(flight.to) ? at(flight.to) - 1 : at(flight.to) + 1] = 'x';
    line(time(flight.sent.t_ns), row);
  }

  void stroke(std::string& row, const Flight& flight, const std::string& label) const {
    if (flight.from == flight.to) {
      write(row, at(flight.from), "* to itself: " + label);
      return;
    }
    const bool rightwards = at(flight.from) < at(flight.to);
    const std::size_t left = std::min(at(flight.from), at(flight.to)) + 1;
    const std::size_t right = std::max(at(flight.from), at(flight.to));
    for (std::size_t i = left; i < right; ++i) row[i] = '-';
    row[rightwards ? right - 1 : left] = rightwards ? '>' : '<';
    const std::string text = " " + label.substr(0, right - left - 6) + " ";
    write(row, rightwards ? right - 2 - text.size() : left + 2, text);  // Next to the receiver.
  }

  [[nodiscard]] std::string time(std::int64_t t_ns) const {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3f ms", static_cast<double>(t_ns - timeline_.begin_ns) / 1e6);
    return text.data();
  }

  void line(const std::string& margin, std::string row) {
    while (!row.empty() && row.back() == ' ') row.pop_back();
    out_ += std::string(kMargin - std::min(margin.size(), kMargin), ' ') + margin + "  " + row + "\n";
  }

  const Cell& cell_;
  const Timeline& timeline_;
  bool all_;
  std::size_t column_width_{};
  std::map<std::size_t, std::size_t> columns_;  ///< Node -> column.
  std::set<std::size_t> in_doubt_;
  bool legend_{};
  bool open_{};  ///< A row of steps is being put together.
  std::size_t open_node_{};
  std::int64_t open_since_{};
  std::string words_, out_;
};

}  // namespace

std::string span(std::int64_t ns) {
  std::array<char, 32> text{};
  const double ms = static_cast<double>(ns) / 1e6;
  std::snprintf(text.data(), text.size(), ms < 10'000 ? "%.1f ms" : "%.1f s", ms < 10'000 ? ms : ms / 1000);
  return text.data();
}

std::string headline(const Timeline& t) {
  std::string out = to_text(t.txn) + "  " + (t.protocol == nullptr ? "?" : std::string(t.protocol->name)) + "  ";
  out += t.split                           ? "SPLIT: both outcomes were decided"
         : t.outcome == Outcome::undecided ? "no outcome in the logs"
                                           : std::string(name_of(t.outcome));
  if (t.latency_ns) out += "  " + span(*t.latency_ns);
  if (t.blocked_ns > 0) out += "  blocked " + span(t.blocked_ns);
  if (t.still_blocked) out += "  still blocked at the end of its log";
  return out;
}

std::string draw(const Cell& cell, const Timeline& timeline, std::size_t width, bool all) {
  return Drawing(cell, timeline, width, all).text();
}

}  // namespace geocommit::trace
