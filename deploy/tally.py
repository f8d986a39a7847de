#!/usr/bin/env python3
"""Add up ctest results: names what was skipped and what failed, ends with one line of counts.

usage: tally.py RESULT...     RESULT is a junit file of ctest, or failed:NAME for a step that
                              failed without one (a build), or passed:NAME
Exit code 1 when anything failed or nothing passed. A junit file that is missing or unreadable
is a failure, and so is a test that ctest could not start: only a test that says itself that it
is skipped (return code 77) counts as skipped.
"""
import sys
import xml.etree.ElementTree as ET


def outcome(case):
    """passed, failed or skipped of one <testcase>."""
    if case.get("status") == "run":
        return "passed"
    reason = case.find("skipped")
    if reason is not None and reason.get("message", "").startswith("SKIP_"):
        return "skipped"
    return "failed"


def read(result):
    """[(outcome, name)] of one argument."""
    word, _, name = result.partition(":")
    if word in ("failed", "passed"):
        return [(word, name)]
    try:
        cases = list(ET.parse(result).getroot().iter("testcase"))
    except (OSError, ET.ParseError) as e:
        return [("failed", f"{result} ({e})")]
    preset = result.split("/")[-2] if "/" in result else result
    return [(outcome(c), f"{c.get('name')} ({preset})") for c in cases]


def main():
    results = [r for arg in sys.argv[1:] for r in read(arg)]
    count = {word: sum(o == word for o, _ in results) for word in ("passed", "failed", "skipped")}
    for word in ("skipped", "failed"):
        for o, name in results:
            if o == word:
                print(f"{word}: {name}")
    line = f"{count['passed']} passed, {count['failed']} failed"
    print(line + (f", {count['skipped']} skipped" if count["skipped"] else ""))
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
