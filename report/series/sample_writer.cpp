#include "report/series/sample_writer.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace geocommit {
namespace {

std::string inside(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += (out.empty() ? "" : ",") + name + "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"') out += '\\';
      out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    out += '"';
  }
  return out;
}

std::string bound_text(std::size_t bucket) {
  const auto& bounds = prometheus_bounds();
  return bucket < bounds.size() ? number_text(to_seconds(bounds[bucket])) : "+Inf";
}

}  // namespace

std::string number_text(double value) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.12g", value);
  return buffer.data();
}

std::string braces(const Labels& labels) { return labels.empty() ? "" : "{" + inside(labels) + "}"; }

Result<SampleWriter> SampleWriter::open(const std::filesystem::path& file) {
  SampleWriter out;
  out.name_ = file.string();
  out.file_.reset(std::fopen(file.c_str(), "we"));
  if (!out.file_) return Error{"cannot write " + out.name_ + ": " + std::strerror(errno)};
  return out;
}

void SampleWriter::at(std::int64_t unix_ms) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%lld.%03lld", static_cast<long long>(unix_ms / 1000),
                static_cast<long long>(unix_ms % 1000));
  time_ = buffer.data();
}

void SampleWriter::line(const std::string& name, const std::string& labels, const std::string& value) {
  std::fprintf(file_.get(), "%s{%s} %s %s\n", name.c_str(), labels.c_str(), value.c_str(), time_.c_str());
  ++samples_;
}

void SampleWriter::sample(const std::string& name, const Labels& labels, double value) {
  line(name, inside(labels), number_text(value));
}

void SampleWriter::histogram(const std::string& name, const Labels& labels, const std::vector<std::uint64_t>& buckets,
                             std::size_t first, std::size_t last, double sum_s) {
  const std::string base = inside(labels) + (labels.empty() ? "" : ",");
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    count += buckets[i];
    const bool infinite = i + 1 == buckets.size();
    if (i + 1 >= first && (i <= last || infinite)) {
      line(name + "_bucket", base + "le=\"" + bound_text(i) + "\"", std::to_string(count));
    }
  }
  line(name + "_count", inside(labels), std::to_string(count));
  line(name + "_sum", inside(labels), number_text(sum_s));
}

Result<void> SampleWriter::close() {
  std::fputs("# EOF\n", file_.get());
  const bool bad = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || bad) return Error{"cannot write " + name_ + ": " + std::strerror(errno)};
  return {};
}

}  // namespace geocommit
