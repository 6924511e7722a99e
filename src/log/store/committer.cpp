#include "log/store/committer.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "log/store/verify.hpp"

namespace tilsyn::log {
namespace {

constexpr db::Migration schema[] = {
    {"0010-log",
     R"(
CREATE TABLE log_entry(idx {int} PRIMARY KEY, leaf {blob} NOT NULL, body TEXT NOT NULL){strict};
CREATE TABLE log_head(id {int} PRIMARY KEY CHECK(id = 1), size {int} NOT NULL, frontier {blob} NOT NULL){strict};
CREATE TABLE log_control(control TEXT PRIMARY KEY, cseq {int} NOT NULL, last_idx {int} NOT NULL){norowid};
CREATE TABLE log_private(idx {int} NOT NULL, field TEXT NOT NULL, salt {blob} NOT NULL, value TEXT NOT NULL, PRIMARY KEY(idx, field)){norowid};
)",
     // The guards stop honest mistakes. What stops the others is the tree.
     R"(
INSERT INTO log_head(id, size, frontier) VALUES(1, 0, x'');
CREATE TRIGGER log_entry_kept BEFORE DELETE ON log_entry BEGIN SELECT RAISE(ABORT, 'entries of the control log are never deleted'); END;
CREATE TRIGGER log_entry_fixed BEFORE UPDATE ON log_entry BEGIN SELECT RAISE(ABORT, 'entries of the control log are never changed'); END;
)",
     R"(
INSERT INTO log_head(id, size, frontier) VALUES(1, 0, '');
CREATE FUNCTION log_entry_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'entries of the control log are never changed or deleted'; END $$;
CREATE TRIGGER log_entry_fixed BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry EXECUTE FUNCTION log_entry_fixed();
)"},
    {"0011-log-checkpoints", R"(
CREATE TABLE log_checkpoint(size {int} PRIMARY KEY, root {blob} NOT NULL, note TEXT NOT NULL, signed_at {int} NOT NULL){strict};
CREATE TABLE log_cosignature(size {int} NOT NULL, witness TEXT NOT NULL, line TEXT NOT NULL, cosigned_at {int} NOT NULL, PRIMARY KEY(size, witness)){norowid};
CREATE TABLE log_stamp(size {int} NOT NULL, tsa TEXT NOT NULL, token {blob} NOT NULL, stamped_at {int} NOT NULL, PRIMARY KEY(size, tsa)){norowid};
)"},
    {"0012-log-checkpoints-for-good", "ALTER TABLE log_checkpoint ADD COLUMN for_good {int} NOT NULL DEFAULT 1;"},
};

constexpr auto give_up_after = std::chrono::seconds(30);  // a batch is retried this long while the database is away
constexpr auto retry_pause = std::chrono::milliseconds(200);

