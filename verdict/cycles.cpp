#include "verdict/cycles.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

namespace geocommit::verdict {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kSearchesMost = 64;        // For a short cycle in one component; each is linear in it.
constexpr std::size_t kVisitsMost = 20'000'000;  // For a cycle with one anti-dependency, in all components together.

/// Edges by their start, in one array.
class Graph {
 public:
  Graph(std::uint32_t nodes, std::vector<Dependency> edges) : edges_(std::move(edges)), first_(nodes + 1U) {
    std::sort(edges_.begin(), edges_.end());
    const auto last = std::unique(edges_.begin(), edges_.end(), [](const Dependency& a, const Dependency& b) {
      return a.from == b.from && a.to == b.to && a.kind == b.kind;  // One entity at one site is example enough.
    });
    edges_.erase(last, edges_.end());
    for (const Dependency& edge : edges_) {
      ++first_[edge.from + 1U];
    }
    for (std::size_t i = 1; i < first_.size(); ++i) {
      first_[i] += first_[i - 1];
    }
  }
  [[nodiscard]] std::uint32_t nodes() const { return static_cast<std::uint32_t>(first_.size() - 1); }
  [[nodiscard]] std::size_t begin_of(std::uint32_t node) const { return first_[node]; }
  [[nodiscard]] std::size_t end_of(std::uint32_t node) const { return first_[node + 1U]; }
  [[nodiscard]] const Dependency& edge(std::size_t at) const { return edges_[at]; }

 private:
  std::vector<Dependency> edges_;
  std::vector<std::size_t> first_;
};

/// Component of each node over edges of at most kind `most` that stay within `within` (Tarjan, SIAM J. Comput. 1(2),
/// 1972), without recursion.
std::vector<std::uint32_t> components(const Graph& graph, DependencyKind most,
                                      const std::vector<std::uint32_t>& within) {
  struct Frame {
    std::uint32_t node{};
    std::size_t next{};
  };
  std::vector<std::uint32_t> component(graph.nodes(), kNone);
  std::vector<std::uint32_t> number(graph.nodes(), kNone);
  std::vector<std::uint32_t> low(graph.nodes());
  std::vector<std::uint32_t> stack;
  std::vector<Frame> frames;
  std::uint32_t numbered = 0;
  std::uint32_t found = 0;
  for (std::uint32_t root = 0; root < graph.nodes(); ++root) {
    if (number[root] != kNone) {
      continue;
    }
    frames.push_back({root, graph.begin_of(root)});
    number[root] = low[root] = numbered++;
    stack.push_back(root);
    while (!frames.empty()) {
      const std::uint32_t node = frames.back().node;
      if (frames.back().next < graph.end_of(node)) {
        const Dependency& edge = graph.edge(frames.back().next++);
        if (edge.kind > most || within[edge.from] != within[edge.to]) {
          continue;
        }
        if (number[edge.to] == kNone) {
          number[edge.to] = low[edge.to] = numbered++;
          stack.push_back(edge.to);
          frames.push_back({edge.to, graph.begin_of(edge.to)});
        } else if (component[edge.to] == kNone) {
          low[node] = std::min(low[node], number[edge.to]);
        }
        continue;
      }
      frames.pop_back();
      if (!frames.empty()) {
        low[frames.back().node] = std::min(low[frames.back().node], low[node]);
      }
      if (low[node] == number[node]) {
        std::uint32_t member = kNone;
        do {
          member = stack.back();
          stack.pop_back();
          component[member] = found;
        } while (member != node);
        ++found;
      }
    }
  }
  return component;
}

/// Finds shortest paths, each in time linear in what it visits.
class Search {
 public:
  explicit Search(const Graph& graph) : graph_(graph), seen_(graph.nodes(), 0), by_(graph.nodes()) {}

  /// From `from` to `to` (which may be the same: a cycle) over edges of at most kind `most` within one component;
  /// empty: there is none.
  std::vector<Dependency> path(std::uint32_t from, std::uint32_t to, DependencyKind most,
                               const std::vector<std::uint32_t>& component) {
    ++round_;
    std::deque<std::uint32_t> queue{from};
    while (!queue.empty()) {
      const std::uint32_t node = queue.front();
      queue.pop_front();
      for (std::size_t at = graph_.begin_of(node); at < graph_.end_of(node); ++at) {
        const Dependency& edge = graph_.edge(at);
        ++visits_;
        if (edge.kind > most || component[edge.to] != component[from] || seen_[edge.to] == round_) {
          continue;
        }
        seen_[edge.to] = round_;
        by_[edge.to] = at;
        if (edge.to == to) {
          return back(from, to);
        }
        queue.push_back(edge.to);
      }
    }
    return {};
  }
  /// Edges looked at so far.
  [[nodiscard]] std::size_t visits() const { return visits_; }

 private:
  [[nodiscard]] std::vector<Dependency> back(std::uint32_t from, std::uint32_t to) const {
    std::vector<Dependency> path;
    std::uint32_t node = to;
    do {
      path.push_back(graph_.edge(by_[node]));
      node = path.back().from;
    } while (node != from);
    std::reverse(path.begin(), path.end());
    return path;
  }

