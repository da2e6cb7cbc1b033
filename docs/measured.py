"""Fills the tables of compression.md from a report of `kvcluster eval --json REPORT.json`. Of several reports of a spec, accuracy
is that of the most prompts, and times, errors and second questions are those of the last that has them.

    python3 docs/measured.py REPORT.json ...

A place is `<!-- measured: SPEC; SPEC -->` … `<!-- /measured -->` (`*` ends a prefix), or `<!-- measured second: … -->` for second questions.
"""
import json, pathlib, re, sys

PAGE = pathlib.Path(__file__).parent / "compression.md"
PLACE = re.compile(r"(<!-- measured( second)?: (.*?) -->\n).*?(<!-- /measured -->)", re.S)


def percent(value):
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def overview(spec):
    inside = spec.get("diagnosis") or {}
    times = inside.get("timing") or {}
    prompts = prompt_count(spec)
    return [f"`{spec['kv_spec']}`", number(prompts, 0), number(spec["ratio_at_4096"], 2), number(spec["bytes_per_token_at_4096"], 0),
            percent(spec["mean_accuracy"]), percent(spec["accuracy_kept"]), number(spec["mean_nll"], 4), number(inside.get("kl_divergence"), 4),
            percent(inside.get("attention_error")), number(times.get("encode_microseconds_per_token"), 1),
            number(times.get("attention_microseconds"), 0), number(times.get("attention_time_of_raw"), 2)]


def second(spec):
    asked = spec["second_question"]
    return [f"`{spec['kv_spec']}`", percent(asked["first_accuracy"]), percent(asked["second_accuracy"]), percent(asked["alone_accuracy"]), percent(asked["cached_share"])]


KINDS = {
    False: (["spec", "prompts", "at 4,096", "B/token", "accuracy", "kept", "NLL", "KL", "attention error", "encode us", "attention us", "of raw"], overview),
    True: (["spec", "first question", "second, prefix reused", "second, asked alone", "cached"], second),
}


def fill(page, specs):
    def table(place):
        wanted = [name.strip() for name in place[3].split(";")]
        headings, cells = KINDS[place[2] is not None]
        rows = [spec for name in wanted for spec in specs.values()
                if spec["kv_spec"] == name or (name.endswith("*") and spec["kv_spec"].startswith(name[:-1]))]
        rows = [cells(spec) for spec in rows if place[2] is None or spec.get("second_question")]
        lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows] if rows else []
        return place[1] + "".join("| " + " | ".join(line) + " |\n" for line in lines) + place[4]
    return PLACE.sub(table, page)


def prompt_count(spec):
    return sum(task["row_count"] for task in spec["tasks"])


def merge(old, new):
    if old is None:
        return new
    result = dict(new if prompt_count(new) >= prompt_count(old) else old)
    for part in ("diagnosis", "second_question"):
        result[part] = new.get(part) or old.get(part)
    return result


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    specs = {}
    for path in sys.argv[1:]:
        for spec in json.load(open(path))["specs"]:
            specs[spec["kv_spec"]] = merge(specs.get(spec["kv_spec"]), spec)
    PAGE.write_text(fill(PAGE.read_text(), specs))
