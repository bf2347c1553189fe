"""Reads OpenMetrics text from standard input or a file and says what is wrong with it, by the specification's own
grammar and rules (OpenMetrics 1.0, ABNF and sections on metric types). Independent of what writes it.

usage: check_openmetrics.py [FILE]        status 1 when something is wrong; the number of samples otherwise
       check_openmetrics.py --self-test   whether it finds what is wrong in wrong texts
"""

import math
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|[+-]?(?:inf|infinity)\Z|nan\Z", re.I)
TIMESTAMP = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
DESCRIPTOR = re.compile(rf"# (TYPE|HELP|UNIT) ({NAME}) (.*)\Z", re.S)
SAMPLE = re.compile(rf"({NAME})(\{{.*\}})? ([^ {{}}]+)(?: ([^ ]+))?\Z", re.S)
LABEL = re.compile(rf'({LABEL_NAME})="((?:[^"\\\n]|\\["\\n])*)"')

SUFFIXES = {
    "gauge": {""}, "unknown": {""}, "stateset": {""}, "info": {"_info"},
    "counter": {"_total", "_created"},
    "histogram": {"_bucket", "_count", "_sum", "_created"},
    "gaugehistogram": {"_bucket", "_gcount", "_gsum"},
    "summary": {"", "_count", "_sum", "_created"},
}


class Wrong(Exception):
    pass


def need(truth, message):
    if not truth:
        raise Wrong(message)


def labels_of(text):
    labels = {}
    at = 1
    while text[at] != "}":
        match = LABEL.match(text, at)
        need(match, f"no label at {text[at:at + 40]!r}")
        need(match.group(1) not in labels, f"label {match.group(1)} twice")
        labels[match.group(1)] = match.group(2)
        at = match.end()
        if text[at] == ",":
            at += 1
            need(text[at] != "}", "a comma before }")
        else:
            need(text[at] == "}", f"no comma at {text[at:at + 40]!r}")
    need(at == len(text) - 1, "something behind }")
    return labels


class Family:
    def __init__(self, name):
        self.name = name
        self.described = {}
        self.metrics = {}  # labels without le and quantile -> list of (suffix, labels, value)
        self.last = None

    @property
    def type(self):
        return self.described.get("TYPE", "unknown")

    def describe(self, what, text):
        need(what not in self.described, f"# {what} {self.name} twice")
        need(not self.metrics, f"# {what} {self.name} behind its samples")
        if what == "TYPE":
            need(text in SUFFIXES, f"no type {text!r}")
        if what == "UNIT" and text:
            need(re.fullmatch(r"[a-zA-Z0-9_:]+", text), f"no unit {text!r}")
            need(self.name.endswith("_" + text), f"{self.name} does not end with its unit {text}")
        if what == "HELP":
            need(re.fullmatch(r'(?:[^"\\]|\\["\\n]|")*', text), f"a wrong escape in {text!r}")
        self.described[what] = text

    def take(self, suffix, labels, value):
        outer = {k: v for k, v in labels.items() if not (
            (k == "le" and suffix == "_bucket") or (k == "quantile" and self.type == "summary" and not suffix))}
        key = tuple(sorted(outer.items()))
        need(key == self.last or key not in self.metrics, f"samples of {self.name}{dict(key)} are not together")
        self.last = key
        points = self.metrics.setdefault(key, [])
        need(all((suffix, labels) != (s, l) for s, l, _ in points), f"{self.name}{suffix}{labels} twice")
        points.append((suffix, labels, value))

    def check(self):
        need(self.metrics or self.described, f"{self.name} is empty")
        if self.type in ("info", "stateset"):
            need(not self.described.get("UNIT"), f"{self.type} {self.name} has a unit")
        for key, points in self.metrics.items():
            where = f"{self.name}{dict(key)}"
            if self.type == "counter":
                totals = [v for s, _, v in points if s == "_total"]
                need(len(totals) == 1, f"{where} has no _total")
                need(totals[0] >= 0, f"{where} is {totals[0]}")
            elif self.type == "info":
                need(all(v == 1 for _, _, v in points), f"{where} is not 1")
            elif self.type == "stateset":
                need(all(v in (0, 1) for _, _, v in points), f"{where} is neither 0 nor 1")
            elif self.type == "histogram":
                self.check_histogram(where, points)

    @staticmethod
    def check_histogram(where, points):
        buckets = [(l.get("le"), v) for s, l, v in points if s == "_bucket"]
        need(all(le is not None for le, _ in buckets), f"a bucket of {where} has no le")
        ends = [float(le) for le, _ in buckets]
        values = [v for _, v in buckets]
        need(buckets and buckets[-1][0] == "+Inf", f"the last bucket of {where} is not +Inf")
        need(all(a < b for a, b in zip(ends, ends[1:])), f"thresholds of {where} do not rise")
        need(all(a <= b for a, b in zip(values, values[1:])), f"buckets of {where} are not cumulative")
        need(all(v >= 0 and v == int(v) for v in values), f"a bucket of {where} is no count")
        counts = [v for s, _, v in points if s == "_count"]
        sums = [v for s, _, v in points if s == "_sum"]
        need(len(counts) == len(sums) <= 1, f"{where} has one of _count and _sum without the other")
        if counts:
            need(counts[0] == values[-1], f"_count of {where} is not its +Inf")
            need(sums[0] >= 0 and not math.isnan(sums[0]), f"_sum of {where} is {sums[0]}")