  const Graph& graph_;
  std::vector<std::uint32_t> seen_;  // In which round.
  std::vector<std::size_t> by_;      // The edge that it was first reached by.
  std::uint32_t round_{};
  std::size_t visits_{};
};

void keep_shorter(std::vector<Dependency>& best, std::vector<Dependency> other) {
  if (!other.empty() && (best.empty() || other.size() < best.size())) {
    best = std::move(other);
  }
}

/// Members of components of more than one node, by component.
std::vector<std::vector<std::uint32_t>> members_of(const std::vector<std::uint32_t>& component) {
  std::vector<std::vector<std::uint32_t>> members(component.size());
  for (std::uint32_t node = 0; node < component.size(); ++node) {
    members[component[node]].push_back(node);
  }
  std::erase_if(members, [](const auto& list) { return list.size() < 2; });
  std::sort(members.begin(), members.end());
  return members;
}

}  // namespace

std::vector<Cycle> find_cycles(std::uint32_t transactions, std::vector<Dependency> dependencies) {
  std::erase_if(dependencies, [](const Dependency& edge) { return edge.from == edge.to; });
  const Graph graph(transactions, std::move(dependencies));
  const std::vector<std::uint32_t> whole =
      components(graph, DependencyKind::rw, std::vector<std::uint32_t>(transactions));
  const std::vector<std::vector<std::uint32_t>> circles = members_of(whole);
  if (circles.empty()) {
    return {};
  }
  const std::vector<std::uint32_t> writes = components(graph, DependencyKind::ww, whole);
  const std::vector<std::uint32_t> flows = components(graph, DependencyKind::wr, whole);
  Search search(graph);
  std::vector<std::uint32_t> size_writes(transactions), size_flows(transactions);
  for (std::uint32_t node = 0; node < transactions; ++node) {
    ++size_writes[writes[node]];
    ++size_flows[flows[node]];
  }
  /// Through nodes that lie on a cycle over edges of at most kind `most`.
  const auto through = [&](const std::vector<std::uint32_t>& members, DependencyKind most,
                           const std::vector<std::uint32_t>& component, const std::vector<std::uint32_t>& size) {
    std::vector<Dependency> best;
    std::size_t searches = 0;
    for (const std::uint32_t node : members) {
      if (size[component[node]] > 1 && searches++ < kSearchesMost && best.size() != 2) {
        keep_shorter(best, search.path(node, node, most, component));
      }
    }
    return best;
  };
  /// An anti-dependency, and the way back without another.
  const auto with_one = [&](const std::vector<std::uint32_t>& members) {
    std::vector<Dependency> best;
    std::size_t searches = 0;
    for (const std::uint32_t node : members) {
      for (std::size_t at = graph.begin_of(node); at < graph.end_of(node); ++at) {
        const Dependency& edge = graph.edge(at);
        if (edge.kind != DependencyKind::rw || whole[edge.to] != whole[node] || best.size() == 2 ||
            (best.empty() ? search.visits() >= kVisitsMost : searches >= kSearchesMost)) {
          continue;
        }
        ++searches;
        std::vector<Dependency> cycle = search.path(edge.to, node, DependencyKind::wr, whole);
        if (!cycle.empty()) {
          cycle.insert(cycle.begin(), edge);
          keep_shorter(best, std::move(cycle));
        }
      }
    }
    return best;
  };
  std::vector<Cycle> cycles;
  for (const std::vector<std::uint32_t>& members : circles) {
    Cycle& cycle = cycles.emplace_back();
    cycle.transactions = members.size();
    cycle.anomaly = Anomaly::g0;
    cycle.dependencies = through(members, DependencyKind::ww, writes, size_writes);
    if (cycle.dependencies.empty()) {
      cycle.anomaly = Anomaly::g1c;
      cycle.dependencies = through(members, DependencyKind::wr, flows, size_flows);
    }
    if (cycle.dependencies.empty()) {
      cycle.anomaly = Anomaly::g_single;
      cycle.dependencies = with_one(members);
    }
    if (cycle.dependencies.empty()) {
      for (std::size_t i = 0; i < members.size() && i < kSearchesMost && cycle.dependencies.size() != 2; ++i) {
        keep_shorter(cycle.dependencies, search.path(members[i], members[i], DependencyKind::rw, whole));
      }
      const auto against = std::count_if(cycle.dependencies.begin(), cycle.dependencies.end(),
                                         [](const Dependency& edge) { return edge.kind == DependencyKind::rw; });
      cycle.anomaly = against == 1 ? Anomaly::g_single : Anomaly::g2;  // 1: the search above gave up too early.
    }
  }
  return cycles;
}

std::string_view name_of(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::g0:
      return "G0";
    case Anomaly::g1a:
      return "G1a";
    case Anomaly::g1b:
      return "G1b";
    case Anomaly::g1c:
      return "G1c";
    case Anomaly::g_single:
      return "G-single";
    case Anomaly::g2:
      return "G2";
  }
  return "?";
}

std::string_view name_of(DependencyKind kind) {
  switch (kind) {
    case DependencyKind::ww:
      return "ww";
    case DependencyKind::wr:
      return "wr";
    case DependencyKind::rw:
      return "rw";
  }
  return "?";
}

}  // namespace geocommit::verdict
