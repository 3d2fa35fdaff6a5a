// geocommit-client: the load of one origin region. Never a fault's target, so that outcomes survive a coordinator.
#include "client/service.h"
#include "runtime/daemon.h"

namespace {

geocommit::Result<int> serve(geocommit::EventLoop& loop, const geocommit::NodeConfig& config, bool deployed) {
  auto host = geocommit::NodeHost::open(loop, config, {geocommit::Epoch{1}, deployed});
  if (!host) {
    return host.error();
  }
  auto service = geocommit::LoadService::create(**host);
  if (!service) {
    return service.error();
  }
  return (*host)->run(**service);
}

}  // namespace

int main(int argc, char** argv) {
  const geocommit::DaemonProgram program{
      "geocommit-client",
      "Offers the load of one origin region and records what became of each transaction.\n"
      "Started by ./geocommit run, once per origin; begins when told to over control.\n\n"
      "  geocommit-client --config results/demo/nodes/2pc-r1/client@us-east-1/config.json\n\n"
      "Writes to its data directory: outcomes.bin (client/outcomes.h has the bytes) and timeseries.csv.",
      geocommit::NodeKind::client, serve};
  return geocommit::daemon_main(program, argc, argv);
}