class Text:
    def __init__(self):
        self.families = {}
        self.current = None
        self.samples = 0

    def open(self, name):
        if self.current is None or self.current.name != name:
            need(name not in self.families, f"{name} in two places")
            self.current = self.families[name] = Family(name)
        return self.current

    def family_of(self, name):
        """The described family that the sample belongs to; one of its own for a name without a description."""
        if self.current is not None:
            suffix = name[len(self.current.name):]
            if name.startswith(self.current.name) and suffix in SUFFIXES[self.current.type]:
                return self.current, suffix
        return self.open(name), ""

    def line(self, line):
        if line.startswith("#"):
            match = DESCRIPTOR.match(line)
            need(match, f"no descriptor: {line!r}")
            self.open(match.group(2)).describe(match.group(1), match.group(3))
            return
        match = SAMPLE.match(line)
        need(match, f"no sample: {line!r}")
        name, labels, number, timestamp = match.groups()
        need(NUMBER.match(number), f"no number: {number!r}")
        need(timestamp is None or TIMESTAMP.match(timestamp), f"no timestamp: {timestamp!r}")
        value = float(number)
        family, suffix = self.family_of(name)
        need(suffix in SUFFIXES[family.type], f"{name} is none of a {family.type}")
        if family.type in ("counter", "histogram"):
            need(not math.isnan(value), f"{name} is NaN")
        family.take(suffix, labels_of(labels) if labels else {}, value)
        self.samples += 1


def check(data):
    text = data.decode("utf-8")
    need("\r" not in text, "a carriage return")
    need(text.endswith("\n"), "the last line has no end")
    lines = text[:-1].split("\n")
    need(lines[-1] == "# EOF", "the last line is not # EOF")
    read = Text()
    for number, line in enumerate(lines[:-1], 1):
        try:
            need(line != "", "an empty line")
            need(line != "# EOF", "# EOF before the end")
            read.line(line)
        except Wrong as wrong:
            raise Wrong(f"line {number}: {wrong}") from None
    names = set()
    for family in read.families.values():
        family.check()
        for suffix in SUFFIXES[family.type]:
            need(family.name + suffix not in names, f"{family.name}{suffix} is of two families")
            names.add(family.name + suffix)
    return read.samples


