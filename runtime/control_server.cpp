#include "runtime/control_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>
#include <zmq.hpp>

#include "runtime/wire/control_codec.h"
#include "runtime/wire/fault_codec.h"

namespace geocommit {
namespace {

constexpr std::int64_t kRequestBytesMax = 8U << 20U;  // a configuration of 15 regions is some 10 KB
constexpr int kRequestsPerStep = 16;
constexpr std::size_t kFilesMax = 10'000;

}  // namespace

std::vector<ControlClient::RemoteFile> list_node_files(const std::filesystem::path& directory) {
  std::vector<ControlClient::RemoteFile> files;
  for (const char* prefix : {"", "archive/"}) {
    std::error_code problem;
    for (std::filesystem::directory_iterator entry{directory / prefix, problem}, end;
         !problem && entry != end && files.size() < kFilesMax; entry.increment(problem)) {
      std::error_code gone;
      if (entry->is_regular_file(gone) && !entry->is_symlink(gone)) {
        files.push_back({prefix + entry->path().filename().string(), entry->file_size(gone)});
      }
    }
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

Result<std::string> read_node_file(const std::filesystem::path& directory, const std::string& name,
                                   std::uint64_t offset, bool& end) {
  const std::vector<ControlClient::RemoteFile> files = list_node_files(directory);
  if (std::none_of(files.begin(), files.end(), [&name](const auto& file) { return file.name == name; })) {
    return Error{"no such file"};  // also every attempt to leave the directory
  }
  std::ifstream in{directory / name, std::ios::binary};
  in.seekg(static_cast<std::streamoff>(offset));
  std::string bytes(kFilePieceBytes, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (in.bad()) {
    return Error{"cannot be read"};
  }
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  end = bytes.size() < kFilePieceBytes;
  return bytes;
}

class ControlServer::Impl {
 public:
  Impl(zmq::context_t& context, EventLoop& loop, ControlVerbs verbs)
      : loop_(loop), verbs_(std::move(verbs)), router_(context, zmq::socket_type::router) {}
  ~Impl() {
    if (source_ != 0) {
      loop_.remove_source(source_, fd_);
    }
  }

  Result<void> open(const std::string& address) {
    try {
      router_.set(zmq::sockopt::linger, 500);
      router_.set(zmq::sockopt::maxmsgsize, kRequestBytesMax);
      router_.set(zmq::sockopt::router_mandatory, 1);
      router_.set(zmq::sockopt::handshake_ivl, 2'000);
      router_.set(zmq::sockopt::sndhwm, 64);
      router_.set(zmq::sockopt::rcvhwm, 64);
      router_.bind(address);
      fd_ = router_.get(zmq::sockopt::fd);
    } catch (const zmq::error_t& problem) {
      return Error{"cannot listen for control on " + address + ": " + problem.what()};
    }
    source_ = loop_.add_source(fd_, [this] { return serve(); });
    return {};
  }

 private:
  bool serve() {
    try {
      for (int i = 0; i < kRequestsPerStep; ++i) {
        zmq::message_t identity, body, rest;
        if (!router_.recv(identity, zmq::recv_flags::dontwait)) {
          return false;
        }
        int parts = 1;
        for (bool more = identity.more(); more; ++parts) {
          zmq::message_t& next = parts == 1 ? body : rest;
          (void)router_.recv(next, zmq::recv_flags::dontwait);
          more = next.more();
        }
        if (parts == 2) {
          answer(identity, body);
        } else {
          complain("a message of the wrong number of parts");
        }
      }
    } catch (const zmq::error_t& problem) {
      complain(problem.what());
    }
    return true;
  }

  void answer(zmq::message_t& identity, const zmq::message_t& body) {
    wire::ControlRequest request;
    wire::ControlReply reply;
    reply.set_version(kControlVersion);
    std::function<Result<void>()> afterwards;
    if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      complain("not a control request");
      return;
    }
    reply.set_id(request.id());
    if (request.version() != kControlVersion) {
      reply.set_error("this daemon speaks version " + std::to_string(kControlVersion) + " of the control protocol");
    } else {
      perform(request, reply, afterwards);
    }
    zmq::message_t bytes{reply.ByteSizeLong()};
    (void)reply.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    try {
      if (!router_.send(identity, zmq::send_flags::sndmore | zmq::send_flags::dontwait) ||
          !router_.send(bytes, zmq::send_flags::dontwait)) {
        complain("a reply could not be queued");
      }
    } catch (const zmq::error_t&) {
      complain("who asked has gone");  // ROUTER_MANDATORY: EHOSTUNREACH instead of a silent drop
    }
    if (afterwards) {
      (void)afterwards();
    }
  }

  static void set(wire::ControlReply& reply, const Result<void>& result) {
    if (result) {
      reply.mutable_done();
    } else {
      reply.set_error(result.error().message);
    }
  }

  void perform(const wire::ControlRequest& request, wire::ControlReply& reply,
               std::function<Result<void>()>& afterwards) {
    const auto unsupported = [&reply] { reply.set_error("this daemon does not do that now"); };
    switch (request.verb()) {
      case wire::CONTROL_STATUS:
        return verbs_.status ? write_status(verbs_.status(), *reply.mutable_status()) : unsupported();
      case wire::CONTROL_REPORT:
        return verbs_.report ? write_report(verbs_.report(), *reply.mutable_report()) : unsupported();
      case wire::CONTROL_METRICS:
        return verbs_.metrics ? write_report(verbs_.metrics(), *reply.mutable_report()) : unsupported();
      case wire::CONTROL_CONFIGURE:
        return verbs_.configure ? set(reply, verbs_.configure(request.config_json())) : unsupported();
      case wire::CONTROL_START_LOAD:
        return verbs_.start_load ? set(reply, verbs_.start_load()) : unsupported();
      case wire::CONTROL_RELEASE:
      case wire::CONTROL_SHUTDOWN: {
        const auto& verb = request.verb() == wire::CONTROL_RELEASE ? verbs_.release : verbs_.shutdown;
        if (!verb) {
          return unsupported();
        }
        reply.mutable_done();
        afterwards = verb;
        return;
      }
      case wire::CONTROL_ARM_FAULT: {
        if (!verbs_.arm_fault) {
          return unsupported();
        }
        const Result<FaultOrder> order = read_order(request.fault());
        return set(reply, order ? verbs_.arm_fault(order.value()) : Result<void>{order.error()});
      }
      case wire::CONTROL_MOVE_HOME: {
        const wire::HomeOrder& order = request.home();
        return verbs_.move_home
                   ? set(reply, verbs_.move_home({RegionId{order.home()}, RegionId{order.successor()}, order.forced()}))
                   : unsupported();
      }
      case wire::CONTROL_QUIESCE:
        return verbs_.quiesce ? set(reply, verbs_.quiesce()) : unsupported();
      case wire::CONTROL_RENEW:
        return verbs_.renew ? set(reply, verbs_.renew(request.run_id())) : unsupported();
      case wire::CONTROL_END_FAULT:
        return verbs_.end_fault ? set(reply, verbs_.end_fault(request.fault_id())) : unsupported();
      case wire::CONTROL_LIST_FILES:
        return list(reply);
      case wire::CONTROL_READ_FILE:
        return read(request, reply);
      default:  // proto3 enums are open: what is not listed above is not a verb
        reply.set_error("no such verb");
    }
  }

  void list(wire::ControlReply& reply) {
    wire::FileList& files = *reply.mutable_files();
    if (!verbs_.files || verbs_.files().empty()) {
      return;
    }
    for (const ControlClient::RemoteFile& file : list_node_files(verbs_.files())) {
      wire::RemoteFile& added = *files.add_files();
      added.set_name(file.name);
      added.set_bytes(file.bytes);
    }
  }

  void read(const wire::ControlRequest& request, wire::ControlReply& reply) {
    if (!verbs_.files || verbs_.files().empty()) {
      reply.set_error("no such file");
      return;
    }
    bool end = false;
    Result<std::string> bytes = read_node_file(verbs_.files(), request.file(), request.offset(), end);
    if (!bytes) {
      reply.set_error(bytes.error().message);
      return;
    }
    reply.mutable_piece()->set_data(std::move(bytes).value());
    reply.mutable_piece()->set_end(end);
  }

  /// At most one line in ten seconds, however much garbage arrives.
  void complain(std::string_view why) {
    ++complaints_;
    if (loop_.now() >= next_line_) {
      next_line_ = loop_.now() + 10s;
      spdlog::warn("control: {} ({} so far)", why, complaints_);
    }
  }

  EventLoop& loop_;
  ControlVerbs verbs_;
  zmq::socket_t router_;
  int fd_{-1};
  EventLoop::SourceId source_{};
  std::uint64_t complaints_{};
  Instant next_line_{};
};

Result<std::unique_ptr<ControlServer>> ControlServer::open(zmq::context_t& context, EventLoop& loop,
                                                           const std::string& address, ControlVerbs verbs) {
  try {
    auto impl = std::make_unique<Impl>(context, loop, std::move(verbs));
    if (Result<void> opened = impl->open(address); !opened) {
      return opened.error();
    }
    return std::unique_ptr<ControlServer>{new ControlServer(std::move(impl))};
  } catch (const zmq::error_t& problem) {
    return Error{std::string{"cannot make a socket: "} + problem.what()};
  }
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;

}  // namespace geocommit
