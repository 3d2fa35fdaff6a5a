#include "runner/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "config/arguments.h"
#include "config/yaml_values.h"

namespace geocommit {
namespace {

constexpr const char* kAbout =
    "geocommit: real commits over an emulated WAN, measured and compared.\n"
    "What fio is to disks, geocommit is to distributed commit protocols.\n";
constexpr const char* kExamples =
    "Examples:\n"
    "  ./geocommit run quickstart              the protocols side by side over three AWS regions, one table\n"
    "  ./geocommit run quickstart --dry-run    what that would do\n"
    "  ./geocommit list                        what else there is to run\n"
    "  ./geocommit init mine                   an experiment of your own, with every key explained\n"
    "  ./geocommit predict --topology aws-5    what theory says, from every region; nothing is run\n"
    "\n"
    "An experiment is a file, or the name of one in experiments/. Each command has a --help of its own.\n"
    "\n"
    "Exit status: 0 pass, 1 error, 2 violation, 3 unknown verdict, 4 a threshold is not kept, 130 interrupted.\n";
constexpr const char* kPredictExamples =
    "Examples:\n"
    "  ./geocommit predict experiments/quickstart.yaml\n"
    "  ./geocommit predict --topology aws-5                   transfers between 3 replicated accounts, from each "
    "region\n"
    "  ./geocommit predict --topology aws-5 --protocols 2pc --set workload.local=0.5 --set 'durability=fixed(2ms)'\n"
    "\n"
    "Nothing is started. A run prints the same beside what it measured.\n";
constexpr const char* kRunExamples =
    "Examples:\n"
    "  ./geocommit run experiments/quickstart.yaml\n"
    "  ./geocommit run experiments/quickstart.yaml --protocols 2pc,3pc --set duration=30s --seed 7\n"
    "  ./geocommit run experiments/quickstart.yaml --set 'sweep={workload.rate: [50/s, 100/s, 200/s]}'\n"
    "  ./geocommit run experiments/quickstart.yaml --emulation loopback --output /tmp/try\n"
    "  ./geocommit run experiments/quickstart.yaml --set 'thresholds={2pc: {client_p99_ms: \"< 400\"}}' --junit "
    "run.xml\n"
    "\n"
    "Ctrl-C stops the load, keeps what was measured and cleans up; a second Ctrl-C stops at once.\n"
    "docs/results.md describes every file and field of the results folder.\n";

/// Splits "key=value"; an error text if it is not of that form.
std::string check_setting(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return "expected key=value, such as workload.rate=100/s";
  return "";
}

struct Raw {
  std::vector<std::string> settings;
  std::string emulation, protocols, seed, repetitions, backend, duration, exit_after, progress;
};

/// What replaces values of the file.
void add_file_options(CLI::App& app, Raw& raw) {
  app.add_option("--set", raw.settings, "Replace a value of the file: --set workload.rate=100/s (may be repeated)")
      ->check(CLI::Validator(check_setting, "key=value"))
      ->allow_extra_args(false);
  app.add_option("--seed", raw.seed, "As seed: in the file");
  app.add_option("--protocols", raw.protocols, "As protocols: in the file: 2pc,3pc");
}

void add_predict_options(CLI::App& app, RunOptions& run, Raw& raw) {
  auto* file = app.add_option("FILE", run.file, "The experiment: a file, or a name in experiments/");
  app.add_option("--topology", run.topology, "A name in topologies/, or a file; transfers from every region")
      ->excludes(file);
  add_file_options(app, raw);
  app.footer(kPredictExamples);
}

void add_run_options(CLI::App& app, RunOptions& run, Raw& raw) {
  app.add_option("FILE", run.file, "The experiment: a file, or a name in experiments/")->required();
  app.add_flag("--dry-run", run.dry_run, "Print the plan and its predictions; start nothing");
  app.add_option("--output", run.output, "Results folder (default: results/<name>-<time>)");
  add_file_options(app, raw);
  app.add_option("--repetitions", raw.repetitions, "As repetitions: in the file: 3 or more give intervals");
  app.add_flag("--quick", run.quick,
               "A first look: one repetition, of a sweep the ends, 5s where no fault is scheduled");
  app.add_option("--emulation", raw.emulation, "As emulation: in the file: auto, netem, tun, loopback, deployed, sim");
  app.add_flag("--allow-expected", run.allow_expected,
               "Exit 0 when all violations are what the protocol's fault model predicts");
  app.add_flag("--no-twin", run.no_twin, "Do not simulate the same besides, to hold against it");
  app.add_option("--junit", run.junit, "Also write verdicts and thresholds to this file, as JUnit XML");
  app.add_option("--base-port", run.base_port, "With loopback: consecutive ports from here, instead of free ones")
      ->check(CLI::Range(1024, 60000));
  auto* prometheus = app.add_flag("--prometheus", run.prometheus,
                                  "Start a Prometheus that scrapes the run; its data stays in the results folder");
  app.add_option("--prometheus-port", run.prometheus_port, "Where it listens on 127.0.0.1 (default: a free port)")
      ->check(CLI::Range(1024, 65535))
      ->needs(prometheus);
  auto* quiet = app.add_flag("--quiet", run.quiet, "A line per cell, the verdict, and errors");
  app.add_option("--progress", raw.progress, "text, or json: one object a line, for programs, in place of all else")
      ->check(CLI::IsMember({"text", "json"}))
      ->excludes(quiet);
  app.add_flag("--verbose", run.verbose,
               "Also each process with its pid and addresses, and the network settings in force");
  app.footer(kRunExamples);
}

void add_probe_options(CLI::App& app, ProbeOptions& probe, Raw& raw) {
  app.add_option("TOPOLOGY", probe.topology, "A name in topologies/, or a file")->required();
  app.add_option("--emulation,--backend", raw.backend, "auto, netem, tun or loopback")->default_str("auto");
  app.add_option("--duration", raw.duration, "Of the measurement")->default_str("5s");
  app.add_option("--load", probe.load_per_second, "Other packets a second through the router meanwhile");
  app.add_flag("--json", probe.json, "Print JSON");
  app.add_flag("--check", probe.check, "Exit 1 if the error passes its bound");
  app.footer("Examples:\n  ./geocommit probe aws-3\n  ./geocommit probe aws-3 --emulation tun --load 20000 --check\n");
}

void add_replay_options(CLI::App& app, ReplayOptions& replay, Raw& raw) {
  app.add_option("RESULTS", replay.results, "A results folder, of a run or a simulation")->required();
  app.add_option("--port", replay.port, "Where Prometheus listens on 127.0.0.1 (default: a free port)")
      ->check(CLI::Range(1024, 65535));
  app.add_option("--exit-after", raw.exit_after, "End by itself after this time, such as 30s (default: at Ctrl-C)");
  app.footer(
      "Examples:\n  ./geocommit replay results/quickstart-20260101-120000\n"
      "  ./geocommit replay results/quickstart-20260101-120000 --port 9090\n"
      "\nNothing in the folder is changed. docs/prometheus.md says more.\n");
}

/// Commands that other programs carry out: ./geocommit starts them. Here they are for the page that lists all commands.
struct Elsewhere {
  const char *group, *name, *about;
};
constexpr const char *kMeasure = "Measure", *kVirtual = "In virtual time", *kUnderstand = "Understand results",
                     *kFiles = "Files and names", *kHouse = "House";
constexpr std::array kElsewhere{
    Elsewhere{kVirtual, "sim", "Run an experiment in virtual time: the same files and verdict, in seconds"},
    Elsewhere{kVirtual, "fuzz", "Random experiments with random faults, judged; a failure is shrunk"},
    Elsewhere{kVirtual, "explore", "Search every order of events of one transaction for a violation"},
    Elsewhere{kUnderstand, "results", "List past runs: when, what, verdict, size; or remove old ones"},
    Elsewhere{kUnderstand, "report", "Write a run's report.html again, or open it"},
    Elsewhere{kUnderstand, "compare", "Runs or cells side by side: what differs, and is it noise?"},
    Elsewhere{kUnderstand, "trace", "Draw single transactions as space-time diagrams"},
    Elsewhere{kUnderstand, "check", "Judge a results folder again from its durable logs"},
    Elsewhere{kUnderstand, "twin", "Simulate a run again, and hold measured, theory and simulated side by side"},
    Elsewhere{kUnderstand, "export", "Write a run's figures as a table to paste, or its history for other checkers"},
    Elsewhere{kFiles, "list", "List shipped experiments and topologies, and the protocols"},
    Elsewhere{kFiles, "init", "Write an experiment to begin with, every key explained"},
    Elsewhere{kFiles, "schema", "Print the JSON Schema of a kind of file, for editors"},
    Elsewhere{kHouse, "completion", "Print the completion of a shell"},
};

/// "did you mean" for a word that is no command.
std::string unknown_command(const std::string& word, const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return "unknown command \"" + word + "\"" + yaml::did_you_mean_or_list(word, names);
}

/// What the command line says beyond what CLI11 checks; an error text, or empty.
std::string interpret(const Raw& raw, CommandLine& out) {
  for (const std::string& setting : raw.settings) {
    const auto equals = setting.find('=');
    out.run.overrides.push_back({setting.substr(0, equals), setting.substr(equals + 1)});
  }
  out.run.events = raw.progress == "json";
  if (!raw.emulation.empty()) out.run.overrides.push_back({"emulation", raw.emulation});
  if (!raw.seed.empty()) out.run.overrides.push_back({"seed", raw.seed});
  if (!raw.repetitions.empty()) out.run.overrides.push_back({"repetitions", raw.repetitions});
  if (!raw.protocols.empty()) out.run.overrides.push_back({"protocols", "[" + raw.protocols + "]"});
  if (!raw.backend.empty() && raw.backend != "auto") {
    const std::map<std::string, Backend> names{
        {"netem", Backend::netem}, {"tun", Backend::tun}, {"loopback", Backend::loopback}};
    const auto found = names.find(raw.backend);
    if (found == names.end())
      return "--emulation: expected auto | netem | tun | loopback, found \"" + raw.backend + "\"";
    out.probe.backend = found->second;
  }
  if (!raw.duration.empty()) {
    const auto duration = yaml::parse_duration(raw.duration);
    if (!duration || *duration < 100ms || *duration > 1h) {
      return "--duration: expected a duration from 100ms to 1h, such as 5s, found \"" + raw.duration + "\"";
    }
    out.probe.duration = *duration;
  }
  if (!raw.exit_after.empty()) {
    out.replay.exit_after = yaml::parse_duration(raw.exit_after);
    if (!out.replay.exit_after)
      return "--exit-after: expected a duration such as 30s, found \"" + raw.exit_after + "\"";
  }
  return "";
}

}  // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
  CommandLine out;
  Raw raw;
  CLI::App app(kAbout, "./geocommit");
  app.footer(kExamples);
  app.require_subcommand(0, 1);
  bool version = false;
  app.add_flag("--version", version, "Print the version");
  CLI::App* run =
      app.add_subcommand("run", "Run an experiment: build the WAN, load it, check, compare")->group(kMeasure);
  CLI::App* probe = app.add_subcommand("probe", "Bring a WAN up alone and compare its round trips with the topology")
                        ->group(kMeasure);
  CLI::App* topology = app.add_subcommand("topology", "Print the round-trip matrix of a topology")->group(kFiles);
  CLI::App* protocols =
      app.add_subcommand("protocols", "List the protocols: guarantee, fault model, costs")->group(kFiles);
  CLI::App* clean = app.add_subcommand("clean", "Remove what a killed run left behind")->group(kHouse);
  CLI::App* validate =
      app.add_subcommand("validate", "Check an experiment file, and its topology; run nothing")->group(kFiles);
  CLI::App* predict =
      app.add_subcommand("predict", "What theory says of each protocol from each region; run nothing")->group(kMeasure);
  CLI::App* replay = app.add_subcommand("replay", "Show an old run in a fresh Prometheus")->group(kUnderstand);
  CLI::App* version_command = app.add_subcommand("version", "Print the version")->group(kHouse);
  for (const Elsewhere& one : kElsewhere) app.add_subcommand(one.name, one.about)->group(one.group);
  add_run_options(*run, out.run, raw);
  add_probe_options(*probe, out.probe, raw);
  add_replay_options(*replay, out.replay, raw);
  add_predict_options(*predict, out.run, raw);
  topology->add_option("FILE", out.topology, "A name in topologies/, or a file")->required();
  topology->footer("Examples:\n  ./geocommit topology aws-5\n  ./geocommit topology my/wan.yaml\n");
  protocols->add_option("NAME", out.protocol, "Only this one, in full");
  protocols->footer("Examples:\n  ./geocommit protocols\n  ./geocommit protocols 2pc\n");
  clean->footer("Example:\n  ./geocommit clean\n\nRuns that are still going are not touched.\n");
  validate->add_option("FILE", out.run.file, "The experiment: a file, or a name in experiments/")->required();
  validate->footer("Example:\n  ./geocommit validate experiments/quickstart.yaml\n");

