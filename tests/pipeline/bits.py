"""The same bits every time, over real ranks: one hash for any np, stages, replicas, cuts."""
import harness
from local import DTYPES, one_hash

MPI = [
    (2, []),
    (3, []),
    (8, []),
    (3, ["--layers", "0-3a,3f-6"]),
    (8, ["--replicas", 2, "--stages", 3]),
    (4, ["--stages", 1]),
    (5, ["--bind", "none", "--max-batch-tokens", 700]),
]


def test_mpi_layouts_give_the_hash_of_no_mpi():
    one_hash([(0, [])] + MPI)


def test_mpi_layouts_give_the_hash_of_no_mpi_in_any_dtype():
    for dtype in DTYPES[1:]:
        one_hash([(0, dtype), (3, [*dtype, "--layers", "0-3a,3f-6"]), (5, [*dtype, "--bind", "none", "--max-batch-tokens", 700])])


if __name__ == "__main__":
    harness.run(globals())
