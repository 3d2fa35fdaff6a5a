// `geocommit probe TOPOLOGY`: brings the WAN up alone, measures it, and compares it with what was configured; and
// `geocommit topology FILE`, which prints the matrix.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wan/emulation.h"

namespace geocommit {

struct ProbeOptions {
  std::string topology;               ///< name or path
  std::optional<Backend> backend;     ///< none: auto
  Duration duration = 5s;             ///< of the measurement
  std::uint32_t load_per_second = 0;  ///< other packets a second across the router meanwhile
  bool json = false;
  bool check = false;  ///< exit 1 when the error passes its bound (probe_bounds)
  EmulationOptions emulation;
};

/// One unordered pair of datacenters.
struct ProbePair {
  std::string a;
  std::string b;
  Duration configured{0};  ///< round trip
  Duration p50{0};
  Duration p99{0};
  std::size_t samples = 0;
  std::size_t lost = 0;
};

struct ProbeReport {
  std::string topology;
  std::string backend;
  std::string why;  ///< the choice of `auto`, or "asked for"
  std::vector<ProbePair> pairs;
  Duration bare_p50{0};  ///< over the management network meanwhile: the machine's own part of an error
  Duration bare_p99{0};
  double load_per_second = 0;  ///< that the router delivered besides
  RouterStats stats;
  std::map<std::string, std::string> environment;
};

/// The largest error allowed at p50 and p99: 0.15 and 0.5 ms; p99 2 ms under load where SCHED_FIFO is not in force.
struct ProbeBounds {
  Duration p50;
  Duration p99;
};
[[nodiscard]] ProbeBounds probe_bounds(const ProbeReport& report);
/// Largest measured - configured over the pairs: absolute value at p50, above at p99.
[[nodiscard]] ProbeBounds worst_error(const ProbeReport& report);

/// Moves the calling process into a private namespace (call it before threads exist), one node per datacenter,
/// measures.
[[nodiscard]] Result<ProbeReport> probe(const ProbeOptions& options);
/// As `probe`, in an emulation that is already up: `nodes` are the pairs' ends, by datacenter. For a run's own check.
[[nodiscard]] Result<std::vector<ProbePair>> probe_pairs(Emulation& emulation, const Topology& topology,
                                                         const std::vector<WanNode>& nodes, Duration duration);

[[nodiscard]] std::string print_probe(const ProbeReport& report);
[[nodiscard]] std::string probe_json(const ProbeReport& report);

/// The commands: print to stdout, errors to stderr; give the exit status (0, or 1 for an error or a failed --check).
[[nodiscard]] int run_probe(const ProbeOptions& options);
[[nodiscard]] int run_topology(const std::string& name_or_path);

}  // namespace geocommit
