#include "runtime/log/segment_reader.h"

#include <algorithm>

#include "runtime/log/segmented_log.h"

namespace geocommit {

Error damage_at(const std::string& path, std::size_t offset, const std::string& what) {
  return Error{path + ": offset " + std::to_string(offset) + ": " + what};
}

std::vector<std::uint64_t> segments_among(const std::vector<std::string>& names) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (const std::optional<std::uint64_t> number = segment_number(name)) {
      numbers.push_back(*number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::optional<SyncedPlace>> marked(Storage& storage, const std::string& directory,
                                          const std::vector<std::string>& names) {
  if (!std::binary_search(names.begin(), names.end(), kSyncedMarkName)) {
    return std::optional<SyncedPlace>{};
  }
  const std::string path = directory + "/" + kSyncedMarkName;
  const Result<std::string> bytes = storage.read(path);
  if (!bytes) {
    return bytes.error();
  }
  Result<std::optional<SyncedPlace>> place = decode_mark(bytes.value());
  return place ? place : Result<std::optional<SyncedPlace>>{Error{path + ": " + place.error().message}};
}

Result<void> against_mark(const std::optional<SyncedPlace>& mark, const std::string& directory, const std::string& last,
                          const SegmentEnd& end) {
  if (!mark || end.next_sequence > mark->sequence) {
    return {};
  }
  if (last.empty()) {
    return Error{directory + ": has no segment of the log, but " + std::to_string(mark->sequence) +
                 " records had been durable"};
  }
  return damage_at(last, end.offset,
                   "record " + std::to_string(end.next_sequence) + " had been durable and " +
                       (end.torn ? "is corrupt" : "is missing") + " (all up to record " +
                       std::to_string(mark->sequence) + " were, says the file '" + kSyncedMarkName +
                       "'); refusing to go on without it");
}

Result<LogHistory> read_log_history(const std::string& directory,
                                    const std::function<void(std::uint64_t, DurableRecord)>& visit, Storage& storage) {
  const std::string archive = directory + "/" + std::string{kArchiveName};
  const Result<std::vector<std::string>> current = storage.list(directory);
  const Result<std::vector<std::string>> archived = storage.list(archive);
  if (!current || !archived) {
    return (current ? archived : current).error();
  }
  std::vector<std::string> paths;
  std::uint64_t newest_archived = 0;
  for (const std::uint64_t number : segments_among(archived.value())) {
    newest_archived = number;
    paths.push_back(archive + "/" + segment_name(number));
  }
  for (const std::uint64_t number : segments_among(current.value())) {
    if (number > newest_archived) {
      paths.push_back(directory + "/" + segment_name(number));
    }
  }
  const Result<std::optional<SyncedPlace>> mark = marked(storage, directory, current.value());
  if (!mark) {
    return mark.error();
  }
  LogHistory history;
  SegmentEnd last{kSegmentHeaderBytes, 1, false, 0};
  SegmentReader reader;
  reader.number = 0;
  reader.next_sequence = 1;
  for (const std::string& path : paths) {
    const Result<std::string> bytes = storage.read(path);
    if (!bytes) {
      return bytes.error();
    }
    const Result<SegmentEnd> end =
        reader.read(path, bytes.value(), &path == &paths.back(), [&](std::uint64_t sequence, DurableRecord record) {
          ++history.records;
          visit(sequence, std::move(record));
        });
    if (!end) {
      return end.error();
    }
    last = end.value();
    history.torn_tail = last.torn;
  }
  if (Result<void> whole = against_mark(mark.value(), directory, paths.empty() ? "" : paths.back(), last); !whole) {
    return whole.error();
  }
  history.node = reader.node;
  return history;
}

}  // namespace geocommit
