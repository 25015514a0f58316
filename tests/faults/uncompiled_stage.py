"""The holed stage with a Faust that was installed without its compiled part."""

import runpy
import sys

if __name__ == "__main__":
    sys.modules["faust._cython.streams"] = None  # type: ignore[assignment]
    runpy.run_module("tests.faults.holed_stage", run_name="__main__")
