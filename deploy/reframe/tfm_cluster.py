"""ReFrame checks of tfm-cluster: scaling, links between ranks, products of a layer (README.md says how to run them).

The patterns below are held against what the program really prints by the test docs.reframe.
"""
import os
import re

import reframe as rfm
import reframe.utility.sanity as sn

CHECK_PASSED = r"^# check: max\|delta score\| = \S+, \d+ rows differ, \d+ rows in \d+ runs, sha256 [0-9a-f]+: PASSED$"
SCALE_ROW = (r"^(?P<ranks>\d+),(?P<stages>\d+),(?P<replicas>\d+),\d+,[\d.]+,(?P<sd>[\d.]+),(?P<rows_per_s>[\d.]+),"
             r"(?P<tokens_per_s>\d+),(?P<speedup>[\d.]+),(?P<efficiency>[\d.]+),(?P<parallel_efficiency>[\d.]+),")
COMM_ROW = r"^(?P<link>\w+),(?P<pair>\d+-\d+),(?P<bytes>\d+),(?P<latency>[\d.]+),(?P<waiting>[\d.]+),(?P<mb_per_s>[\d.]+)$"
LINEAR_ROW = (r"^(?P<layer>\"[^\"]*\"|\w+),(?P<dtype>\w+),\d+,\d+,(?P<rows>\d+),[\d.]+,(?P<gflops>[\d.]+),[\d.]+,"
              r"(?P<share_of_peak>[\d.]+)$")


class TfmCheck(rfm.RunOnlyRegressionTest):
    """What all have in common. Options are set with -S NAME=VALUE, for all checks at once."""
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = "tfm-cluster"
    model = variable(str, value="")        # a checkpoint's folder; "": the embedded one
    extra = variable(str, value="")        # more options of the verb

    def rows(self, pattern):
        """Matches of a pattern in what was printed."""
        with open(os.path.join(self.stagedir, str(self.stdout)), encoding="utf-8") as printed:
            return [m for m in map(re.compile(pattern).match, printed.read().split("\n")) if m]

    def options(self, *words):
        named = ["-m", self.model] if self.model else []
        return [*words, *named, *self.extra.split(), "-o", "csv"]


@rfm.simple_test
class TfmScale(TfmCheck):
    """Strong and weak scaling in one allocation: rate and efficiency of each layout, and the same bits in all."""
    mode = parameter(["strong", "weak"])
    num_tasks = 3
    limit = variable(int, value=0)         # rows of a run; 0: what takes two seconds
    tags = {"scaling"}

    @run_before("run")
    def set_options(self):
        limit = ["--limit", str(self.limit)] if self.limit else []
        self.executable_opts = self.options("scale", "--mode", self.mode, *limit)

    @sanity_function
    def same_bits(self):
        return sn.assert_found(CHECK_PASSED, self.stdout)

    @run_before("performance")
    def set_figures(self):
        for m in self.rows(SCALE_ROW):
            name = f"{m['stages']}x{m['replicas']}"
            self.figure(f"{name}_rate", float(m["rows_per_s"]), "rows/s")
            self.figure(f"{name}_efficiency", float(m["efficiency"]), "1")

    def figure(self, name, value, unit):
        self.perf_variables[name] = sn.make_performance_function(sn.defer(value), unit)


@rfm.simple_test
class TfmComm(TfmCheck):
    """Latency of the smallest frames and bandwidth of the largest, between rank 0 and the first worker."""
    num_tasks = 2
    executable_opts = ["bench", "comm", "-o", "csv"]
    tags = {"network"}

    @sanity_function
    def all_sizes(self):
        return sn.assert_eq(sn.len(sn.defer(self.rows(COMM_ROW))), 11)

    @performance_function("us")
    def latency(self):
        return float(self.rows(COMM_ROW)[0]["latency"])

    @performance_function("MB/s")
    def bandwidth(self):
        return float(self.rows(COMM_ROW)[-1]["mb_per_s"])


@rfm.simple_test
class TfmLinear(TfmCheck):
    """The slowest product of a layer at 128 rows, as a share of what the core can do."""
    num_tasks = 1
    dtype = parameter(["float32", "bfloat16", "int8"])
    tags = {"kernels"}

    @run_before("run")
    def set_options(self):
        self.executable_opts = self.options("bench", "linear", "--lengths", "128", "--dtype", self.dtype)

    @sanity_function
    def all_maps(self):
        return sn.assert_eq(sn.len(sn.defer(self.rows(LINEAR_ROW))), 4)

    @performance_function("%")
    def share_of_peak(self):
        return min(float(m["share_of_peak"]) for m in self.rows(LINEAR_ROW))
