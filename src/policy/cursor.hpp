// Reads the values of one table, by the declared keys, and puts every fault it meets into one list: what was found,
// what was expected, the nearest right name. A reader never stops; a value that is wrong reads as absent.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/i18n.hpp"
#include "policy/cadence.hpp"
#include "policy/keys.hpp"
#include "policy/toml_document.hpp"

namespace tilsyn::policy {

class Faults {
  public:
    explicit Faults(std::vector<Error>& into) : into_(&into) {}
    void add(Position where, Message message, std::optional<Message> hint = std::nullopt);
    void add(Error error) { into_->push_back(std::move(error)); }
    // The hint is the nearest of `names`, or, when none is near and they are few, all of them.
    void unknown_name(Position where, Message message, std::string_view typed, std::span<const std::string> names);
    // The same for a name that another file may declare: while some file could not be read, only a name that is nearly
    // right is worth a word.
    void unknown_reference(Position where, Message message, std::string_view typed, std::span<const std::string> names);
    void set_incomplete() { incomplete_ = true; }
    bool incomplete() const { return incomplete_; }
    std::size_t count() const { return into_->size(); }

  private:
    std::vector<Error>* into_;
    bool incomplete_ = false;
};

// Values of any table: the declared keys and the parameters of check kinds are read by the same functions. `key` is the
// dotted name used in messages ("control.backup.window").
class ValueReader {
  public:
    ValueReader(const TomlDocument& document, Faults& faults) : document_(&document), faults_(&faults) {}

    std::optional<std::string> text(const TomlNode& node, std::string_view key) const;
    std::optional<std::string> choice(const TomlNode& node, std::string_view key,
                                      std::span<const std::string> choices) const;
    std::optional<std::int64_t> integer(const TomlNode& node, std::string_view key, std::optional<double> min,
                                        std::optional<double> max) const;
    std::optional<double> real(const TomlNode& node, std::string_view key, std::optional<double> min,
                               std::optional<double> max) const;
    std::optional<bool> boolean(const TomlNode& node, std::string_view key) const;
    std::optional<Duration> duration(const TomlNode& node, std::string_view key, std::optional<double> min,
                                     std::optional<double> max) const;
    std::optional<Cadence> cadence(const TomlNode& node, std::string_view key) const;
    std::optional<Text> bilingual(const TomlNode& node, std::string_view key) const;
    std::optional<std::vector<Text>> bilingual_list(const TomlNode& node, std::string_view key) const;
    std::optional<std::vector<std::string>> texts(const TomlNode& node, std::string_view key) const;
    std::optional<std::vector<std::int64_t>> integers(const TomlNode& node, std::string_view key,
                                                      std::optional<double> min, std::optional<double> max) const;
    std::optional<std::vector<Date>> dates(const TomlNode& node, std::string_view key) const;
    std::optional<std::map<std::string, std::string>> text_map(const TomlNode& node, std::string_view key) const;

    Position at(const TomlNode& node) const { return document_->position(node.begin); }
    Position at(const TomlEntry& entry) const { return document_->position(entry.key_begin); }
    const TomlDocument& document() const { return *document_; }
    Faults& faults() const { return *faults_; }
    void wrong_type(const TomlNode& node, std::string_view key, std::string_view message_key) const;

  private:
    bool in_range(const TomlNode& node, std::string_view key, double value, std::optional<double> min,
                  std::optional<double> max) const;

    const TomlDocument* document_;
    Faults* faults_;
};

// One table by its declared keys.
class Cursor {
  public:
    // `where` is where faults about the table as a whole are put: its key. `name` is its dotted name, "" for the file.
    Cursor(const TomlDocument& document, const TomlNode& table, Scope scope, std::string name, Position where,
           Faults& faults)
        : reader_(document, faults), table_(&table), scope_(scope), name_(std::move(name)), where_(std::move(where)) {}

    void refuse_unknown_keys(bool main_file = true) const;

    // Each looks its key up in the table of keys: type, limits, default and whether it is required stand there.
    std::string text(std::string_view key) const;
    std::optional<std::int64_t> integer(std::string_view key) const;
    std::optional<Duration> duration(std::string_view key) const;
    std::optional<Cadence> cadence(std::string_view key) const;
    Text bilingual(std::string_view key) const;
    std::vector<std::string> texts(std::string_view key) const;
    std::vector<Date> dates(std::string_view key) const;
    std::map<std::string, std::string> text_map(std::string_view key) const;
    // The node of a key; reports a required one that is missing.
    const TomlNode* node(std::string_view key) const;

    const ValueReader& read() const { return reader_; }
    Faults& faults() const { return reader_.faults(); }
    const Position& where() const { return where_; }
    Position at(std::string_view key) const;  // of the value; of the table when the key is absent
    std::string path(std::string_view key) const;
    const TomlNode& table() const { return *table_; }
    const std::string& name() const { return name_; }

  private:
    bool misspelt(std::string_view key) const;

    ValueReader reader_;
    const TomlNode* table_;
    Scope scope_;
    std::string name_;
    Position where_;
};

}  // namespace tilsyn::policy
