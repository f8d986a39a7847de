"""Spack recipe. Use it from a clone: spack repo add deploy/spack; spack install tfm-cluster."""
from spack.package import *


class TfmCluster(CMakePackage):
    """Pipeline-parallel inference of transformer models on CPUs over MPI: Hugging Face checkpoints
    as they are, the same bits for any number of ranks."""

    # A local clone is the source: spack dev-build, or spack develop.
    version("main")
    version("0.1.0")

    variant("onednn", default=False, description="Offer --backend onednn (oneDNN 2.x)")
    variant("tests", default=False, description="Build the tests")

    license("Apache-2.0")
    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("openmpi@4.1:4")
    depends_on("openblas threads=none")
    depends_on("hwloc@2:")
    depends_on("cjson@1.7:")
    depends_on("utf8-proc@2.4:")
    depends_on("pcre2@10.3: +jit")
    depends_on("zlib-api")
    depends_on("zstd")
    depends_on("onednn@2", when="+onednn")
    depends_on("cmocka", when="+tests", type="build")
    depends_on("python@3.9:", when="+tests", type="build")

    requires("target=x86_64_v3:", when="target=x86_64:", msg="AVX2 and FMA are the least")

    def cmake_args(self):
        return [
            self.define_from_variant("TFM_WITH_ONEDNN", "onednn"),
            self.define_from_variant("TFM_BUILD_TESTS", "tests"),
        ]

    def setup_run_environment(self, env):
        env.set("OPENBLAS_NUM_THREADS", "1")  # the program has threads of its own
