// wan-probe TOPOLOGY [--backend B] [--load N] [--duration S] [--no-fifo] [--spin US] [--no-calibrate] [--json]
// [--check]: `geocommit probe` without the rest of geocommit, for work on the emulation itself.
#include <CLI/CLI.hpp>

#include "wan/probe.h"

int main(int argc, char** argv) {
  using namespace geocommit;
  CLI::App app{"Measures the emulated WAN alone"};
  ProbeOptions options;
  std::string backend = "auto";
  double seconds = 5;
  int spin_us = 0;
  bool no_fifo = false;
  bool no_calibrate = false;
  app.add_option("topology", options.topology)->required();
  app.add_option("--backend", backend)->check(CLI::IsMember({"auto", "tun", "netem"}));
  app.add_option("--load", options.load_per_second);
  app.add_option("--duration", seconds);
  app.add_option("--spin", spin_us);
  app.add_flag("--no-fifo", no_fifo);
  app.add_flag("--no-calibrate", no_calibrate);
  app.add_flag("--json", options.json);
  app.add_flag("--check", options.check);
  CLI11_PARSE(app, argc, argv);
  if (backend != "auto") options.backend = backend == "tun" ? Backend::tun : Backend::netem;
  options.duration = from_ms(seconds * 1000);
  options.emulation.spin = std::chrono::microseconds(spin_us);
  options.emulation.allow_sched_fifo = !no_fifo;
  options.emulation.calibrate = !no_calibrate;
  return run_probe(options);
}
