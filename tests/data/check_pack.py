#!/usr/bin/python3
"""check_pack.py PACK: a second opinion on the machine-readable files of an evidence pack. Each is held to its schema (those in
the pack, and for OSCAL tests/data/oscal.schema.json), and what refers to something refers to something that is there."""
import json
import pathlib
import sys
import zipfile

import jsonschema

pack = zipfile.ZipFile(sys.argv[1])
names = set(pack.namelist())
faults, checked = [], 0


def read(name):
    return pack.read(name).decode()


def validator(schema, part):
    picked = {"$ref": "#/$defs/" + part, "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator.check_schema(picked)
    return jsonschema.Draft202012Validator(picked)


def hold(check, value, where):
    global checked
    checked += 1
    for error in check.iter_errors(value):
        faults.append(f"{where}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")


ours = json.loads(read("schema/evidence-pack.schema.json"))
entries = json.loads(read("schema/log-entry.schema.json"))
entry_checks = {}
hold(validator(ours, "pack"), json.loads(read("pack.json")), "pack.json")
for name in sorted(names):
    if not name.endswith(".jsonl"):
        continue
    part = "register" if name.startswith("registers/") else "disclosed" if name == "data/disclosed.jsonl" else "row"
    check = validator(ours, part)
    for number, line in enumerate(read(name).splitlines(), 1):
        row = json.loads(line)
        hold(check, row, f"{name}:{number}")
        if part != "row":
            continue
        kind = row["k"]
        if kind not in entry_checks:
            entry_checks[kind] = validator(entries, kind)
        entry = {"v": 1, "n": "AAAAAAAAAAAAAAAAAAAAAA==", **row}
        del entry["entry"]
        hold(entry_checks[kind], entry, f"{name}:{number}, as an entry")

oscal = json.loads(pathlib.Path(__file__).with_name("oscal.schema.json").read_text())
catalog, results = json.loads(read("oscal/catalog.json")), json.loads(read("oscal/assessment-results.json"))
hold(validator(oscal, "catalog"), catalog, "oscal/catalog.json")
hold(validator(oscal, "results"), results, "oscal/assessment-results.json")

controls, parts = [], []
for group in catalog["catalog"].get("groups", []):
    for control in group.get("controls", []):
        controls.append(control["id"])
        parts += [part["id"] for part in control.get("parts", [])]
results = results["assessment-results"]
resources = {"#" + resource["uuid"] for resource in results["back-matter"]["resources"]}
links = [link["href"] for resource in results["back-matter"]["resources"] for link in resource["rlinks"]]
if results["import-ap"]["href"] not in resources:
    faults.append("import-ap leads nowhere")
for found in controls, parts:
    if len(found) != len(set(found)):
        faults.append("an identifier stands twice in the catalog")
observed = 0
for result in results["results"]:
    observations = {observation["uuid"] for observation in result.get("observations", [])}
    observed += len(observations)
    for observation in result.get("observations", []):
        links += [evidence["href"] for evidence in observation["relevant-evidence"]]
    for finding in result.get("findings", []):
        if finding["target"]["target-id"] not in parts:
            faults.append(f"no objective {finding['target']['target-id']} in the catalog")
        for related in finding["related-observations"]:
            if related["observation-uuid"] not in observations:
                faults.append("a finding rests on no observation")
    for selection in result["reviewed-controls"]["control-selections"]:
        for control in selection.get("include-controls", []):
            if control["control-id"] not in controls:
                faults.append(f"no control {control['control-id']} in the catalog")
faults += [f"{link} is not in the pack" for link in links if link not in names]
print("\n".join(faults[:20]) if faults else f"good: {len(controls)} promises, {observed} observations")
sys.exit(1 if faults or checked < 3 else 0)
