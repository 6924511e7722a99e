#include "policy/keys.hpp"

#include <array>

namespace tilsyn::policy {

std::span<const KeySpec> keys() {
    using enum KeyType;
    static const std::vector<KeySpec> table = [] {
        std::vector<KeySpec> k;
        const auto add = [&k](KeySpec spec) { k.push_back(std::move(spec)); };

        add({.scope = Scope::root,
             .name = "schema",
             .type = integer,
             .required = true,
             .main_file_only = true,
             .min = 1,
             .max = 1,
             .example = "1",
             .help = {"The version of this format.", "Formatets version."}});
        add({.scope = Scope::root,
             .name = "id",
             .type = text,
             .required = true,
             .main_file_only = true,
             .example = "\"starter\"",
             .help = {"A short name of the policy: lower-case letters, digits, “.”, “_” and “-”.",
                      "Et kort navn for politikken: små bogstaver, cifre, “.”, “_” og “-”."}});
        add({.scope = Scope::root,
             .name = "title",
             .type = bilingual,
             .required = true,
             .main_file_only = true,
             .example = "{ da = \"Sikkerhedspolitik\", en = \"Security policy\" }",
             .help = {"What the policy is called.", "Hvad politikken hedder."}});
        add({.scope = Scope::root,
             .name = "company",
             .type = text,
             .required = true,
             .main_file_only = true,
             .example = "\"Eksempel ApS\"",
             .help = {"The company whose policy it is.", "Virksomheden, hvis politik det er."}});
        add({.scope = Scope::root,
             .name = "timezone",
             .type = text,
             .main_file_only = true,
             .default_value = "\"Europe/Copenhagen\"",
             .example = "\"Europe/Copenhagen\"",
             .help = {"IANA name of the time zone that all calendar times are meant in.",
                      "IANA-navnet på den tidszone, som alle kalendertider gælder i."}});
        add({.scope = Scope::root,
             .name = "holidays",
             .type = choice,
             .main_file_only = true,
             .default_value = "\"DK\"",
             .choices = {"DK", "none"},
             .example = "\"DK\"",
             .help = {"Whose public holidays are not working days.",
                      "Hvilket lands helligdage der ikke er arbejdsdage."}});
        add({.scope = Scope::root,
             .name = "extra_holidays",
             .type = dates,
             .main_file_only = true,
             .example = "[2026-12-24]",
             .help = {"Further days on which nobody works.", "Flere dage, hvor ingen er på arbejde."}});
        add({.scope = Scope::root,
             .name = "include",
             .type = patterns,
             .main_file_only = true,
             .example = "[\"sections/*.toml\"]",
             .help = {"Further files of the policy, named from this one's folder; * and ? stand for parts of a name.",
                      "Flere filer i politikken, navngivet fra denne fils mappe; * og ? står for dele af et navn."}});
        add({.scope = Scope::root,
             .name = "role",
             .type = tables,
             .help = {"A role that owns controls: [role.ID].", "En rolle, der ejer kontroller: [role.ID]."},
             .inner = Scope::role});
        add({.scope = Scope::root,
             .name = "section",
             .type = tables,
             .help = {"A section of the published text: [section.ID].",
                      "Et afsnit af den offentliggjorte tekst: [section.ID]."},
             .inner = Scope::section});
        add({.scope = Scope::root,
             .name = "promise",
             .type = tables,
             .help = {"What is said of a promise whose marker stands in the text: [promise.ID].",
                      "Hvad der gælder for et løfte, hvis mærke står i teksten: [promise.ID]."},
             .inner = Scope::promise});
        add({.scope = Scope::root,
             .name = "control",
             .type = tables,
             .help = {"A control that keeps promises: [control.ID].", "En kontrol, der holder løfter: [control.ID]."},
             .inner = Scope::control});
        add({.scope = Scope::root,
             .name = "register",
             .type = registers,
             .help = {"A register of the company's own, or further fields of one: [register.NAME].",
                      "Et af virksomhedens egne registre, eller flere felter i et: [register.NAVN]."}});

        add({.scope = Scope::role,
             .name = "title",
             .type = bilingual,
             .required = true,
             .example = "{ da = \"Ledelse\", en = \"Management\" }",
             .help = {"What the role is called.", "Hvad rollen hedder."}});

        add({.scope = Scope::section,
             .name = "title",
             .type = bilingual,
             .required = true,
             .example = "{ da = \"Sikkerhedskopier\", en = \"Backup\" }",
             .help = {"The section's heading.", "Afsnittets overskrift."}});
        add({.scope = Scope::section,
             .name = "text",
             .type = prose,
             .required = true,
             .example = "{ da = \"Vi tager sikkerhedskopi {B1}.\", en = \"We back up {B1}.\" }",
             .help = {"The published text in both languages, with a marker such as {B1} after each phrase that makes a "
                      "promise and {-} after one that makes none.",
                      "Den offentliggjorte tekst på begge sprog, med et mærke som {B1} efter hver sætningsdel, der "
                      "lover noget, og {-} efter en, der ikke gør."}});

        add({.scope = Scope::promise,
             .name = "strength",
             .type = choice,
             .default_value = "\"absolute\"",
             .choices = {"absolute", "main_rule", "endeavour", "conditional", "advice", "statement"},
             .example = "\"absolute\"",
             .help = {"How strongly it is worded, which decides what a failed check means.",
                      "Hvor stærkt det er formuleret; det afgør, hvad en fejlet kontrol betyder."}});
        add({.scope = Scope::promise,
             .name = "references",
             .type = text_map,
             .example = "{ iso27001 = \"A.8.13\" }",
             .help = {"Where it belongs in standards and law: the standard's name and the place in it.",
                      "Hvor det hører til i standarder og love: standardens navn og stedet i den."}});

        add({.scope = Scope::control,
             .name = "title",
             .type = bilingual,
             .required = true,
             .example = "{ da = \"Der er en frisk sikkerhedskopi\", en = \"There is a fresh backup\" }",
             .help = {"What is so when the control passes, as a short statement.",
                      "Hvad der er tilfældet, når kontrollen består, sagt kort."}});
        add({.scope = Scope::control,
             .name = "why",
             .type = bilingual,
             .example = "{ da = \"...\", en = \"...\" }",
             .help = {"Why one would want it.", "Hvorfor man vil have den."}});
        add({.scope = Scope::control,
             .name = "promises",
             .type = promise_ids,
             .required = true,
             .example = "[\"B1\", \"B2a\"]",
             .help = {"The promises it helps to keep.", "De løfter, den er med til at holde."}});
        add({.scope = Scope::control,
             .name = "subjects",
             .type = subjects,
             .example = "\"data-sets\"",
             .help = {"What it looks at: each row of a register, or those that fit a condition. Left out: the company "
                      "as a whole.",
                      "Hvad den ser på: hver række i et register, eller dem der opfylder en betingelse. Udeladt: "
                      "virksomheden som helhed."},
             .inner = Scope::subjects});
        add({.scope = Scope::control,
             .name = "every",
             .type = cadence,
             .required = true,
             .example = "\"1 day\"",
             .help = {"How often it runs, or when: see Cadence.", "Hvor ofte den kører, eller hvornår: se Cadence."}});
        add({.scope = Scope::control,
             .name = "window",
             .type = duration,
             .default_value = "\"0s\"",
             .min = 0,
             .max = 366.0 * 86400,
             .example = "\"2h\"",
             .help = {"How long after the planned time it may run without being late.",
                      "Hvor længe efter det planlagte tidspunkt den må køre uden at være for sent på den."}});
        add({.scope = Scope::control,
             .name = "grace",
             .type = duration,
             .min = 0,
             .max = 366.0 * 86400,
             .example = "\"12h\"",
             .help = {"How long beyond the window it counts as late; after that the run is missed. Default 1h; 7 days "
                      "where a person is asked.",
                      "Hvor længe ud over vinduet den tæller som forsinket; derefter er kørslen udeblevet. Standard "
                      "1h; 7 dage hvor et menneske spørges."}});
        add({.scope = Scope::control,
             .name = "max_age",
             .type = duration,
             .min = 1,
             .max = 10 * 366.0 * 86400,
             .example = "\"2 days\"",
             .help = {"A pass older than this is stale. Default: until the next run's deadline.",
                      "En bestået kontrol, der er ældre, er forældet. Standard: indtil næste kørsels frist."}});
        add({.scope = Scope::control,
             .name = "timeout",
             .type = duration,
             .min = 1,
             .max = 86400,
             .example = "\"30s\"",
             .help = {"A check that takes longer is cut off. Default: the kind's own.",
                      "En kontrol, der tager længere tid, afbrydes. Standard: kontroltypens egen."}});
        add({.scope = Scope::control,
             .name = "retries",
             .type = integer,
             .default_value = "0",
             .min = 0,
             .max = 10,
             .example = "2",
             .help = {"How many times a check that failed or could not be made is tried again; every attempt is "
                      "logged. Of a "
                      "watched control: how many further looks a change needs; 2 unless set.",
                      "Hvor mange gange en kontrol, der fejlede eller ikke kunne udføres, prøves igen; hvert forsøg "
                      "føres i loggen. "
                      "For en overvåget kontrol: hvor mange eftersyn en ændring kræver; 2, hvis intet er angivet."}});
        add({.scope = Scope::control,
             .name = "retry_after",
             .type = duration,
             .default_value = "\"10s\"",
             .min = 1,
             .max = 86400,
             .example = "\"10s\"",
             .help = {"How long to wait between attempts; 5 s for a watched control unless set.",
                      "Hvor længe der ventes mellem forsøgene; 5 s for en overvåget kontrol, hvis intet er angivet."}});
        add({.scope = Scope::control,
             .name = "owner",
             .type = role_id,
             .required = true,
             .example = "\"it\"",
             .help = {"The role that answers for it.", "Den rolle, der svarer for den."}});
        add({.scope = Scope::control,
             .name = "severity",
             .type = choice,
             .default_value = "\"medium\"",
             .choices = {"low", "medium", "high", "critical"},
             .example = "\"high\"",
             .help = {"How bad it is when it fails.", "Hvor slemt det er, når den fejler."}});
        add({.scope = Scope::control,
             .name = "procedure",
             .type = path,
             .example = "\"procedures/backup.md\"",
             .help = {"How it is done, for those who do it; never published.",
                      "Hvordan det gøres, for dem der gør det; offentliggøres aldrig."}});
        add({.scope = Scope::control,
             .name = "when_empty",
             .type = choice,
             .default_value = "\"unknown\"",
             .choices = {"unknown", "not_applicable"},
             .example = "\"unknown\"",
             .help = {"The verdict while there is no subject at all.",
                      "Resultatet, så længe der slet ikke er noget at se på."}});
        add({.scope = Scope::control,
             .name = "check",
             .type = check,
             .required = true,
             .help = {"How it is found out: [control.ID.check].", "Hvordan det findes ud af: [control.ID.check]."},
             .inner = Scope::check});

        add({.scope = Scope::subjects,
             .name = "register",
             .type = register_name,
             .required = true,
             .example = "\"data-sets\"",
             .help = {"The register whose rows it looks at.", "Det register, hvis rækker den ser på."}});
        add({.scope = Scope::subjects,
             .name = "where",
             .type = filter,
             .example = "{ class = [\"customer\"] }",
             .help = {"Only rows whose field has one of these values; all fields must fit.",
                      "Kun rækker, hvis felt har en af disse værdier; alle felter skal passe."}});

        add({.scope = Scope::check,
             .name = "kind",
             .type = kind_name,
             .required = true,
             .example = "\"query\"",
             .help = {"The kind of check; its own parameters stand beside it.",
                      "Kontroltypen; dens egne parametre står ved siden af."}});
        return k;
    }();
    return table;
}

std::vector<const KeySpec*> keys_of(Scope scope) {
    std::vector<const KeySpec*> out;
    for (const auto& key : keys())
        if (key.scope == scope) out.push_back(&key);
    return out;
}

const KeySpec* find_key(Scope scope, std::string_view name) {
    for (const auto& key : keys())
        if (key.scope == scope && key.name == name) return &key;
    return nullptr;
}

std::string_view to_string(Scope scope) {
    switch (scope) {
        case Scope::root:
            return "";
        case Scope::role:
            return "role";
        case Scope::section:
            return "section";
        case Scope::promise:
            return "promise";
        case Scope::control:
            return "control";
        case Scope::subjects:
            return "subjects";
        case Scope::check:
            return "check";
    }
    return "";
}

}  // namespace tilsyn::policy