GOOD = """# TYPE a counter
# HELP a Words with a \\\\ and a \\n in them.
a_total{x="1",y="\\"\\\\\\n"} 5
a_total{x="2"} 1e3 1.5
# TYPE b_seconds histogram
# UNIT b_seconds seconds
b_seconds_bucket{le="0.5"} 1
b_seconds_bucket{le="+Inf"} 2
b_seconds_count 2
b_seconds_sum 0.75
# TYPE c info
c_info{v="1"} 1
d -2.5
# EOF
"""
WRONG = [
    ("", "nothing"), ("a 1\n", "no EOF"), ("a 1\n# EOF", "no end of line"), ("a 1\n# EOF\nb 1\n", "after EOF"),
    ("a 1\n\n# EOF\n", "empty line"), ("a  1\n# EOF\n", "two blanks"), ("a one\n# EOF\n", "no number"),
    ("a 0x10\n# EOF\n", "hexadecimal"), ("a 1_000\n# EOF\n", "underscore"), ("2a 1\n# EOF\n", "name"),
    ('a{x="1} 1\n# EOF\n', "label's end"), ('a{x="\\t"} 1\n# EOF\n', "escape"), ('a{x="1",x="2"} 1\n# EOF\n', "label twice"),
    ('a{x="1",} 1\n# EOF\n', "comma"), ('a{x=1} 1\n# EOF\n', "quotes"), ("a 1\na 2\n# EOF\n", "sample twice"),
    ("# TYPE a gauge\n# TYPE a gauge\na 1\n# EOF\n", "type twice"), ("a 1\n# TYPE a gauge\n# EOF\n", "type after samples"),
    ("# TYPE a meter\na 1\n# EOF\n", "type"), ("# TYPE a counter\na 1\n# EOF\n", "counter without _total"),
    ("# TYPE a counter\na_total -1\n# EOF\n", "negative counter"), ("# TYPE a counter\na_total nan\n# EOF\n", "NaN"),
    ("# TYPE a_b gauge\n# UNIT a_b bytes\na_b 1\n# EOF\n", "unit"), ("# TYPE a info\na_info 2\n# EOF\n", "info"),
    ("a 1\nb 1\na{x=\"1\"} 1\n# EOF\n", "family in two places"), ("# comment\na 1\n# EOF\n", "comment"),
    ('# TYPE a histogram\na_bucket{le="1"} 1\n# EOF\n', "no +Inf"),
    ('# TYPE a histogram\na_bucket{le="2"} 1\na_bucket{le="1"} 1\na_bucket{le="+Inf"} 1\n# EOF\n', "order"),
    ('# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\n# EOF\n', "not cumulative"),
    ('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 2\na_sum 1\n# EOF\n', "count"),
    ('# TYPE a histogram\na_bucket{le="+Inf"} 1\na_count 1\n# EOF\n', "no sum"),
    ('# TYPE a histogram\na_bucket{le="+Inf"} 1.5\n# EOF\n', "half a count"),
    ('# TYPE a histogram\na_bucket{x="1",le="1"} 1\na_bucket{x="2",le="+Inf"} 1\na_bucket{x="1",le="+Inf"} 1\n# EOF\n', "mixed"),
    ("# TYPE a counter\n# TYPE a_total gauge\na_total 1\n# EOF\n", "one name of two families"),
]


def self_test():
    need(check(GOOD.encode()) == 8, "not all samples were read")
    for text, why in WRONG:
        try:
            check(text.encode())
        except (Wrong, IndexError):
            continue
        raise Wrong(f"was not found: {why}")
    return len(WRONG) + 1


def main(arguments):
    try:
        if arguments == ["--self-test"]:
            print(self_test(), "texts")
            return 0
        if arguments:
            with open(arguments[0], "rb") as file:
                print(check(file.read()), "samples")
        else:
            print(check(sys.stdin.buffer.read()), "samples")
    except (Wrong, UnicodeDecodeError, IndexError) as wrong:
        print(f"wrong: {wrong}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
