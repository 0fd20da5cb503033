"""trace_schema.py FILE [CHECK]: is FILE a trace as viewers want it? Prints what is wrong; status 1 if anything is.

Spans of one thread nest and do not overlap, each thread has one name and each name one thread at a time, every item begins once and
ends once and not before, counters are numbers that are not negative. CHECK, an expression over counts of events by name and
of threads by the word in their names, must be true: "count['load'] == 8 and threads['read'] == 2".
"""
import collections
import json
import sys

wrong = []


def check(is_right, text):
    if not is_right and len(wrong) < 10:
        wrong.append(text)


def check_spans(tid, spans):
    """Longer ones that begin at the same time hold the others. Times have three decimals: compared in nanoseconds."""
    stack = []
    for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        while stack and stack[-1][1] <= start:
            stack.pop()
        check(end >= start, f"thread {tid}: {name} ends before it begins")
        check(not stack or end <= stack[-1][1], f"thread {tid}: {name} at {start} overlaps {stack and stack[-1]}")
        stack.append((start, end, name))


def main(path, expression):
    with open(path, encoding="utf-8") as file:
        trace = json.load(file)
    names, spans, items = {}, collections.defaultdict(list), collections.defaultdict(dict)
    count, threads = collections.Counter(), collections.Counter()
    for event in trace["traceEvents"]:
        kind = event["ph"]
        check(isinstance(event["pid"], int) and isinstance(event["tid"], int), f"no thread: {event}")
        check(event["ts"] >= 0 and event["name"], f"no time or name: {event}")
        count[event["name"] if kind in "XC" else kind] += 1
        start = round(event["ts"] * 1000)
        if kind == "M":
            check(event["tid"] not in names, f"thread {event['tid']} has two names")
            names[event["tid"]] = event["args"]["name"]
        elif kind == "X":
            spans[event["tid"]].append((start, start + round(event["dur"] * 1000), event["name"]))
        elif kind in "be":
            check(kind not in items[event["id"]], f"item {event['id']} has two {kind}")
            items[event["id"]][kind] = start
        elif kind == "C":
            check(all(isinstance(value, int) and value >= 0 for value in event["args"].values()), f"counter: {event}")
        else:
            check(False, f"unknown event: {event}")
    for name in names.values():
        threads[name.split("-")[1] if name.startswith("mr-") else name] += 1
    for tid, its_spans in spans.items():
        check(tid in names, f"thread {tid} has no name")
        check_spans(tid, its_spans)
    times = sorted((names.get(tid), min(its)[0], max(span[1] for span in its)) for tid, its in spans.items())
    for one, other in zip(times, times[1:]):
        check(one[0] != other[0] or one[2] <= other[1], f"two threads of one name at once: {one}, {other}")
    for tid in names:
        check(tid in spans, f"thread {tid}, {names[tid]}, did nothing")
    for number, pair in items.items():
        check(set(pair) == {"b", "e"} and pair["b"] <= pair["e"], f"item {number}: {pair}")
    if expression:
        check(eval(" ".join(expression.split()), {"count": count, "threads": threads, "trace": trace}), f"not so: {expression}: {count} {threads}")


main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
