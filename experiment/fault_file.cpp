#include "experiment/fault_file.h"

#include <algorithm>
#include <array>

namespace geocommit {
namespace {

using yaml::MapReader;
using yaml::Node;

constexpr std::size_t kEntriesMax = 1000;
constexpr Duration kLongest = std::chrono::hours(24);
constexpr Duration kShortest = 10ms;

constexpr std::array kForms{std::pair{"partition", FaultForm::partition}, std::pair{"cut", FaultForm::cut},
                            std::pair{"drop", FaultForm::drop},           std::pair{"link", FaultForm::link},
                            std::pair{"crash", FaultForm::crash},         std::pair{"pause", FaultForm::pause},
                            std::pair{"disk", FaultForm::disk},           std::pair{"clock", FaultForm::clock},
                            std::pair{"transfer", FaultForm::transfer},   std::pair{"failover", FaultForm::failover},
                            std::pair{"random", FaultForm::random}};

constexpr const char* kNodeHint = "a node such as coordinator@us-east-1 or agent@us-east-1";

/// A scalar that names a region or a node; whether there is one is for resolve_faults.
yaml::Reader<std::string> place_name(const std::string& what) {
  return [what](const Node& node) -> Result<std::string> {
    if (node.is_scalar() && !node.text().empty() && node.text().size() <= 128) return node.text();
    return node.error("expected " + what + ", found " + node.describe());
  };
}

/// One name or a list of names.
yaml::Reader<std::vector<std::string>> names() {
  return [](const Node& node) -> Result<std::vector<std::string>> {
    const auto one = place_name("a region or a node, or a list of them");
    if (node.is_list()) return yaml::list_of<std::string>(one, 1, 4096)(node);
    auto name = one(node);
    if (!name) return name.error();
    return std::vector<std::string>{*name};
  };
}

yaml::Reader<Duration> length_reader() {
  return [](const Node& node) -> Result<Duration> {
    if (node.is_scalar() && node.text() == "forever") return kForever;
    const auto value = node.is_scalar() ? yaml::parse_duration(node.text()) : std::nullopt;
    if (value && *value >= kShortest && *value <= kLongest) return *value;
    return node.error("expected how long it lasts, from 10ms to 24h, such as 5s, or forever; found " + node.describe());
  };
}

yaml::Reader<std::uint32_t> occurrence_reader() {
  return [](const Node& node) -> Result<std::uint32_t> {
    if (node.is_scalar() && node.text() == "every") return 0U;
    const auto value = node.is_scalar() && !node.quoted() ? yaml::parse_integer(node.text()) : std::nullopt;
    if (value && *value >= 1 && *value <= 1'000'000) return static_cast<std::uint32_t>(*value);
    return node.error("expected which one, from 1, or every; found " + node.describe());
  };
}

/// "1h", "+1h" or "-1h", not zero.
yaml::Reader<Duration> step_reader() {
  return [](const Node& node) -> Result<Duration> {
    std::string text = node.text();
    const bool back = !text.empty() && text.front() == '-';
    if (back || (!text.empty() && text.front() == '+')) text.erase(0, 1);
    const auto value = node.is_scalar() ? yaml::parse_duration(text) : std::nullopt;
    if (value && *value > Duration{0} && *value <= 24h * 365) return back ? -*value : *value;
    return node.error("expected by how much the wall clock jumps, such as 1h or -1h; found " + node.describe());
  };
}

/// "+100ms": what is added to the link's own delay.
yaml::Reader<Duration> added_delay() {
  return [](const Node& node) -> Result<Duration> {
    const std::string& text = node.text();
    const bool plus = node.is_scalar() && !text.empty() && text.front() == '+';
    const auto value = plus ? yaml::parse_duration(text.substr(1)) : std::nullopt;
    if (value && *value <= Duration{1h}) return *value;
    const bool bare = node.is_scalar() && yaml::parse_duration(text).has_value();
    return node.error("expected what is added to the link's delay, such as +100ms; found " + node.describe() +
                      (bare ? ", write +" + text : ""));
  };
}

yaml::Reader<std::uint32_t> class_list() {
  return [](const Node& node) -> Result<std::uint32_t> {
    auto bits = yaml::list_of<std::uint32_t>(yaml::one_of<std::uint32_t>(message_classes()), 1, 16)(node);
    if (!bits) return bits.error();
    std::uint32_t out = 0;
    for (const std::uint32_t bit : *bits) out |= bit;
    return out;
  };
}

/// A map under the key of the form; what finish() says goes to the entry's reader.
template <class Read>
void sub_map(MapReader& entry, const Node& node, const std::string& example, Read read) {
  if (!node.is_map()) {
    entry.add(node.error("expected a map such as " + example + ", found " + node.describe()));
    return;
  }
  MapReader map(node);
  read(map);
  if (auto done = map.finish(); !done) entry.add(done.error());
}

void read_ends(MapReader& map, FaultEntry& out) {
  out.groups.resize(2);
  map.required("from", out.groups[0], names());
  map.required("to", out.groups[1], names());
}

void read_link(MapReader& entry, const Node& node, FaultEntry& out) {
  sub_map(entry, node, "{between: [us-east-1, eu-west-1], delay: +100ms}", [&](MapReader& map) {
    if (node.find("between")) {
      std::vector<std::string> pair;
      map.required("between", pair, yaml::list_of<std::string>(place_name("a region or a node"), 2, 2));
      if (pair.size() == 2) out.groups = {{pair[0]}, {pair[1]}};
      out.both_ways = true;
      if (node.find("from") || node.find("to")) {
        map.add(node.key_error("between", "expected either between (both ways) or from and to (one way)"));
        (void)map.take("from");
        (void)map.take("to");
      }
    } else {
      read_ends(map, out);
    }
    Duration jitter{};
    std::uint64_t rate = 0;
    bool any = map.optional("delay", out.extra, added_delay());
    if (map.optional("jitter", jitter, yaml::duration(Duration{0}, 1h))) out.jitter = jitter;
    any = map.optional("loss", out.probability, yaml::fraction()) || any;
    if (map.optional("rate", rate, yaml::bit_rate())) out.rate = rate;
    if (map.clean() && !any && !out.jitter && !out.rate) {
      map.add(node.error("expected at least one of delay, jitter, loss and rate: this fault changes nothing"));
    }
    if (map.clean() && out.probability >= 1.0 && node.find("loss")) {
      map.add(node.find("loss")->error("expected a loss below 100%; a link on which nothing arrives is a cut"));
    }
  });
}

void read_disk(MapReader& entry, const Node& node, FaultEntry& out) {
  sub_map(entry, node, "{node: agent@us-east-1, stall: true}", [&](MapReader& map) {
    map.required("node", out.victim, place_name(kNodeHint));
    bool stall = false;
    map.optional("stall", stall, yaml::boolean());
    const bool fails = map.optional("fail", out.kind,
                                    yaml::one_of<FaultKind>({{"sync", FaultKind::disk_fail_sync},  //
                                                             {"full", FaultKind::disk_full}}));
    if (map.clean() && stall == fails) {
      map.add(node.error("expected either stall: true, fail: sync or fail: full"));
    }
    if (stall) out.kind = FaultKind::disk_stall;
  });
}

/// `crash: true` and `pause: true` with a protocol point: its own node.
void read_victim(MapReader& entry, const Node& node, FaultEntry& out) {
  if (node.is_scalar() && !node.quoted() && node.text() == "true" && !out.on.empty()) {
    out.victim = out.node;
    return;
  }
  auto name = place_name(std::string(kNodeHint) + (out.on.empty() ? "" : ", or true for the node of the point"))(node);
  if (!name) {
    entry.add(name.error());
  } else if (*name == "true") {
    entry.add(node.error("expected " + std::string(kNodeHint) + "; true needs a protocol point (on: votes-collected)"));
  } else {
    out.victim = *name;
  }
}

void read_random(MapReader& entry, const Node& node, FaultEntry& out) {
  using Form = std::pair<std::string, FaultForm>;
  const std::vector<Form> drawn{{"partition", FaultForm::partition},
                                {"cut", FaultForm::cut},
                                {"crash", FaultForm::crash},
                                {"pause", FaultForm::pause},
                                {"disk", FaultForm::disk}};
  auto list = yaml::list_of<FaultForm>(yaml::one_of<FaultForm>(drawn), 1, 16)(node);
  if (list) {
    out.draw = *list;
  } else {
    entry.add(list.error());
  }
  std::int64_t seed = 0;
  if (entry.optional("seed", seed, yaml::integer(0, INT64_MAX))) out.seed = static_cast<std::uint64_t>(seed);
}

void read_what(MapReader& entry, const Node& node, FaultEntry& out) {
  switch (out.form) {
    case FaultForm::partition: {
      const auto groups = yaml::list_of<std::vector<std::string>>(names(), 2, 64)(node);
      if (groups) {
        out.groups = *groups;
      } else {
        entry.add(groups.error());
      }
      out.both_ways = true;
      return;
    }
    case FaultForm::cut:
      return sub_map(entry, node, "{from: us-east-1, to: eu-west-1}", [&](MapReader& map) { read_ends(map, out); });
    case FaultForm::drop:
      return sub_map(entry, node, "{from: us-east-1, to: eu-west-1, kinds: [decision]}", [&](MapReader& map) {
        read_ends(map, out);
        map.optional("kinds", out.classes, class_list());
        map.optional("probability", out.probability, yaml::fraction());
        if (map.clean() && out.probability <= 0) {
          map.add(node.find("probability")->error("expected above 0: this fault drops nothing"));
        }
      });
    case FaultForm::link:
      return read_link(entry, node, out);
    case FaultForm::crash: {
      read_victim(entry, node, out);
      bool lose = false;
      entry.optional("lose_unsynced", lose, yaml::boolean());
      out.tail = lose ? Tail::lost : Tail::kept;
      return;
    }
    case FaultForm::pause:
      return read_victim(entry, node, out);
    case FaultForm::disk:
      return read_disk(entry, node, out);
    case FaultForm::clock:
      return sub_map(entry, node, "{node: agent@us-east-1, step: 1h}", [&](MapReader& map) {
        map.required("node", out.victim, place_name(kNodeHint));
        map.required("step", out.extra, step_reader());
      });
    case FaultForm::transfer:
    case FaultForm::failover:
      return sub_map(entry, node, "{home: us-east-1, to: eu-west-1}", [&](MapReader& map) {
        map.required("home", out.victim, place_name("a region"));
        map.required("to", out.successor, place_name("a region"));
      });
    case FaultForm::random:
      return read_random(entry, node, out);
  }
}

void read_point(MapReader& map, const Node& item, FaultEntry& out) {
  map.optional("on", out.on, yaml::string(64));
  const bool node = map.optional("node", out.node, place_name(kNodeHint));
  const bool which = map.optional("occurrence", out.occurrence, occurrence_reader());
  if (out.on.empty()) {
    if (node) map.add(item.key_error("node", "expected only with on: the node whose protocol point it is"));
    if (which) map.add(item.key_error("occurrence", "expected only with on: votes-collected or another point"));
  } else if (!node && !item.find("node")) {
    map.add(item.key_error("on", "expected also node: coordinator@us-east-1, whose protocol point it is"));
  }
}

void read_when(MapReader& map, const Node& item, FaultEntry& out) {
  Duration every{}, until{};
  const bool at = map.optional("at", out.at, yaml::duration(Duration{0}, kLongest));
  if (map.optional("every", every, yaml::duration(kShortest, kLongest))) out.every = every;
  if (map.optional("until", until, yaml::duration(kShortest, kLongest))) out.until = until;
  // A stepped clock stays stepped, unless it is told otherwise: nothing has to heal. An order has no length at all.
  const bool order = out.form == FaultForm::transfer || out.form == FaultForm::failover;
  out.length = out.form == FaultForm::clock ? kForever : Duration{0};
  const bool length = !order && map.optional("for", out.length, length_reader());
  if (order && item.find("for")) {
    (void)map.take("for");
    map.add(item.key_error("for", "expected not here: mastership stays where it was moved to"));
  }
  if (!length && !order && out.form != FaultForm::clock && !item.find("for")) {
    map.add(item.error("expected also for: 5s, how long it lasts, or for: forever"));
  }
  if (!at && !item.find("at") && !item.find("every") && out.on.empty()) {
    map.add(item.error("expected when it begins: at: 5s after the start of the load, or on: a protocol point"));
  }
  if (out.every && !out.on.empty()) {
    map.add(item.key_error("every", "expected only without on; on: has occurrence: every"));
  }
  if (out.every && out.length >= *out.every && map.clean()) {
    map.add(item.key_error("every", "expected to be longer than for: one has to end before the next begins"));
  }
  if (out.until && !out.every) map.add(item.key_error("until", "expected only with every"));
  if (out.every && !at) out.at = *out.every;
  if (out.every && out.until && *out.until <= out.at && map.clean()) {
    map.add(
        item.key_error("until", "expected later than the first time (at, or else every): this fault never happens"));
  }
  if (out.form == FaultForm::random && !out.every && !item.find("every")) {
    map.add(item.key_error("random", "expected also every: 20s, how often one is drawn"));
  }
}

Result<FaultEntry> read_entry(const Node& item) {
  FaultEntry out(item);
  if (!item.is_map()) {
    return item.error("expected a map such as {at: 5s, for: 10s, crash: coordinator@us-east-1}, found " +
                      item.describe());
  }
  MapReader map(item);
  std::vector<std::string> found;
  std::string all;
  for (const auto& [name, form] : kForms) {
    all += (all.empty() ? "" : ", ") + std::string(name);
    if (!item.find(name)) continue;
    found.emplace_back(name);
    out.form = form;
  }
  if (found.size() != 1) {
    for (const std::string& name : found) (void)map.take(name);
    // A slip in the word is the likelier mistake, and the better message.
    for (const auto& [key, value] : item.entries()) {
      std::vector<std::string> forms;
      for (const auto& [name, form] : kForms) forms.emplace_back(name);
      if (const auto guess = yaml::closest(key, forms); found.empty() && !guess.empty()) {
        return item.key_error(key, "unknown key, did you mean \"" + guess + "\"?");
      }
    }
    return item.error("expected exactly one of " + all + ", found " + (found.empty() ? "none" : "several"));
  }
  read_point(map, item, out);
  read_when(map, item, out);
  const auto what = map.take(found.front());
  read_what(map, *what, out);
  if (out.form == FaultForm::random && !out.on.empty()) {
    map.add(item.key_error("on", "expected only with a fault that is given; a random one is on a schedule"));
  }
  if (auto done = map.finish(); !done) return done.error();
  return out;
}

}  // namespace

std::string_view name_of(FaultForm form) {
  for (const auto& [name, value] : kForms) {
    if (value == form) return name;
  }
  return "?";
}

Result<std::vector<FaultEntry>> read_faults(const yaml::Node& list) {
  if (list.is_null()) return std::vector<FaultEntry>{};
  if (!list.is_list()) {
    return list.error("expected a list of faults such as [{at: 5s, for: 10s, crash: coordinator@us-east-1}], found " +
                      list.describe());
  }
  return yaml::list_of<FaultEntry>(read_entry, 0, kEntriesMax)(list);
}

}  // namespace geocommit