// After these the whole batch is lost, not only the change that met them.
bool sinks_the_batch(Code code) {
    return code == Code::unavailable || code == Code::io || code == Code::corrupt || code == Code::busy ||
           code == Code::timeout;
}
bool worth_retrying(Code code) {
    return code == Code::unavailable || code == Code::busy;
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

db::Connection& WriteContext::db() {
    if (shared_ && !saved_) {
        saved_ = true;
        saving_ = db_->savepoint();  // what comes now fails too when this did
    }
    return *db_;
}

struct Committer::Impl {
    struct Waiting {
        Change change;
        Done done;
    };

    Options options;
    const Clock* clock = nullptr;

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Waiting> queue;  // guarded by mutex
    bool stopping = false;      // guarded by mutex
    Head head;                  // guarded by mutex

    std::unique_ptr<db::Connection> connection;  // the committer thread's alone
    std::thread thread;

    struct Sequence {  // of a control: the number and the index of its newest entry
        std::int64_t cseq = -1;
        std::int64_t last = -1;
    };
    using Sequences = std::map<std::string, Sequence, std::less<>>;
    // As of `head`: read again when it is not what the database holds (somebody else has moved it, or the answer to our
    // own COMMIT was lost). The committer thread's alone.
    Sequences known;

    // What a batch wrote, to recognise it after a connection was lost during COMMIT.
    struct Fingerprint {
        std::int64_t index = -1;
        Hash leaf{};
    };

    void run() {
        for (;;) {
            std::vector<Waiting> batch;
            {
                std::unique_lock lock(mutex);
                wake.wait(lock, [&] { return stopping || !queue.empty(); });
                if (queue.empty()) return;
                const auto count = std::min(queue.size(), options.batch_limit);
                for (std::size_t i = 0; i < count; ++i) {
                    batch.push_back(std::move(queue.front()));
                    queue.pop_front();
                }
            }
            auto results = commit(batch);
            for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(std::move(results[i]));
        }
    }

    std::vector<Result<void>> commit(const std::vector<Waiting>& batch) {
        const Deadline deadline = Deadline::in(give_up_after);
        Fingerprint previous;
        for (;;) {
            std::vector<Result<void>> results(batch.size());
            Fingerprint written;
            const auto attempt = [&]() -> Result<void> {
                if (connection == nullptr || !connection->healthy()) {
                    connection.reset();
                    TRY(connection, db::open(options.location, db::Access::read_write));
                }
                // The answer to the last COMMIT was lost: did it happen? Entries carry a nonce, so a leaf is a
                // fingerprint.
                if (previous.index >= 0) {
                    TRY(const auto row, connection->one("SELECT leaf FROM log_entry WHERE idx = ?", {previous.index}));
                    if (row && std::ranges::equal(row->blob(0), previous.leaf)) return {};
                }
                return transact(batch, results, written);
            };
            auto done = attempt();
            if (done) return results;
            if (connection) connection->rollback();
            if (written.index >= 0) previous = written;
            if (!worth_retrying(done.error().code) || deadline.passed() || stop_now()) {
                for (auto& result : results) result = std::unexpected(done.error());
                return results;
            }
            std::unique_lock lock(mutex);
            wake.wait_for(lock, retry_pause, [&] { return stopping; });
        }
    }

    bool stop_now() {
        std::scoped_lock lock(mutex);
        return stopping;
    }

    Result<void> transact(const std::vector<Waiting>& batch, std::vector<Result<void>>& results, Fingerprint& written) {
        TRY_VOID(connection->begin());
        const bool postgres = connection->engine() == db::Engine::postgres;
        TRY(const auto row, connection->one(postgres ? "SELECT size, frontier FROM log_head WHERE id = 1 FOR UPDATE"
                                                     : "SELECT size, frontier FROM log_head WHERE id = 1"));
        if (!row) return fail(Code::corrupt, "log.no-head");
        TRY(auto frontier, Frontier::from_bytes(row->integer(0), row->blob(1)));
        if (const auto ours = newest(); frontier.size() != ours.size || frontier.root() != ours.root) known.clear();

        WriteContext context;
        context.db_ = connection.get();
        context.now_ = clock->now();
        context.next_index_ = frontier.size();
        context.shared_ = batch.size() > 1;  // else the transaction is the savepoint
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto mark = context.entries_.size();
            context.saved_ = false;
            results[i] = run_change(batch[i].change, context);
            TRY_VOID(context.saving_);
            if (results[i]) {
                if (context.saved_) TRY_VOID(connection->release());
                continue;
            }
            if (sinks_the_batch(results[i].error().code)) return results[i];
            context.entries_.resize(mark, Entry(""));
            if (!context.shared_) {
                connection->rollback();
                return {};
            }
            if (context.saved_) TRY_VOID(connection->rollback_to_savepoint());
        }
        TRY(auto sequences, append_entries(context, frontier, written));
        TRY_VOID(connection->commit());
        for (auto& [control, sequence] : sequences) known.insert_or_assign(control, sequence);
        const std::scoped_lock lock(mutex);
        head = {frontier.size(), frontier.root()};
        return {};
    }

    Head newest() {
        const std::scoped_lock lock(mutex);
        return head;
    }

    static Result<void> run_change(const Change& change, WriteContext& context) {
        try {
            return change(context);
        } catch (const std::exception& e) {  // a bug in one change must not take the others with it
            return fail(Code::internal, "log.change-threw").detail(e.what());
        }
    }

    // What the sequences of the controls concerned have become.
    Result<Sequences> append_entries(const WriteContext& context, Frontier& frontier, Fingerprint& written) {
        Sequences sequences;
        if (context.entries_.empty()) return sequences;
        for (const auto& entry : context.entries_)
            if (!entry.control().empty()) sequences.try_emplace(entry.control());
        for (auto& [control, sequence] : sequences) {
            if (const auto found = known.find(control); found != known.end()) {
                sequence = found->second;
                continue;
            }
            TRY(const auto row, connection->one("SELECT cseq, last_idx FROM log_control WHERE control = ?", {control}));
            if (row) sequence = {row->integer(0), row->integer(1)};
        }
        const std::int64_t old_size = frontier.size();
        std::vector<std::vector<db::Value>> rows, private_rows;
        rows.reserve(context.entries_.size());
        for (const auto& entry : context.entries_) {
            const std::int64_t index = frontier.size();
            std::int64_t cseq = 0, prev = -1;
            if (!entry.control().empty()) {
                auto& sequence = sequences.find(entry.control())->second;
                cseq = ++sequence.cseq;
                prev = std::exchange(sequence.last, index);
            }
            auto body = entry.bytes(context.now_, cseq, prev);
            if (body.size() > 65'535) return fail(Code::too_large, "log.entry-too-large", {{"kind", entry.kind()}});
            const auto leaf = leaf_hash(body);
            if (index == old_size) written = {index, leaf};
            frontier.append(leaf);
            rows.push_back({index, db::Blob(leaf.begin(), leaf.end()), std::move(body)});
            for (const auto& field : entry.private_fields())
                private_rows.push_back(
                    {index, field.field, db::Blob(field.salt.begin(), field.salt.end()), field.value});
        }
        std::vector<std::vector<db::Value>> control_rows;
        control_rows.reserve(sequences.size());
        for (const auto& [control, sequence] : sequences)
            control_rows.push_back({control, sequence.cseq, sequence.last});
        const std::vector<std::vector<db::Value>> head_row{{frontier.size(), frontier.to_bytes(), old_size}};
        const db::Connection::Batch batches[] = {
            {"INSERT INTO log_entry(idx, leaf, body) VALUES(?, ?, ?)", rows},
            {"INSERT INTO log_private(idx, field, salt, value) VALUES(?, ?, ?, ?)", private_rows},
            {"INSERT INTO log_control(control, cseq, last_idx) VALUES(?, ?, ?) "
             "ON CONFLICT(control) DO UPDATE SET cseq = excluded.cseq, last_idx = excluded.last_idx",
             control_rows},
            // The fence: whoever moved the head since we read it has written other entries at our indexes.
            {"UPDATE log_head SET size = ?, frontier = ? WHERE id = 1 AND size = ?", head_row},
        };
        TRY(const auto moved, connection->execute_all(batches));
        if (moved != 1) return fail(Code::busy, "log.head-moved");
        return sequences;
    }
};

Committer::Committer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Committer>> Committer::start(Options options, const Clock& clock) {
    auto impl = std::make_unique<Impl>();
    impl->options = std::move(options);
    impl->clock = &clock;
    TRY(impl->connection, db::open(impl->options.location, db::Access::read_write));
    {
        TRY(auto transaction, db::Transaction::begin_read(*impl->connection));
        TRY(const auto verified, verify_tail(*impl->connection));
        impl->head = {verified.size, verified.root};
    }
    auto* running = impl.get();
    impl->thread = std::thread([running] { running->run(); });
    return std::unique_ptr<Committer>(new Committer(std::move(impl)));
}

Committer::~Committer() {
    {
        std::scoped_lock lock(impl_->mutex);
        impl_->stopping = true;
    }
    impl_->wake.notify_all();
    impl_->thread.join();
}

void Committer::submit(Change change, Done done) {
    {
        std::scoped_lock lock(impl_->mutex);
        if (!impl_->stopping && impl_->queue.size() < impl_->options.queue_limit) {
            impl_->queue.push_back({std::move(change), std::move(done)});
            done = nullptr;
        }
    }
    if (done) return done(fail(Code::busy, "log.queue-full"));
    impl_->wake.notify_one();
}

Result<void> Committer::write(Change change) {
    std::promise<Result<void>> answer;
    auto result = answer.get_future();
    submit(std::move(change), [&answer](Result<void> done) { answer.set_value(std::move(done)); });
    return result.get();  // the committer answers every change, at the latest when it gives up on the database
}

Head Committer::head() const {
    return impl_->newest();
}

}  // namespace tilsyn::log