  const auto fail = [&](const std::string& why, const std::string& command) {
    return ParsedCommandLine{std::nullopt, refuse_arguments("./geocommit" + command, why)};
  };
  const auto is_command = [&](const char* word) {
    const auto all = app.get_subcommands([](const CLI::App*) { return true; });
    return std::any_of(all.begin(), all.end(), [&](const CLI::App* one) { return one->get_name() == word; });
  };
  if (argc > 1 && argv[1][0] != '-' && !is_command(argv[1])) {
    return fail(unknown_command(argv[1], app), "");
  }
  if (argc == 1) {
    std::fputs(app.help().c_str(), stdout);
    return {std::nullopt, kFailed};
  }
  if (const auto status = parse_arguments(app, argc, argv, setting_keys)) return {std::nullopt, *status};
  if (predict->parsed() && out.run.file.empty() && out.run.topology.empty()) {
    return fail("expected an experiment file, or --topology NAME", " predict");
  }
  const std::map<const CLI::App*, Command> commands{
      {run, Command::run},       {probe, Command::probe},         {topology, Command::topology},
      {clean, Command::clean},   {protocols, Command::protocols}, {validate, Command::validate},
      {replay, Command::replay}, {predict, Command::predict},     {version_command, Command::version}};
  if (version || app.get_subcommands().empty()) {
    out.command = Command::version;
    return {out, 0};
  }
  const CLI::App* used = app.get_subcommands().front();
  const auto command = commands.find(used);
  if (command == commands.end()) return fail("this is for ./geocommit " + used->get_name() + " to start", "");
  out.command = command->second;
  if (const std::string wrong = interpret(raw, out); !wrong.empty()) return fail(wrong, std::string(" ") + argv[1]);
  return {out, 0};
}

}  // namespace geocommit
