// The daily letter to those who keep the log's checkpoints: a witness for everybody who cannot run one.
#pragma once
#include <string>
#include <vector>

#include "app/app.hpp"
#include "base/i18n.hpp"

namespace tilsyn::app {

struct CheckpointLetter {
    std::string subject, body;  // plain text; the checkpoint stands in it as log/armor.hpp writes it
};
// Of the newest checkpoint, the newest witnessed one if there is any. Code::not_found: nothing is signed yet.
Result<CheckpointLetter> checkpoint_letter(App& app, db::Connection& reader, Lang lang);

struct CheckpointReader {
    std::string id, name, email;
    Lang lang = Lang::da;
};
// The active rows of the register checkpoint_readers.
Result<std::vector<CheckpointReader>> checkpoint_readers(App& app);

}  // namespace tilsyn::app
