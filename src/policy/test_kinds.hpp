// Kinds of check for tests of this slice: one of each type of parameter, nothing behind them.
#pragma once
#include <algorithm>
#include <vector>

#include "policy/kind_spec.hpp"

namespace tilsyn::policy::test {

// "query"-like: SQL without the word "drop".
inline std::vector<ParamFault> no_drop(const ParamValues& values) {
    std::vector<ParamFault> faults;
    const auto& sql = values.get("sql").text;
    const auto at = sql.find("drop");
    if (at == std::string::npos) return faults;
    const auto line = int(std::count(sql.begin(), sql.begin() + std::ptrdiff_t(at), '\n'));
    const auto start = sql.rfind('\n', at);
    faults.push_back({"sql", msg("policy.unknown-key", {{"key", "drop"}}), line,
                      int(start == std::string::npos ? at : at - start - 1) + 1});
    return faults;
}

inline std::vector<const KindSpec*> kinds() {
    static const KindSpec query = [] {
        KindSpec k;
        k.name = "query";
        k.title = {"Rule", "Regel"};
        k.mode = Mode::batch;
        k.params = {{.name = "sql",
                     .type = ParamType::sql,
                     .required = true,
                     .default_value = "",
                     .help = {"The query.", "Forespørgslen."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = "\"SELECT 1\""},
                    {.name = "limit",
                     .type = ParamType::integer,
                     .required = false,
                     .default_value = "100",
                     .help = {"Rows at most.", "Højst så mange rækker."},
                     .choices = {},
                     .min = 1,
                     .max = 1000,
                     .example = "10"}};
        k.validate = no_drop;
        return k;
    }();
    static const KindSpec sign_off = [] {
        KindSpec k;
        k.name = "sign_off";
        k.title = {"Sign-off", "Underskrift"};
        k.mode = Mode::person;
        k.method = Method::examine;
        k.params = {{.name = "steps",
                     .type = ParamType::bilingual_list,
                     .required = true,
                     .default_value = "",
                     .help = {"What to do.", "Hvad der skal gøres."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = "[ { da = \"Se efter\", en = \"Look\" } ]"},
                    {.name = "count",
                     .type = ParamType::bilingual,
                     .required = false,
                     .default_value = "",
                     .help = {"What is counted.", "Hvad der tælles."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = ""},
                    {.name = "evidence",
                     .type = ParamType::choice,
                     .required = false,
                     .default_value = "\"none\"",
                     .help = {"What is attached.", "Hvad der vedlægges."},
                     .choices = {"none", "photo", "file"},
                     .min = {},
                     .max = {},
                     .example = ""},
                    {.name = "second_person",
                     .type = ParamType::boolean,
                     .required = false,
                     .default_value = "false",
                     .help = {"Two sign.", "To skriver under."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = ""}};
        return k;
    }();
    static const KindSpec probe = [] {
        KindSpec k;
        k.name = "probe";
        k.title = {"Probe", "Prøve"};
        k.subject_registers = {"services", "servers"};
        k.default_timeout = std::chrono::seconds(5);
        k.params = {{.name = "url",
                     .type = ParamType::text,
                     .required = true,
                     .default_value = "",
                     .help = {"Where.", "Hvor."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = "\"https://example.com/\""},
                    {.name = "status",
                     .type = ParamType::integer_list,
                     .required = false,
                     .default_value = "[200]",
                     .help = {"Good answers.", "Gode svar."},
                     .choices = {},
                     .min = 100,
                     .max = 599,
                     .example = ""},
                    {.name = "headers",
                     .type = ParamType::map,
                     .required = false,
                     .default_value = "",
                     .help = {"Headers.", "Headere."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = ""},
                    {.name = "words",
                     .type = ParamType::text_list,
                     .required = false,
                     .default_value = "",
                     .help = {"Words.", "Ord."},
                     .choices = {},
                     .min = {},
                     .max = {},
                     .example = ""},
                    {.name = "share",
                     .type = ParamType::real,
                     .required = false,
                     .default_value = "",
                     .help = {"Share.", "Andel."},
                     .choices = {},
                     .min = 0,
                     .max = 1,
                     .example = ""},
                    {.name = "max_wait",
                     .type = ParamType::duration,
                     .required = false,
                     .default_value = "\"2s\"",
                     .help = {"Longest wait.", "Længste ventetid."},
                     .choices = {},
                     .min = 0.1,
                     .max = 60,
                     .example = ""}};
        return k;
    }();
    return {&query, &sign_off, &probe};
}

// A whole policy without a fault.
inline const char* const good_policy = R"(schema = 1
id = "starter"
title = { da = "Sikkerhedspolitik", en = "Security policy" }
company = "Eksempel ApS"
extra_holidays = [2026-12-24]

[role.it]
title = { da = "IT", en = "IT" }

[section.backup]
title = { da = "Sikkerhedskopier", en = "Backup" }
text.da = """
Vi tager sikkerhedskopi af vores data efter en fast plan {B1}. Planen gælder kundernes data {B2a} og vores egne {B2b}.
"""
text.en = """
We back up our data to a fixed plan {B1}. The plan covers customers' data {B2a} and our own {B2b}.
"""

[promise.B1]
references = { iso27001 = "A.8.13" }
[promise.B2a]
strength = "main_rule"
[promise.B2b]

[control.fresh]
title = { da = "Der er en frisk kopi", en = "There is a fresh copy" }
promises = ["B1", "B2a"]
subjects = { register = "data-sets", where = { class = ["customer"] } }
every = "1 day"
window = "2h"
max_age = "2 days"
owner = "it"
severity = "high"
[control.fresh.check]
kind = "query"
sql = """
SELECT id AS subject
FROM data_sets
"""

[control.round]
title = { da = "Runden er gået", en = "The round is made" }
promises = ["B2b"]
every = "1st working day of the month at 09:00"
owner = "it"
check = { kind = "sign_off", steps = [ { da = "Gå", en = "Walk" } ] }
)";

}  // namespace tilsyn::policy::test
