#include "runtime/log/segmented_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "runtime/log/frame.h"
#include "runtime/log/segment_reader.h"
#include "runtime/wire/record_codec.h"

namespace geocommit {
namespace {

constexpr std::string_view kTemporary = ".tmp";

/// Moves the segments before `first_needed`; the new names are durable before the old ones are gone.
Result<void> archive_segments(const SegmentedLog::Options& options, std::uint64_t first_needed) {
  Storage& storage = *options.storage;
  const std::string archive = options.directory + "/" + std::string{kArchiveName};
  const Result<std::vector<std::string>> names = storage.list(options.directory);
  if (!names) {
    return names.error();
  }
  bool moved = false;
  for (const std::uint64_t number : segments_among(names.value())) {
    if (number < first_needed) {
      const std::string name = segment_name(number);
      if (Result<void> done = storage.rename(options.directory + "/" + name, archive + "/" + name); !done) {
        return done;
      }
      moved = true;
    }
  }
  if (!moved || !options.syncs) {
    return {};
  }
  Result<void> done = storage.sync_directory(archive);
  return done ? storage.sync_directory(options.directory) : done;
}

}  // namespace

Result<SegmentedLog::Opened> SegmentedLog::open(const Options& options) {
  Opened opened;
  opened.log = std::unique_ptr<SegmentedLog>{new SegmentedLog(options)};
  if (Result<void> done = opened.log->recover(opened.state, opened.tail_cut); !done) {
    return done.error();
  }
  return opened;
}

/// The record that the checkpoint covers, 0 without one. Removes what a crash left half made.
Result<std::uint64_t> SegmentedLog::load_checkpoint(const std::vector<std::string>& names, DurableState& state) {
  std::uint64_t through = 0;
  for (const std::string& name : names) {
    if (name.ends_with(kTemporary)) {
      if (Result<void> removed = options_.storage->remove(path(name)); !removed) {
        return removed.error();
      }
    }
    if (name == kCheckpointName) {
      const Result<std::string> bytes = options_.storage->read(path(name));
      if (!bytes) {
        return bytes.error();
      }
      const Result<CheckpointFile> file = decode_checkpoint_file(bytes.value());
      if (!file) {
        return Error{path(name) + ": " + file.error().message};
      }
      Result<Checkpoint> checkpoint = decode_checkpoint(file.value().payload);
      if (!checkpoint || file.value().node != options_.node) {
        return Error{path(name) + ": " + (checkpoint ? "is of another node" : checkpoint.error().message)};
      }
      state.checkpoint = std::move(checkpoint).value();
      through = file.value().through;
    }
  }
  return through;
}

Result<void> SegmentedLog::recover(DurableState& state, bool& tail_cut) {
  Storage& storage = *options_.storage;
  const std::string archive = path(std::string{kArchiveName});
  if (Result<void> made = storage.make_directory(archive); !made) {
    return made;
  }
  const Result<std::vector<std::string>> names = storage.list(options_.directory);
  const Result<std::vector<std::string>> archived_names = storage.list(archive);
  if (!names || !archived_names) {
    return (names ? archived_names : names).error();
  }
  Result<std::uint64_t> covered = load_checkpoint(names.value(), state);
  if (!covered) {
    return covered.error();
  }
  const std::uint64_t through = covered.value();
  const std::vector<std::uint64_t> archived = segments_among(archived_names.value());
  std::vector<std::uint64_t> numbers = segments_among(names.value());
  // A crash while a segment was moved may leave it under both names.
  std::erase_if(numbers, [&archived](std::uint64_t n) { return !archived.empty() && n <= archived.back(); });
  if (numbers.empty() && (state.checkpoint || !archived.empty())) {
    return Error{options_.directory + ": the newest segment of the log is missing"};
  }
  SegmentReader reader;
  reader.node = options_.node;
  if (!archived.empty()) {
    reader.number = archived.back();
  }
  const Result<std::optional<SyncedPlace>> mark = marked(storage, options_.directory, names.value());
  if (!mark) {
    return mark.error();
  }
  std::uint64_t first_needed = 0;
  SegmentEnd end{kSegmentHeaderBytes, 1, false, 0};
  std::string newest;  // segment's contents
  for (const std::uint64_t number : numbers) {
    const std::string name = path(segment_name(number));
    Result<std::string> bytes = storage.read(name);
    if (!bytes) {
      return bytes.error();
    }
    Result<SegmentEnd> read =
        reader.read(name, bytes.value(), number == numbers.back(), [&](std::uint64_t sequence, DurableRecord record) {
          if (sequence > through) {
            state.records.push_back(std::move(record));
          }
        });
    if (!read) {
      return read.error();
    }
    const std::uint64_t first = decode_header(bytes.value()).value().first_sequence;
    if (number == numbers.front() && first > through + 1) {
      return Error{name + ": begins with record " + std::to_string(first) + ", but the checkpoint ends with record " +
                   std::to_string(through) + ": part of the log is missing"};
    }
    end = read.value();
    first_needed = end.next_sequence <= through + 1 && number != numbers.back() ? number + 1 : first_needed;
    newest = std::move(bytes).value();
  }
  const std::string last = numbers.empty() ? "" : path(segment_name(numbers.back()));
  if (Result<void> whole = against_mark(mark.value(), options_.directory, last, end); !whole) {
    return whole;
  }
  if (!numbers.empty()) {
    if (end.next_sequence <= through) {
      return Error{last + ": ends before record " + std::to_string(through) +
                   ", which the checkpoint covers: part of the log is missing"};
    }
    segment_ = numbers.back();
    if (Result<void> settled = settle_tail(newest, end.offset, mark.value()); !settled) {
      return settled;
    }
    tail_cut = end.torn;
  }
  written_ = durable_ = end.next_sequence - 1;
  // A crash came between a checkpoint and its archiving, or an empty segment was left behind by a restart.
  if (Result<void> moved = archive_segments(options_, first_needed); !moved) {
    return moved;
  }
  return start_segment(0);
}

/// The newest segment ends at `end` from here on: a torn tail is cut off, and what was written without a completed sync
/// becomes durable, as it is about to be acted on. It was read from the page cache, which after a failed sync holds
/// what the disk does not, marked clean: only writing it again makes the sync bring it there (Rebello et al., ATC 2020,
/// section 3).
Result<void> SegmentedLog::settle_tail(const std::string& bytes, std::size_t end,
                                       const std::optional<SyncedPlace>& mark) {
  Result<std::unique_ptr<StorageFile>> last = options_.storage->open(path(segment_name(segment_)));
  if (!last) {
    return last.error();
  }
  Result<void> done = last.value()->truncate(end);
  if (!done || !options_.syncs) {
    return done;
  }
  const std::size_t synced = mark && mark->segment == segment_ ? std::min<std::size_t>(mark->offset, end) : 0;
  done = last.value()->write_at(synced, std::string_view{bytes}.substr(synced, end - synced));
  return done ? last.value()->sync() : done;
}

template <class T>
Result<T> SegmentedLog::remember(Result<T> done) {
  if (!done && !failed_) {
    failed_ = done.error();
  }
  return done;
}

Result<void> SegmentedLog::start_segment(std::size_t bytes_min) {
  Storage& storage = *options_.storage;
  const std::uint64_t number = segment_ + 1;
  const std::string name = path(segment_name(number));
  const std::string temporary = name + std::string{kTemporary};
  const std::size_t bytes = std::max(options_.segment_bytes, kSegmentHeaderBytes + bytes_min);
  Result<std::unique_ptr<StorageFile>> file = storage.create(temporary, bytes);
  if (!file) {
    return file.error();
  }
  Result<void> done = file.value()->write_at(0, encode_header({options_.node, number, written_ + 1}));
  if (done && options_.syncs) {
    done = file.value()->sync();
  }
  if (done) {
    done = storage.rename(temporary, name);  // so a segment is never seen with half a header
  }
  if (done && options_.syncs) {
    done = storage.sync_directory(options_.directory);  // else the whole segment may vanish (pitfall 23)
  }
  if (!done) {
    return done;
  }
  file_ = std::move(file).value();
  segment_ = number;
  size_ = bytes;
  offset_ = kSegmentHeaderBytes;
  mark_synced();
  return {};
}

Result<void> SegmentedLog::write(std::string frames, bool force) {
  return failed_ ? Result<void>{*failed_} : remember(write_frames(std::move(frames), force));
}

Result<void> SegmentedLog::write_frames(std::string frames, bool force) {
  while (!frames.empty()) {
    const std::size_t room = size_ - offset_;
    std::size_t fit = 0;
    std::uint64_t count = 0;
    while (fit < frames.size()) {
      const std::size_t next = frame_bytes(std::string_view{frames}.substr(fit));
      if (fit + next > room) {
        break;
      }
      fit += next;
      ++count;
    }
    if (fit == 0) {
      if (Result<std::uint64_t> rotated = rotate(); !rotated) {
        return rotated.error();
      }
      const std::size_t first = frame_bytes(frames);
      if (size_ - offset_ < first) {  // larger than a usual segment: one of its own
        if (Result<void> started = start_segment(first); !started) {
          return started;
        }
      }
      continue;
    }
    std::string rest = frames.substr(fit);
    frames.resize(fit);
    finish_frames(frames, durable_);
    if (Result<void> written = file_->write_at(offset_, frames); !written) {
      return written;
    }
    offset_ += fit;
    written_ += count;
    if (!options_.syncs) {
      durable_ = written_;  // as durable as it gets: a death of the process does not undo it
      mark_synced();
    }
    frames = std::move(rest);
  }
  return force ? sync() : Result<void>{};
}

Result<void> SegmentedLog::sync() {
  if (!options_.syncs || durable_ == written_) {
    return {};
  }
  if (Result<void> synced = file_->sync(); !synced) {
    return synced;
  }
  durable_ = written_;
  mark_synced();
  return {};
}

/// Only where durable_ == written_: the place is that of the next frame.
void SegmentedLog::mark_synced() {
  if (options_.mark != nullptr) {
    options_.mark->set({segment_, offset_, written_});
  }
}

Result<std::uint64_t> SegmentedLog::rotate() {
  if (failed_) {
    return *failed_;
  }
  Result<void> done = sync();
  done = remember(done ? start_segment(0) : done);
  return done ? Result<std::uint64_t>{segment_} : Result<std::uint64_t>{done.error()};
}

Result<void> SegmentedLog::close() {
  if (failed_) {
    return *failed_;
  }
  Result<void> done = sync();
  if (done) {
    done = file_->truncate(offset_);
  }
  if (done && options_.syncs) {
    done = file_->sync();
  }
  return remember(done);
}

Result<void> store_checkpoint(const SegmentedLog::Options& options, std::uint64_t through, std::uint64_t first_needed,
                              const Checkpoint& checkpoint) {
  Storage& storage = *options.storage;
  const std::string name = options.directory + "/" + std::string{kCheckpointName};
  const std::string temporary = name + std::string{kTemporary};
  const Result<std::string> payload = encode_checkpoint(checkpoint);
  if (!payload) {
    return Error{name + ": " + payload.error().message};
  }
  Result<std::unique_ptr<StorageFile>> file = storage.create(temporary, 0);
  if (!file) {
    return file.error();
  }
  const std::string bytes = encode_checkpoint_file(options.node, through, payload.value());
  Result<void> done = file.value()->write_at(0, bytes);
  if (done && options.syncs) {
    done = file.value()->sync();
  }
  if (done) {
    done = storage.rename(temporary, name);
  }
  if (done && options.syncs) {
    done = storage.sync_directory(options.directory);
  }
  if (!done) {
    return done;
  }
  return archive_segments(options, first_needed);
}

}  // namespace geocommit
