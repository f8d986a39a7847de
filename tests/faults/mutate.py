"""Make the broken writers that the fault harness must catch: mutate.py NAME SOURCE-FOLDER OUT-FOLDER

A mutant is one change, given as text that must be there exactly once; where a second line of
defence forgives one change, it is two. Writes NAME_0.c, NAME_1.c ..., a file each."""
import pathlib
import sys

SINK, GROWN = "coordinator/output/sink.c", "coordinator/output/grown.c"
JOURNAL, RECORD = "coordinator/resume/journal.c", "coordinator/resume/record.c"
SYNC = "if (f->unsynced && !f->stream && fdatasync(f->fd) != 0)"
UNCHECKED = (GROWN, [("return crc == stretch->crc;", "return true;")])

MUTANTS = {
    "data_not_synced": [(GROWN, [(SYNC, "if (false)")])],
    "record_not_synced": [(JOURNAL, [("st == TFM_OK && fdatasync(journal->fd) != 0 ?",
                                      "st != TFM_OK && false ?")])],
    "names_not_synced": [("coordinator/output/place.c", [
        ("fd >= 0 && fsync(fd) != 0 && errno == EIO", "false")])],
    "failed_sync_ignored": [(GROWN, [(SYNC, SYNC.replace(" != 0)", " != 0 && false)"))])],
    "record_not_checked": [(RECORD, [
        ("head == magic && crc == tfm_crc32c(0, copy, CRC_AT) && ", "")])],
    "stretch_not_checked": [UNCHECKED],
    "tail_overwritten": [(SINK, [
        ("(int64_t)t->out.n <= kept->from ? 0 : kept->bytes", "0 * kept->bytes")])],
    # Recovery reads what a record speaks of, and so forgives a record that came too early.
    "record_before_data": [UNCHECKED, (SINK, [
        ("  TFM_TRY(tfm__grown_sync(&sink->part, err));\n", ""),
        ("  tfm__grown_committed(&sink->part);\n",
         "  TFM_TRY(tfm__grown_sync(&sink->part, err));\n  tfm__grown_committed(&sink->part);\n"),
    ])],
    # Records that a resumption left behind are cut off, and of another attempt besides.
    "journal_not_cut": [(JOURNAL, [
        ("if (ftruncate(journal->fd, (off_t)place_of(journal, n)) != 0)", "if (false)"),
        ("if (begins ? r.epoch <= journal->epoch : r.epoch != journal->epoch) {",
         "if (begins && false) {"),
    ])],
}


def main():
    name, source, out = sys.argv[1:]
    for i, (path, changes) in enumerate(MUTANTS[name]):
        text = (pathlib.Path(source) / path).read_text(encoding="utf-8")
        for old, new in changes:
            if text.count(old) != 1:
                sys.exit(f"{name}: {path}: want once, got {text.count(old)} times: {old!r}")
            text = text.replace(old, new)
        (pathlib.Path(out) / f"{name}_{i}.c").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
