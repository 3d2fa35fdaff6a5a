// What a daemon elsewhere may send: bounded in number, size and time, and never outside the folder.
#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>
#include <zmq.hpp>

#include "runtime/fetch.h"
#include "runtime/wire/control.pb.h"

namespace geocommit {
namespace {

/// Answers on a control socket whatever a test makes it answer.
class Hostile {
 public:
  using Answer = std::function<void(const wire::ControlRequest&, wire::ControlReply&)>;
  explicit Hostile(Answer answer) : answer_(std::move(answer)), socket_(context_, zmq::socket_type::router) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.bind("tcp://127.0.0.1:*");
    address_ = socket_.get(zmq::sockopt::last_endpoint);
    thread_ = std::thread([this] { serve(); });
    std::string name = "/tmp/geocommit-fetch-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    control_.add(node_, address_);
  }
  ~Hostile() {
    stop_ = true;
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  std::vector<std::string> fetch(const FetchLimits& limits) {
    return fetch_node_files(control_, node_, folder_ / "files", limits);
  }
  [[nodiscard]] std::string found() const {
    std::string out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file()) out += std::filesystem::relative(entry.path(), folder_).string() + " ";
    }
    return out;
  }
  std::atomic<int> asked_{0};

 private:
  void serve() {
    while (!stop_) {
      zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
      if (zmq::poll(&item, 1, std::chrono::milliseconds(20)) <= 0) continue;
      zmq::message_t identity, body;
      (void)socket_.recv(identity);
      (void)socket_.recv(body);
      wire::ControlRequest request;
      if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) continue;
      ++asked_;
      wire::ControlReply reply;
      reply.set_version(request.version());
      reply.set_id(request.id());
      answer_(request, reply);
      if (reply.result_case() == wire::ControlReply::RESULT_NOT_SET) continue;  // says nothing
      const std::string bytes = reply.SerializeAsString();
      (void)socket_.send(identity, zmq::send_flags::sndmore);
      (void)socket_.send(zmq::buffer(bytes), zmq::send_flags::none);
    }
  }

  Answer answer_;
  zmq::context_t context_{1};
  zmq::socket_t socket_;
  std::string address_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
  ControlClient control_;
  NodeId node_{1};
  std::filesystem::path folder_;
};

void list(wire::ControlReply& reply, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    wire::RemoteFile& file = *reply.mutable_files()->add_files();
    file.set_name(name);
    file.set_bytes(1);
  }
}

/// Lists these names, and answers each piece so.
Hostile::Answer with(const std::vector<std::string>& names, const std::function<void(wire::FilePiece&)>& piece) {
  return [names, piece](const wire::ControlRequest& request, wire::ControlReply& reply) {
    if (request.verb() == wire::CONTROL_LIST_FILES) {
      list(reply, names);
    } else if (piece) {
      piece(*reply.mutable_piece());
    }
  };
}

void small(wire::FilePiece& piece) {
  piece.set_data("x");
  piece.set_end(true);
}
void endless(wire::FilePiece& piece) { piece.set_data(std::string(kFilePieceBytes, 'x')); }

}  // namespace

TEST_CASE("what is as it should be is fetched") {
  Hostile node(with({"log-00000001.seg", "archive/log-00000000.seg"}, small));
  CHECK(node.fetch({}).empty());
  CHECK(node.found().find("files/archive/log-00000000.seg ") != std::string::npos);
  CHECK(node.found().find("files/log-00000001.seg ") != std::string::npos);
}

TEST_CASE("names that lead out of the folder are refused") {
  const std::vector<std::string> names{"../out", "/tmp/geocommit-out", "archive/../../out", "archive/", "..", "a/b",
                                       ""};
  Hostile node(with(names, small));
  CHECK(node.fetch({}).size() == names.size());
  CHECK(node.found().empty());
}

TEST_CASE("a file without end is cut off at the bound, over all files") {
  Hostile node(with({"a", "b"}, endless));
  FetchLimits limits;
  limits.bytes_max = 8 * kFilePieceBytes;
  const auto problems = node.fetch(limits);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("is larger than the 8388608 bytes that are taken") != std::string::npos);
  CHECK(node.asked_ == 1 + 9);
  CHECK(node.found().empty());  // half a log is no log
}

TEST_CASE("a file a byte at a time is no file") {
  Hostile node(with({"a"}, [](wire::FilePiece& piece) { piece.set_data("x"); }));
  const auto problems = node.fetch({});
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].find("no piece of a file") != std::string::npos);
  CHECK(node.asked_ == 2);
}

TEST_CASE("files without number are refused, and a list too long to be one is not even read") {
  for (const std::size_t count : {2'001UL, 600'000UL}) {
    Hostile node(with(std::vector<std::string>(count, "log-00000001.seg"), small));
    FetchLimits limits;
    limits.patience = 2s;
    const auto problems = node.fetch(limits);
    REQUIRE(problems.size() == 1);
    CHECK(node.asked_ == 1);
    CHECK(node.found().empty());
  }
}

TEST_CASE("who gives up is heard while the daemon says nothing, and while it says too much") {
  for (const bool silent : {true, false}) {
    const std::function<void(wire::FilePiece&)> pieces = endless;
    Hostile node(with({"a", "b"}, silent ? std::function<void(wire::FilePiece&)>{} : pieces));
    FetchLimits limits;
    limits.patience = 24h;  // nothing else ends it
    std::atomic<int> before{0};
    limits.give_up = [&] { return node.asked_ > 1 && ++before > 2; };
    const auto problems = node.fetch(limits);
    REQUIRE_FALSE(problems.empty());
    CHECK(problems[0].find("given up") != std::string::npos);
    CHECK(node.found().empty());
  }
}

}  // namespace geocommit
